"""Where the first values of a model's variables come from when its own directory has no checkpoint yet."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import tensorflow as tf

from estimator_runtime.checkpoints import paths

VocabInfo = tf.compat.v1.train.VocabInfo


class _Settings(NamedTuple):
    ckpt_to_initialize_from: str
    vars_to_warm_start: str | Sequence[Any] | None
    var_name_to_vocab_info: Mapping[str, Any]
    var_name_to_prev_var_name: Mapping[str, str]


class WarmStartSettings(_Settings):
    """Which variables to take from which checkpoint.

    Args:
        ckpt_to_initialize_from: a checkpoint's path prefix, a directory with checkpoints, or a SavedModel.
        vars_to_warm_start: regular expression over names of trainable variables, a list of expressions (over all
            variables), a list of variables, or None for none but those in `var_name_to_vocab_info`.
        var_name_to_vocab_info: dict from variable name to the `VocabInfo` of its rows.
        var_name_to_prev_var_name: dict from variable name to its name in the checkpoint.


    Raises:
        ValueError: `ckpt_to_initialize_from` is empty.
    """

    __slots__ = ()

    def __new__(  # noqa: D102 - the class documents its arguments
        cls,
        ckpt_to_initialize_from: str | bytes | os.PathLike[str],
        vars_to_warm_start: str | Sequence[Any] | None = ".*",
        var_name_to_vocab_info: Mapping[str, Any] | None = None,
        var_name_to_prev_var_name: Mapping[str, str] | None = None,
    ) -> Self:
        if not ckpt_to_initialize_from:
            raise ValueError("`ckpt_to_initialize_from` MUST be set in WarmStartSettings")
        return super().__new__(
            cls,
            os.fsdecode(ckpt_to_initialize_from),
            vars_to_warm_start,
            var_name_to_vocab_info or {},
            var_name_to_prev_var_name or {},
        )

    def apply(self) -> None:
        """Changes the initializers of the default graph's variables; call it when the model is built."""
        tf.compat.v1.train.warm_start(
            paths.prefix(self.ckpt_to_initialize_from),
            self.vars_to_warm_start,
            self.var_name_to_vocab_info,
            self.var_name_to_prev_var_name,
        )

    def assignment(self) -> Any:
        """Adds an operation to the default graph that gives its variables these values, and leaves their initializers alone."""
        keys = tf.compat.v1.GraphKeys
        variables = {
            id(one): one
            for key in (keys.GLOBAL_VARIABLES, keys.TRAINABLE_VARIABLES, keys.LOCAL_VARIABLES)
            for one in tf.compat.v1.get_collection(key)
        }
        before = [(vars(one), dict(vars(one))) for one in variables.values()]
        self.apply()
        assigned = []
        for own, former in before:
            if own.get(_INITIALIZER) is not former.get(_INITIALIZER):
                assigned += tf.distribute.get_strategy().experimental_local_results(own[_INITIALIZER])
            for name in (_INITIALIZER, _INITIAL_VALUE):
                own.pop(name, None)
                own.update({name: former[name]} if name in former else {})
        return tf.group(assigned)


# What TensorFlow's warm start puts on a variable. They have no public names.
_INITIALIZER = "_initializer_op"
_INITIAL_VALUE = "_initial_value"


def settings_of(warm_start_from: Any) -> WarmStartSettings | None:
    """The settings that `warm_start_from` stands for.

    Args:
        warm_start_from: None, WarmStartSettings, or the path of a checkpoint, of a directory with checkpoints or of
            a SavedModel.

    Raises:
        ValueError: anything else.
    """
    if warm_start_from is None or isinstance(warm_start_from, WarmStartSettings):
        return warm_start_from
    if not isinstance(warm_start_from, str | bytes | os.PathLike):
        raise ValueError(  # noqa: TRY004 - tf.estimator's type
            "warm_start_from must be a string or a WarmStartSettings, instead got "
            f"{type(warm_start_from)}: {warm_start_from}"
        )
    path = os.fsdecode(warm_start_from)
    variables = f"{path.rstrip('/')}/variables/variables"
    if tf.compat.v1.gfile.Exists(f"{variables}.index"):
        tf.compat.v1.logging.info("Warm-starting from the SavedModel %s.", path)
        return WarmStartSettings(variables)
    return WarmStartSettings(path)
