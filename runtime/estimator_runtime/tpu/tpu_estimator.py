"""TPUEstimator: an Estimator for programs that were written to train on TPUs, and train here on CPUs and GPUs."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import tensorflow as tf

from estimator_runtime import arguments
from estimator_runtime.errors import TPUNotSupportedError, ValueKindError
from estimator_runtime.estimator import Estimator
from estimator_runtime.export.saved_model import ExportPath
from estimator_runtime.model.bound_model import check_arguments
from estimator_runtime.model.model_fn import ModeKeys
from estimator_runtime.tpu import speed
from estimator_runtime.tpu.embedding import EmbeddingConfigSpec
from estimator_runtime.tpu.host_model import BATCH_SIZE, HostModel
from estimator_runtime.tpu.run_config import RunConfig
from estimator_runtime.tpu.tpu_config import TPUConfig

_RESERVED = [BATCH_SIZE, "context"]


class ExportSavedModelApiVersion(Enum):
    """Two ways of exporting a model for TPUs; a model for CPUs and GPUs is the same in both."""

    V1 = 1
    V2 = 2


class TPUEstimator(Estimator):
    """Trains, evaluates, predicts with and exports a model whose functions are written for TPUs, without a TPU.

    It does what an Estimator does, with what tf.estimator 2.15 did for such functions with `use_tpu=False`:

    * `input_fn` and `model_fn` take `params`, in which they find `batch_size`: that of the mode. The model function also
      finds `use_tpu`, False. No `batch_size` is there in an export;
    * `model_fn` returns a TPUEstimatorSpec, or an EstimatorSpec;
    * training tells examples per second beside steps per second, and no loss in the log;
    * evaluations and predictions of a model that was never trained run on first values.

    Args:
        model_fn: function that builds the model; see `Estimator`.
        model_dir: see `Estimator`.
        config: a `tpu.RunConfig`.
        params: dict of hyperparameters; `batch_size` and `context` are not the program's to set.
        use_tpu: whether to compute on a TPU. It must be False.
        train_batch_size: number of examples of a training step.
        eval_batch_size: number of examples of a batch in an evaluation; None if `input_fn` needs none.
        predict_batch_size: likewise in a prediction.
        batch_axis: which dimension of each tensor a TPU would split; not used.
        eval_on_tpu: not used.
        export_to_tpu: whether exports also hold the model for TPUs; they do not, and it is no error to ask.
        export_to_cpu: whether exports hold the model for CPUs and GPUs; without it nothing can be exported.
        warm_start_from: see `Estimator`.
        embedding_config_spec: how a TPU would keep embeddings; without one the model function looks them up itself, in the
            columns of `tf.compat.v1.tpu.experimental` as in others.
        export_saved_model_api_version: not used.

    Raises:
        TPUNotSupportedError: (a ValueError and a RuntimeError) `use_tpu` is true.
        ValueError: `config` is no `tpu.RunConfig`, `params` has a reserved key, or as `Estimator`.
        TypeError: there is no `model_fn`.
    """

    def __init__(
        self,
        model_fn: Callable[..., Any] | None = None,
        model_dir: str | bytes | os.PathLike[str] | None = None,
        config: RunConfig | None = None,
        params: Mapping[str, Any] | None = None,
        use_tpu: bool = True,
        train_batch_size: int | None = None,
        eval_batch_size: int | None = None,
        predict_batch_size: int | None = None,
        batch_axis: Any = None,  # noqa: ARG002 - a TPU's
        eval_on_tpu: bool = True,  # noqa: ARG002 - a TPU's
        export_to_tpu: bool = True,
        export_to_cpu: bool = True,
        warm_start_from: Any = None,
        embedding_config_spec: EmbeddingConfigSpec | None = None,
        export_saved_model_api_version: ExportSavedModelApiVersion = ExportSavedModelApiVersion.V1,  # noqa: ARG002 - a TPU's
    ) -> None:
        if not isinstance(config, RunConfig):
            raise ValueError(  # noqa: TRY004 - tf.estimator's type
                "`config` must be provided with type `tpu_config.RunConfig`, that is "
                f"tf.compat.v1.estimator.tpu.RunConfig; given: {config}"
            )
        if params is not None and any(key in params for key in _RESERVED):
            raise ValueError(f"{_RESERVED} are reserved keys but existed in params {params}.")
        _check_without_tpu(use_tpu=use_tpu)
        if embedding_config_spec and not isinstance(embedding_config_spec, EmbeddingConfigSpec):
            raise ValueKindError(
                f"embedding_config_spec must be an EmbeddingConfigSpec, given: {embedding_config_spec}"
            )
        if not isinstance(config.tpu_config, TPUConfig):
            raise ValueKindError(f"tpu_config of a RunConfig is a TPUConfig, given: {config.tpu_config}")
        if not callable(model_fn):
            raise TypeError(f"model_fn must be provided to TPUEstimator, and be callable; given: {model_fn}")
        if params is None and "params" in arguments.declared(model_fn):
            params = {}  # there is a batch size to find in it
        check_arguments(model_fn, params)
        self._export_to_tpu, self._export_to_cpu = export_to_tpu, export_to_cpu
        sizes = {
            ModeKeys.TRAIN: train_batch_size,
            ModeKeys.EVAL: eval_batch_size,
            ModeKeys.PREDICT: predict_batch_size,
        }

        def speed_hook() -> Any:
            return speed.hook(
                config.tpu_config.iterations_per_loop,
                config.log_step_count_steps,
                batch_size=train_batch_size,
                directory=self.model_dir if config.save_summary_steps else None,
            )

        host = HostModel(model_fn=model_fn, batch_sizes=sizes, speed_hook=speed_hook)
        super().__init__(
            host,
            model_dir,
            # The hook of the speed is in the place of the Estimator's, and there is no other line.
            RunConfig.replace(config, log_step_count_steps=None),
            {} if params is None else params,
            warm_start_from,
            fresh_variables_if_untrained=True,
        )
        self._bound = dataclasses.replace(self._bound, call_input=host.call_input)

    def _assert_members_are_not_overridden(self) -> None:
        """See `Estimator`; the step of its own below is this class's to make."""
        if type(self) is not TPUEstimator:
            super()._assert_members_are_not_overridden()

    def _create_global_step(self, graph: Any) -> Any:
        """A resource variable, where the program's other variables are references too: a step on a TPU counted in nothing else.

        So what is read beside a step, as a rate that falls with it, is read before it, in any order of the graph's operations.

        Raises:
            ValueError: the graph has a global step.
        """
        v1 = tf.compat.v1
        if v1.train.get_global_step(graph) is not None:
            raise ValueError('"global_step" already exists.')
        with graph.as_default(), graph.name_scope(""):
            return v1.get_variable(
                v1.GraphKeys.GLOBAL_STEP,
                shape=[],
                dtype=tf.int64,
                initializer=v1.zeros_initializer(),
                trainable=False,
                use_resource=True,
                collections=[v1.GraphKeys.GLOBAL_VARIABLES, v1.GraphKeys.GLOBAL_STEP],
            )

    def _export_all_saved_models(self, *given: Any, **settings: Any) -> ExportPath:
        """See `Estimator`.

        Raises:
            TPUNotSupportedError: (a ValueError) only a model for TPUs is to be exported.
            ValueError: or none.
        """
        if not (self._export_to_cpu or self._export_to_tpu):
            raise ValueError("One of export_to_cpu and export_to_tpu must be true.")
        if not self._export_to_cpu:
            raise TPUNotSupportedError(
                "A model for TPUs alone cannot be exported without a TPU: make the TPUEstimator with export_to_cpu=True, and "
                "the export holds the model for CPUs and GPUs."
            )
        return super()._export_all_saved_models(*given, **settings)


def _check_without_tpu(*, use_tpu: bool) -> None:
    if use_tpu:
        raise TPUNotSupportedError(
            "TPUEstimator computes on CPUs and GPUs here: pass use_tpu=False (True is the default), as programs have a flag "
            "for. What is only for TPUs, as tf.compat.v1.tpu.CrossShardOptimizer, goes with it."
        )
