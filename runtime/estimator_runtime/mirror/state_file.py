"""The file `checkpoint`: which checkpoints it names, and the same file for a directory of another name.

TensorFlow writes absolute paths where a program's saver does so; the store's file names files beside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from estimator_runtime import checkpoints
from estimator_runtime.mirror import files

_DELETED: Final = "# deleted: "


@dataclass(frozen=True, slots=True)
class State:
    """What the file says.

    Attributes:
        named: names of the checkpoints in its directory, the oldest first, the newest last; never empty.
        message: TensorFlow's own message, with all that it knows; None where nobody has written one.
    """

    named: tuple[str, ...]
    message: Any = None

    @property
    def newest(self) -> str:
        """Name of the newest checkpoint."""
        return self.named[-1]


def read(folder: Path) -> State | None:
    """What the file in `folder` says; None when it is missing or unreadable."""
    message = checkpoints.named_checkpoints(str(folder))
    if message is None:
        return None
    paths = (*message.all_model_checkpoint_paths, message.model_checkpoint_path)
    newest = Path(message.model_checkpoint_path).name
    others = dict.fromkeys(name for path in paths if (name := Path(path).name) != newest)
    return State((*others, newest), message)


def parse(content: bytes, folder: Path) -> State | None:
    """What `content` says, which is written to the empty folder `folder` for TensorFlow to read."""
    (folder / files.STATE).write_bytes(content)
    try:
        return read(folder)
    finally:
        (folder / files.STATE).unlink()


def content(state: State, names: Mapping[str, str], deleted: Iterable[str] = ()) -> bytes:
    """The file that names some of a state's checkpoints.

    Args:
        state: what the local file says.
        names: the names to write by those in the state, in any order; the newest must be among them.
        deleted: checkpoints that go as soon as the file is there. It says so in comments, for a process that is killed
            before would leave them for ever: nothing else tells them from those that are kept on purpose.
    """
    times = _times(state.message)
    kept = [name for name in state.named if name in names]
    text = [f'model_checkpoint_path: "{_quoted(names[state.newest])}"']
    text += [f'all_model_checkpoint_paths: "{_quoted(names[name])}"' for name in kept]
    if all(name in times for name in kept):
        text += [f"all_model_checkpoint_timestamps: {times[name]!r}" for name in kept]
        if state.message.last_preserved_timestamp:
            text.append(f"last_preserved_timestamp: {state.message.last_preserved_timestamp!r}")
    text += [f"{_DELETED}{name}" for name in sorted(deleted)]
    return "".join(f"{line}\n" for line in text).encode()


def deleted(content: bytes) -> list[str]:
    """The checkpoints that were to go when this file was written."""
    lines = content.decode(errors="replace").splitlines()
    return [line.removeprefix(_DELETED) for line in lines if line.startswith(_DELETED)]


def _times(message: Any) -> dict[str, float]:
    """When each checkpoint was saved, where the file says so: `tf.train.CheckpointManager` writes that."""
    if message is None:
        return {}
    names = (Path(path).name for path in message.all_model_checkpoint_paths)
    return dict(zip(names, message.all_model_checkpoint_timestamps, strict=False))


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')
