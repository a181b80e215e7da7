"""What went wrong in a call of a callable, said as `Session.run` says it: with the operation and where it was made."""

import re
import traceback
from typing import Any, Final

import tensorflow as tf

_TAG = re.compile(
    r"\{\{(?P<kind>[A-Za-z0-9_.][A-Za-z0-9_.\-/]*) (?P<name>[A-Za-z0-9_.][A-Za-z0-9_.\-/]*)\}\}"
)
_FAILED_NODE = re.compile(r"\[\[(?:Node: )?(?:\{\{node )?(?P<name>[^} ]*)")
LOST: Final = (tf.errors.AbortedError, tf.errors.UnavailableError)
"""What a monitored session takes for a lost server."""
# Of several errors of one call TensorFlow shows the first, be it that the call was cancelled for the others.
_LOST_BESIDE = re.compile(r"^(?:ABORTED|UNAVAILABLE): From /job:", re.MULTILINE)
_NHWC_ONLY = "only supports NHWC tensor format"
_NHWC_ADVICE = (
    "\nA possible workaround: Try disabling Grappler optimizer\nby modifying the config for creating the session eg."
    "\nsession_config.graph_options.rewrite_options.disable_meta_optimizer = True"
)


def is_lost_server(error: BaseException) -> bool:
    """Whether an error is that a server is lost, which a new session may mend."""
    if isinstance(error, tf.errors.CancelledError):
        return bool(_LOST_BESIDE.search(tf.compat.as_text(error.message)))
    return isinstance(error, LOST)


def explained(error: tf.errors.OpError, graph: Any) -> tf.errors.OpError:
    """The same error with what the graph knows of it.

    Args:
        error: as a callable raises it: without operation, its message full of tags ("{{node loss}}").
        graph: the session's graph.

    Returns:
        An error of the same type, as `Session.run` would have raised it.
    """
    text = tf.compat.as_text(error.message)
    failed = _FAILED_NODE.search(text)
    operation = None if failed is None else _operation(graph, failed["name"])
    lines = ["Graph execution error:", ""]
    for tag in _TAG.finditer(text):
        named = None if tag["kind"] == "function_node" else _operation(graph, tag["name"])
        if named is not None:
            lines.extend(_place(named))
    lines.append(_TAG.sub(lambda tag: "" if tag["kind"] == "function_node" else tag[0], text).strip())
    message = "\n".join(lines)
    if _NHWC_ONLY in message:
        message += _NHWC_ADVICE
    return type(error)(None if operation is None else operation.node_def, operation, message)


def _operation(graph: Any, name: str) -> Any:
    try:
        return graph.get_operation_by_name(name)
    except (KeyError, ValueError):
        return None


def _place(operation: Any) -> list[str]:
    """Where in the program an operation was made, as lines; without frames where TensorFlow made it by itself."""
    lines = [f"Detected at node {operation.name!r} defined at (most recent call last):"]
    stack = operation.traceback
    frames = [] if stack is None else traceback.format_list(stack.get_user_frames())
    for frame in frames:
        if "<embedded" not in frame:
            lines.extend(f"  {line}" for line in frame.split("\n") if line.strip())
    return [*lines, f"Node: {operation.name!r}"]
