"""Reading checkpoints: which is the newest that is whole, what is in it.

The file `checkpoint` in a model directory names the newest one. Where that is missing, or the checkpoint it names is
not whole, the next older one that is whole counts as the newest: a warning says so once, and nothing is deleted. A
training process, the only one to write there, also corrects the file (`repair`), so that TensorFlow's own functions
find the same.
"""

import os
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import tensorflow as tf

from estimator_runtime.checkpoints import faults, object_based
from estimator_runtime.checkpoints.faults import UNREADABLE
from estimator_runtime.errors import (
    CheckpointDamagedError,
    CheckpointMismatchError,
    EstimatorNotTrainedError,
)

_Path = TypeVar("_Path", str, str | None)
_Result = TypeVar("_Result")
_STANDARD_NAME = re.compile(r"(model\.ckpt-(\d+))\.index")
# Where a rename is no single operation, `checkpoint` is missing for a moment whenever it is replaced.
_LOOKS_FOR_STATE = 5
_PAUSE_SECS = 0.2
# What TensorFlow begins with where it finds out itself.
_MISMATCH = (
    "Restoring from checkpoint failed. This is most likely due to a mismatch between the current graph and the graph from "
    "the checkpoint. Please ensure that you have not altered the graph expected based on the checkpoint."
)
_WARNED: set[str] = set()
_STATELESS: set[str] = set()


def latest(model_dir: str) -> str | None:
    """Path prefix of the newest checkpoint in `model_dir` that is whole, or None.

    When there are checkpoints and none is whole, it is the one that the directory names, for an error to name it.
    """
    state = named_checkpoints(model_dir)
    if state is None and _listed(model_dir):
        state = _awaited(model_dir)
    named = None if state is None else str(state.model_checkpoint_path)
    if named is not None and faults.fault(named) is None:
        return named
    older = [] if state is None else [str(path) for path in reversed(state.all_model_checkpoint_paths)]
    for path in dict.fromkeys((*older, *_listed(model_dir))):
        if path != named and faults.fault(path) is None:
            _warn_once(
                f"{_what_is_wrong(model_dir, named)}; going on with {path}, the newest one that is whole. "
                "Nothing was deleted."
            )
            return path
    if named is None:
        return None
    _warn_once(f"{_what_is_wrong(model_dir, named)}, and there is no other one that is whole.")
    # A directory whose checkpoint was taken away holds an untrained model, as TensorFlow has it.
    return named if tf.io.gfile.exists(f"{named}.index") else None


def repair(model_dir: str) -> None:
    """Makes the file `checkpoint` name the newest checkpoint that is whole; for the process that writes there."""
    path = latest(model_dir)
    state = named_checkpoints(model_dir)
    if path is None or (state is not None and path == state.model_checkpoint_path):
        return
    known = [] if state is None else list(state.all_model_checkpoint_paths)
    others = [one for one in known if one != path and tf.io.gfile.exists(f"{one}.index")]
    tf.compat.v1.train.update_checkpoint_state(model_dir, path, [*others, path])


def on_newest(choose: Callable[[], _Path], use: Callable[[_Path], _Result], *, given: bool) -> _Result:
    """Calls `use` with the checkpoint that `choose` returns, and with an older one when that cannot be read.

    Args:
        choose: returns a path prefix, or None for fresh variables.
        use: restores the checkpoint.
        given: the caller asked for this very checkpoint: there is no other then.

    Raises:
        CheckpointPathError: the checkpoint is one of objects.
        CheckpointDamagedError: it cannot be read, and there is no other one.
    """
    while True:
        path = choose()
        try:
            return _used(use, path)
        except (tf.errors.OpError, IndexError) as error:
            if given or path is None or not condemned(path, error):
                raise
            if choose() == path:
                raise damaged(path) from error


def condemned(path: str, error: Exception) -> bool:
    """Whether a checkpoint is damaged that could not be used for an error; remembers that it is."""
    # A checkpoint reader's error is of no class in particular; and the input may be what is damaged. A data file that is
    # missing is to TensorFlow a variable that is: of those only what is wrong with the files is looked for.
    is_data = isinstance(error, tf.errors.DataLossError | tf.errors.OutOfRangeError | IndexError)
    if is_data or type(error) is tf.errors.OpError:
        return faults.condemn(path)
    is_missing = isinstance(error, tf.errors.NotFoundError | ValueError)
    return is_missing and faults.fault(path) is not None and faults.condemn(path)


def damaged(path: str, what: str | None = None) -> CheckpointDamagedError:
    """The error for a damaged checkpoint that has no substitute.

    Args:
        path: of the checkpoint.
        what: what is wrong with it; None for what its files say.
    """
    return CheckpointDamagedError(
        f"The checkpoint {path} is damaged ({what or faults.fault(path)}) and {os.path.dirname(path)} has no other one that is "  # noqa: PTH120 - may be a URI
        "whole. Put one back, or train from the beginning in another model_dir."
    )


def _used(use: Callable[[_Path], _Result], path: _Path) -> _Result:
    with object_based.explained(lambda: path):
        return use(path)


def trained(model_dir: str) -> str:
    """Path prefix of the newest checkpoint in `model_dir`.

    Raises:
        EstimatorNotTrainedError: there is none.
    """
    path = latest(model_dir)
    if path is None:
        raise EstimatorNotTrainedError(f"Could not find trained model in model_dir: {model_dir}.")
    return path


def global_step(model_dir: str) -> int:
    """The step of the newest checkpoint; 0 when there is none or it cannot be read."""
    try:
        path = latest(model_dir)
        if path is None:
            return 0
        reader = tf.compat.v1.train.NewCheckpointReader(path)
        is_of_objects = reader.has_tensor(object_based.GLOBAL_STEP)
        name = object_based.GLOBAL_STEP if is_of_objects else tf.compat.v1.GraphKeys.GLOBAL_STEP
        return int(reader.get_tensor(name))
    except UNREADABLE:
        # A checkpoint that is being replaced, or written by another program, must not keep training from starting:
        # restoring it will say what is wrong.
        return 0


def check_shapes(model_dir: str, variables: Iterable[Any]) -> None:
    """Holds the variables of a graph against the newest checkpoint, if there is one.

    Restoring does not: a resource variable takes a value of any shape, and the model then fails in the middle of a
    step, or trains on what was broadcast.

    Raises:
        CheckpointMismatchError: a variable has another shape in the checkpoint.
    """
    path = latest(model_dir)
    if path is not None:
        _check_shapes(path, variables, "Use another model_dir, or the model of the checkpoint.")


def check_trained(path: str, saver: Any) -> None:
    """Holds the trainable variables of the default graph against the checkpoint that they are going to be restored from.

    Args:
        path: the checkpoint's path prefix.
        saver: the model's own saver, None where it has none. What such a one restores is its own affair.

    Raises:
        CheckpointMismatchError: a variable has another shape in the checkpoint.
    """
    if saver is None and not tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.SAVERS):
        check_shapes_of(path, tf.compat.v1.trainable_variables())


def check_shapes_of(path: str, variables: Iterable[Any]) -> None:
    """Holds variables against the checkpoint that they are going to be restored from.

    Raises:
        CheckpointMismatchError: a variable has another shape in the checkpoint.
    """
    _check_shapes(path, variables, "Use the model of the checkpoint, or another checkpoint.")


def _check_shapes(path: str, variables: Iterable[Any], advice: str) -> None:
    try:
        saved = _reader(path).get_variable_to_shape_map()
    except UNREADABLE:
        return  # restoring it says so
    for variable in variables:
        name = variable.op.name
        if name in saved and not variable.shape.is_compatible_with(saved[name]):
            raise CheckpointMismatchError(
                f"{_MISMATCH} The variable {name} has shape {variable.shape.as_list()}, and in the checkpoint {path} "
                f"{saved[name]}: it is of another model. {advice}"
            )


def variable_names(model_dir: str) -> list[str]:
    """Names of all variables in the newest checkpoint.

    Raises:
        EstimatorNotTrainedError: there is no checkpoint.
        CheckpointDamagedError: it cannot be read, and there is no other one.
    """
    return on_newest(
        lambda: trained(model_dir),
        lambda path: sorted(_reader(path).get_variable_to_shape_map()),
        given=False,
    )


def variable_value(model_dir: str, name: str) -> Any:
    """Value of one variable in the newest checkpoint, a numpy array of the variable's shape and dtype.

    Its name may also be that of its Tensor, "w:0".

    Raises:
        EstimatorNotTrainedError: there is no checkpoint.
        CheckpointDamagedError: it cannot be read, and there is no other one.
        tf.errors.NotFoundError: the checkpoint has no such variable.
    """
    return on_newest(
        lambda: trained(model_dir),
        lambda path: _reader(path).get_tensor(name.removesuffix(":0")),
        given=False,
    )


def _reader(path: str) -> Any:
    # `tf.train.load_checkpoint` also takes directories, and to TensorFlow's file system in memory a prefix is one.
    return tf.compat.v1.train.NewCheckpointReader(path)


def eval_dir(model_dir: str, name: str | None) -> str:
    """Directory of the summaries of the evaluation called `name`."""
    if name and not isinstance(name, str):
        raise TypeError(f"The name of an evaluation is a string, given: {name!r}")
    return os.path.join(model_dir, f"eval_{name}" if name else "eval")  # noqa: PTH118 - may be a gs:// address


def named_checkpoints(model_dir: str) -> Any:
    """What the file `checkpoint` says, paths made absolute; None when it is missing or unreadable."""
    try:
        state = tf.train.get_checkpoint_state(model_dir)
    except ValueError:  # it is empty
        return None
    return state if state is not None and state.model_checkpoint_path else None


def _listed(model_dir: str) -> list[str]:
    """The checkpoints of the Estimator's names that the directory holds, the newest first."""
    try:
        names = tf.io.gfile.listdir(model_dir)
    except tf.errors.OpError:
        return []
    matches = filter(None, (_STANDARD_NAME.fullmatch(str(name)) for name in names))
    return [
        os.path.join(model_dir, match[1])  # noqa: PTH118 - may be a gs:// address
        for match in sorted(matches, key=lambda match: int(match[2]), reverse=True)
    ]


def _awaited(model_dir: str) -> Any:
    """What the file `checkpoint` says once it is there again; None when it stays away."""
    for _ in range(0 if model_dir in _STATELESS else _LOOKS_FOR_STATE):
        time.sleep(_PAUSE_SECS)
        state = named_checkpoints(model_dir)
        if state is not None:
            return state
    _STATELESS.add(model_dir)
    return None


def _what_is_wrong(model_dir: str, named: str | None) -> str:
    if named is None:
        return f"The file `checkpoint` in {model_dir} is missing or unreadable"
    return f"The checkpoint {named} is damaged or incomplete ({faults.fault(named)})"


def _warn_once(message: str) -> None:
    if message not in _WARNED:
        _WARNED.add(message)
        tf.compat.v1.logging.warning(message)
