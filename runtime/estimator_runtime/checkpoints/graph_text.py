"""A graph as text, for `graph.pbtxt`: the text that `tf.io.write_graph` writes, with less time and memory.

A graph holds the arrays that a program made its input of. protobuf escapes them byte by byte in Python and holds the text
of the whole graph several times; here what is large is escaped by NumPy and written piece by piece.
"""

import contextlib
import os
import re
import uuid
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import tensorflow as tf
from google.protobuf import text_encoding, text_format  # type: ignore[import-untyped]

NAME: Final = "graph.pbtxt"
_LARGE: Final = 4096
_PIECE: Final = 2**20
# Of one byte: no escape has more than four characters, and none has a zero, by which NumPy fills them up.
_ESCAPES: Final = np.array(
    [text_encoding.CEscape(bytes([byte]), False).encode() for byte in range(256)], "S4"
)


def write(definition: Any, directory: str) -> None:
    """Writes a graph to `graph.pbtxt` in a directory, in the place of what was there, whole or not at all.

    Args:
        definition: GraphDef; what is large in it is taken out.
        directory: path or URI; made when it is not there.
    """
    tf.io.gfile.makedirs(directory)
    path = os.path.join(directory, NAME)  # noqa: PTH118 - may be a gs:// address
    temporary = f"{path}.tmp{uuid.uuid4().hex}"
    try:
        with tf.io.gfile.GFile(temporary, "wb") as file:
            for piece in _pieces(definition):
                file.write(piece)
        tf.io.gfile.rename(temporary, path, overwrite=True)
    except BaseException:
        with contextlib.suppress(tf.errors.OpError):
            tf.io.gfile.remove(temporary)
        raise


def _pieces(definition: Any) -> Iterator[bytes]:
    """The text, in pieces of about a MiB where it is long."""
    taken: list[bytes] = []
    mark = uuid.uuid4().hex
    for tensor in _tensors(definition):
        if len(tensor.tensor_content) > _LARGE:
            taken.append(tensor.tensor_content)
            tensor.tensor_content = f"{mark}{len(taken) - 1}.".encode()
    text = text_format.MessageToString(definition)
    # What is between marks, and the numbers in them, by turns.
    for place, part in enumerate(re.split(rf"{mark}(\d+)\.", text)):
        if place % 2 == 0:
            yield part.encode()
            continue
        content = np.frombuffer(taken[int(part)], np.uint8)
        for start in range(0, len(content), _PIECE):
            yield _ESCAPES[content[start : start + _PIECE]].tobytes().replace(b"\0", b"")


def _tensors(definition: Any) -> Iterator[Any]:
    """The arrays in a graph and in its functions."""
    functions = (function.node_def for function in definition.library.function)
    for nodes in (definition.node, *functions):
        for node in nodes:
            for value in node.attr.values():
                if value.HasField("tensor"):
                    yield value.tensor
                yield from value.list.tensor
