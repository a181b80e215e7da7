"""What `tf.compat.v1.estimator.tpu` has under `experimental`."""

from estimator_runtime.tpu.embedding import EmbeddingConfigSpec

__all__ = ["EmbeddingConfigSpec"]
