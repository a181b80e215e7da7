"""Predictions as JSON Lines: `predictions-00000.jsonl`, `predictions-00001.jsonl`, ..., and `_SUCCESS` at the end.

Readers never see half a file: a shard is written under another name and renamed when it is whole. Nor do they see
files of two runs side by side: what an earlier run left is removed first, so a pod that is started again begins anew.
Of that `_SUCCESS` goes before the rest: wherever the removal ends, no part of a set claims to be all of it.

A line is one JSON object, predictions by name. Numbers, booleans and nested lists are themselves; bytes are text when
they are UTF-8 and otherwise `{"b64": "..."}`, as TensorFlow Serving has it; what is not finite is the text "NaN",
"Infinity" or "-Infinity", for JSON has no such number.
"""

import base64
import json
import math
import re
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import tensorflow as tf

SUCCESS = "_SUCCESS"
SHARD_EXAMPLES = 100_000
_INCOMPLETE = ".incomplete"
OURS = re.compile(r"predictions-\d{5,}\.jsonl(\.incomplete)?|_SUCCESS")
"""Names of the files that are written."""


class PredictionFiles:
    """Writes predictions to one directory; a context that leaves `_SUCCESS` when it ends well.

    Args:
        directory: path or URI; made when it is not there.
        shard_examples: most lines in one file.

    Attributes:
        examples: lines written so far.
    """

    def __init__(self, directory: str, *, shard_examples: int = SHARD_EXAMPLES) -> None:
        self._directory = directory
        self._shard_examples = shard_examples
        self._file: Any = None
        self._shards = 0
        self.examples = 0

    def __enter__(self) -> Self:
        """Makes the directory, without what an earlier run left of its own."""
        tf.io.gfile.makedirs(self._directory)
        ours = [name for name in tf.io.gfile.listdir(self._directory) if OURS.fullmatch(name)]
        for name in sorted(ours, key=lambda name: name != SUCCESS):
            tf.io.gfile.remove(self._path(name))
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        """Completes the last file and says that all are there; after an error the last file stays incomplete."""
        if kind is not None:
            if self._file is not None:
                self._file.close()
            return
        if self._file is not None or self._shards == 0:
            self._complete(self._file or self._open())
        with tf.io.gfile.GFile(self._path(SUCCESS), "w") as file:
            file.write("")  # a file that nothing is written to is not made

    def write(self, example: Mapping[str, Any]) -> None:
        """Writes one line."""
        if self._file is None:
            self._file = self._open()
        document = {name: plain(value) for name, value in example.items()}
        self._file.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
        self.examples += 1
        if self.examples % self._shard_examples == 0:
            self._complete(self._file)

    def _open(self) -> Any:
        return tf.io.gfile.GFile(self._path(self._name() + _INCOMPLETE), "w")

    def _complete(self, file: Any) -> None:
        file.write("")  # as above: the one file of an empty input
        file.close()
        tf.io.gfile.rename(self._path(self._name() + _INCOMPLETE), self._path(self._name()), overwrite=True)
        self._shards += 1
        self._file = None

    def _name(self) -> str:
        return f"predictions-{self._shards:05}.jsonl"

    def _path(self, name: str) -> str:
        return str(tf.io.gfile.join(self._directory, name))


def plain(value: Any) -> Any:
    """`value`, a numpy array or scalar or bytes, as `json` can write it."""
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
