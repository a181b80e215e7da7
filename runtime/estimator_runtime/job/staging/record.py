"""The record of what of an input has been brought: one line for each file, written when the file is whole."""

import json
import threading
from pathlib import Path

from estimator_runtime.job.staging.sources import Entry


class Record:
    """Lines of JSON, of which the last one about a file counts; half a line at the end is none.

    Args:
        path: its file.
        uri: where the input comes from: a record of another place says nothing.
    """

    def __init__(self, path: Path, uri: str) -> None:
        self._path = path
        self._uri = uri
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int | None, str]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    found = json.loads(line)
                except ValueError:
                    continue
                if found["uri"] == uri:
                    self._known[found["key"]] = (found["size"], found["mark"])

    def has(self, entry: Entry) -> bool:
        """Whether this content of the file was brought; never of one whose content nobody can tell from another."""
        return bool(entry.mark) and self._known.get(entry.key) == (entry.size, entry.mark)

    def keys(self) -> set[str]:
        """The files that were brought."""
        return set(self._known)

    def add(self, entry: Entry) -> None:
        """Takes that a file is whole."""
        line = {"uri": self._uri, "key": entry.key, "size": entry.size, "mark": entry.mark}
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            self._known[entry.key] = (entry.size, entry.mark)
