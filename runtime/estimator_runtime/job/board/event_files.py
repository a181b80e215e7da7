"""What TensorBoard reads of a model directory, kept in a local directory like the store's.

Event files only ever grow, and TensorBoard keeps them open: what is new is appended to the local file, never put in its
place. Of each file only what is not here is read from the store.
"""

from pathlib import Path
from typing import Final

from estimator_runtime.mirror import files
from estimator_runtime.mirror.bucket import Bucket, Stored

_PLUGINS: Final = "plugins"
"""Folder below a run in which the profiler and other plugins have files of their own."""


class EventFiles:
    """The event files of one model directory.

    Args:
        bucket: where from.
        root: the local directory.
    """

    def __init__(self, bucket: Bucket, root: Path) -> None:
        self._bucket = bucket
        self._root = root
        self._whole: dict[str, Stored] = {}

    def look(self) -> int:
        """Brings what has come since the last look; returns of how many files.

        Raises:
            ModelDirUnavailableError: the store cannot be read; what has come until then stays.
            StoreSettingsError: nor will it.
        """
        there = {key: one for key, one in self._bucket.list().items() if _is_shown(key)}
        news = sum(self._bring(key, one) for key, one in there.items())
        for path in [one for one in self._root.rglob("*") if one.is_file()]:
            if path.relative_to(self._root).as_posix() not in there:
                path.unlink(missing_ok=True)
        return news

    def _bring(self, key: str, stored: Stored) -> bool:
        path = self._root / key
        if self._whole.get(key) == stored and path.exists():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if files.is_events(key):
                self._bucket.download_rest(key, path, size=stored.size)
            else:
                self._bucket.download(key, path)
        except FileNotFoundError:
            # It was deleted since it was listed.
            return False
        self._whole[key] = stored
        return True


def _is_shown(key: str) -> bool:
    is_plugins = _PLUGINS in key.split("/")[:-1]
    return files.can_be_a_file(key) and (files.is_events(key) or is_plugins)
