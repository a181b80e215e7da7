"""TensorFlow's notices that its version 1 interface is deprecated, kept out of a job's log.

An Estimator program is made of that interface, and TensorFlow explains several lines of what to write instead for each
function of it, and for its own inner ones: sixty notices for a model with feature columns, in each task, between which
step and loss are not seen. One line stands for them. Other warnings stay.
"""

import logging
import warnings

import tensorflow as tf

_NOTICE = "From %s: %s (from %s) is deprecated"
_INSTEAD = "TensorFlow calls parts of its version 1 interface deprecated; they work, and its notices are left out here."


class _Notices(logging.Filter):
    """Lets one line pass in the place of all notices."""

    def __init__(self) -> None:
        super().__init__()
        self._said = False

    def filter(self, record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith(_NOTICE):
            return True
        if self._said:
            return False
        self._said = True
        record.msg, record.args, record.levelno, record.levelname = _INSTEAD, (), logging.INFO, "INFO"
        return bool(tf.get_logger().isEnabledFor(logging.INFO))


def leave_out() -> None:
    """Leaves the notices out of this process's log; a second call changes nothing."""
    logger = tf.get_logger()
    if not any(isinstance(one, _Notices) for one in logger.filters):
        logger.addFilter(_Notices())
        warnings.filterwarnings("ignore", message=r"`layer\.add_variable` is deprecated")
