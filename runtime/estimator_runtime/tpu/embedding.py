"""EmbeddingConfigSpec: how embeddings would be spread over the memories of TPUs."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

from estimator_runtime.errors import ValueKindError
from estimator_runtime.tpu.optimization_parameters import OptimizationParameters


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
    """Says of which columns the embeddings are to be kept on TPUs, and how they are trained there.

    Without a TPU nothing is done by it, as in tf.estimator 2.15 with `use_tpu=False`: the model function looks embeddings up
    in its columns and trains them with its own optimizer. It is checked as there.

    Args:
        feature_columns: list of the columns, those of `tf.compat.v1.tpu.experimental` or others.
        optimization_parameters: how they would be trained, `tf.compat.v1.tpu.experimental.AdagradParameters` and the like.
        clipping_limit: greatest absolute value of a gradient.
        pipeline_execution_with_tensor_core: whether a TPU would look up the next batch at the same time.
        experimental_gradient_multiplier_fn: function of the global step by which gradients would be multiplied.
        feature_to_config_dict: dict from feature to its configuration, in place of columns. TensorFlow no longer has these
            configurations.
        table_to_config_dict: the same of tables.
        partition_strategy: "div" or "mod".
        profile_data_directory: where a TPU's lookups would be profiled.

    Raises:
        ValueError: there are no columns, no parameters for them, or there is no such strategy.
        TypeError: what is given as a column or configuration is none.
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
        """Checks what it is given, and keeps it."""
        if partition_strategy not in ("div", "mod"):
            raise ValueError(f'partition_strategy must be "div" or "mod", given: {partition_strategy}')
        if feature_columns:
            _check_columns(feature_columns, optimization_parameters)
        elif feature_to_config_dict and table_to_config_dict:
            raise ValueKindError(
                "Configurations of tables and features are not in TensorFlow any more: give feature_columns in place of "
                f"{feature_to_config_dict} and {table_to_config_dict}."
            )
        else:
            raise ValueError("`feature_columns` must be given and not be empty.")
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


def _check_columns(columns: Iterable[Any], parameters: Any) -> None:
    for column in columns:
        if not hasattr(column, "parse_example_spec"):
            raise ValueKindError(f"feature_columns holds what is no feature column: {column}")
    if not isinstance(parameters, OptimizationParameters):
        raise ValueError(  # noqa: TRY004 - tf.estimator's type
            "optimization_parameters must be one of tf.compat.v1.tpu.experimental (AdagradParameters, AdamParameters, "
            f"FtrlParameters, StochasticGradientDescentParameters), given: {parameters}"
        )
