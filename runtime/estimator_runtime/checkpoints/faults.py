"""Whether a checkpoint on disk is whole.

A process that is killed, a disk that is full and a file system that shows files late leave checkpoints of which a file
is missing, cut short or overwritten. `fault` finds what can be seen without reading the values: missing files and
files too short for the shapes that the index lists. `condemn` reads every value, which also finds flipped bits; it is
for a checkpoint that failed to restore or has come from a store, and what it finds is remembered for the life of the
process.
"""

import math
import os.path
import re
from dataclasses import dataclass

import tensorflow as tf

_SHARD = re.compile(r"\.data-(\d{5})-of-(\d{5})$")
UNREADABLE = (tf.errors.OpError, ValueError, RuntimeError, OSError, IndexError)
"""What TensorFlow raises for files that it cannot read; IndexError is a reader's for a file that is too short."""


@dataclass(frozen=True, slots=True)
class _Version:
    """Which writing of a checkpoint is meant: a later one of the same name is another."""

    prefix: str
    modified: int
    length: int


_WHOLE: set[_Version] = set()
_READ: set[_Version] = set()
_CONDEMNED: dict[_Version, str] = {}


def fault(prefix: str) -> str | None:
    """Returns what is wrong with the files of the checkpoint at `prefix`, or None."""
    version = _version(prefix)
    if version is None:
        # Without an index it can still be one of TensorFlow's first format, a single file.
        return None if tf.io.gfile.exists(prefix) else "its index file is missing"
    if version in _CONDEMNED:
        return _CONDEMNED[version]
    if version in _WHOLE:
        return None
    found = _missing_data(prefix)
    if found is None:
        _WHOLE.add(version)
    return found


def condemn(prefix: str, *, in_session: bool = True) -> bool:
    """Reads all of a checkpoint; returns whether something is wrong with it, and remembers that.

    Args:
        prefix: of the checkpoint.
        in_session: whether a session is made for values that numpy has no type for, such as the states of iterators. A
            process must not that has made none yet: the first one decides how many threads all have.
    """
    version = _version(prefix)
    if version is None or version in _CONDEMNED:
        return True
    if version in _READ:
        return False
    found = _missing_data(prefix) or _bad_value(prefix, in_session=in_session)
    if found is None:
        if in_session:
            _READ.add(version)
    else:
        _CONDEMNED[version] = found
    return found is not None


def _version(prefix: str) -> _Version | None:
    try:
        status = tf.io.gfile.stat(f"{prefix}.index")
    except UNREADABLE:
        return None
    return _Version(prefix, status.mtime_nsec, status.length)


def _missing_data(prefix: str) -> str | None:
    try:
        shards = _shards(prefix)
        held = sum(tf.io.gfile.stat(path).length for path in shards.values())
    except UNREADABLE as error:
        return f"its files cannot be listed ({type(error).__name__})"
    wanted = next(iter(shards))[1] if shards else 1
    if len(shards) < wanted:
        return f"{wanted - len(shards)} of its {wanted} data files are missing"
    try:
        needed = _least_bytes(prefix)
    except UNREADABLE as error:
        return f"its index file cannot be read ({type(error).__name__})"
    return f"its data files hold {held} of {needed} bytes" if held < needed else None


def _shards(prefix: str) -> dict[tuple[int, int], str]:
    """The data files by (index, number of them); a listing, for a name may hold characters that a glob would read."""
    directory, name = os.path.split(prefix)
    found = {}
    for listed in tf.io.gfile.listdir(directory or "."):
        match = _SHARD.match(listed, len(name)) if listed.startswith(name) else None
        if match is not None:
            found[int(match[1]), int(match[2])] = os.path.join(directory, listed)  # noqa: PTH118 - may be a URI
    return found


def _least_bytes(prefix: str) -> int:
    """Bytes that the values need; those of strings and the like, whose length the index does not tell, are left out."""
    reader = tf.compat.v1.train.NewCheckpointReader(prefix)
    types = reader.get_variable_to_dtype_map()
    return sum(
        math.prod(shape) * types[name].size
        for name, shape in reader.get_variable_to_shape_map().items()
        if types[name].is_floating or types[name].is_integer or types[name].is_complex or types[name].is_bool
    )


def _bad_value(prefix: str, *, in_session: bool) -> str | None:
    try:
        reader = tf.compat.v1.train.NewCheckpointReader(prefix)
        types = reader.get_variable_to_dtype_map()
    except UNREADABLE as error:
        return f"its index file cannot be read ({type(error).__name__})"
    for name in sorted(types):
        if not _has_numpy(types[name]):
            if in_session and _is_lost(prefix, name, types[name]):
                return f"the value of {name} cannot be read"
            continue
        try:
            reader.get_tensor(name)
        except UNREADABLE as error:
            return f"the value of {name} cannot be read ({type(error).__name__})"
    return None


def _has_numpy(dtype: tf.DType) -> bool:
    try:
        return dtype.as_numpy_dtype is not None
    except KeyError:
        return False


def _is_lost(prefix: str, name: str, dtype: tf.DType) -> bool:
    """Whether a value is not as it was saved; other errors say nothing of it: its kind may be unknown here."""
    without_devices = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
    with tf.Graph().as_default(), tf.compat.v1.Session(config=without_devices) as session:
        read = tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=[name], shape_and_slices=[""], dtypes=[dtype])
        try:
            session.run(read[0].op)
        except (tf.errors.DataLossError, tf.errors.OutOfRangeError):
            return True
        except tf.errors.OpError:
            pass
    return False
