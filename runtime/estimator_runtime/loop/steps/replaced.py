"""What a program may have put in the place of TensorFlow's own, and which hooks look at a step at all.

Programs and libraries trace, time and distribute a training by replacing one of these. What they put there is called for
every step, as it would be without this package's own way of running one.
"""

from typing import Any

import tensorflow as tf

_train: Any = tf.compat.v1.train
_MONITORED_SESSION = _train.MonitoredSession
_MONITORED_RUN = _MONITORED_SESSION.run
_SESSION = tf.compat.v1.Session
_RUN = _SESSION.run
_LOOKS = {name: getattr(_train.SessionRunHook, name) for name in ("before_run", "after_run")}


def monitored_session() -> bool:
    """Whether the program has a MonitoredSession of its own."""
    return _train.MonitoredSession is not _MONITORED_SESSION or _MONITORED_SESSION.run is not _MONITORED_RUN


def run_of(session: Any) -> bool:
    """Whether the program has its own `run`: for all sessions, or for this one, which may be of a class of its own."""
    return type(session) is not _SESSION or _SESSION.run is not _RUN or "run" in vars(session)


def looks(hook: Any) -> bool:
    """Whether a hook has a `before_run` or an `after_run` of its own, by its class or put on it."""
    kind: Any = type(hook)
    return (
        kind.__getattribute__ is not object.__getattribute__
        or any(getattr(kind, name, None) is not inherited for name, inherited in _LOOKS.items())
        or not _LOOKS.keys().isdisjoint(vars(hook))
    )
