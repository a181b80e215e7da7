"""EmbeddingConfigSpec: how embeddings would be spread over the memories of TPUs."""

from typing import Any, NamedTuple, Self


class _Fields(NamedTuple):
    feature_columns: Any
    tensor_core_feature_columns: Any
    optimization_parameters: Any
    clipping_limit: Any
    pipeline_execution_with_tensor_core: Any
    experimental_gradient_multiplier_fn: Any
    feature_to_config_dict: Any
    table_to_config_dict: Any
    partition_strategy: Any
    profile_data_directory: Any


class EmbeddingConfigSpec(_Fields):
    """Says of which columns or tables the embeddings are to be kept on TPUs, and how they are trained there.

    It can be made, so that a program which makes one for its TPUs alone can be imported and run. A TPUEstimator that is
    given one refuses it: there is no TPU here, and feature columns or `tf.nn.embedding_lookup` in the model function are
    what trains embeddings on CPUs and GPUs. Nothing of it is checked, and no column is sorted out for the tensor cores.
    """

    __slots__ = ()

    def __new__(
        cls,
        feature_columns: Any = None,
        optimization_parameters: Any = None,
        clipping_limit: Any = None,
        pipeline_execution_with_tensor_core: Any = False,
        experimental_gradient_multiplier_fn: Any = None,
        feature_to_config_dict: Any = None,
        table_to_config_dict: Any = None,
        partition_strategy: Any = "div",
        profile_data_directory: Any = None,
    ) -> Self:
        """Keeps what it is given."""
        return super().__new__(
            cls,
            feature_columns=feature_columns,
            tensor_core_feature_columns=[],
            optimization_parameters=optimization_parameters,
            clipping_limit=clipping_limit,
            pipeline_execution_with_tensor_core=pipeline_execution_with_tensor_core,
            experimental_gradient_multiplier_fn=experimental_gradient_multiplier_fn,
            feature_to_config_dict=feature_to_config_dict,
            table_to_config_dict=table_to_config_dict,
            partition_strategy=partition_strategy,
            profile_data_directory=profile_data_directory,
        )
