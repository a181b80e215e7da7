"""Interruption: the process was told to stop before training ended.

Whoever handles SIGTERM calls `request()`, and has the training session stop after its current step (a hook that
requests the stop, so that the last checkpoint is saved). `train_and_evaluate` then ends without the evaluations and
the `finished` marker that a real end of training brings; a parameter server and an evaluator, which no session stops,
return. `request()` is safe in a signal handler.

Where nothing would look for the request, its handler raises `Interrupted` instead.
"""

import signal
import threading

EXIT_CODE = 143
"""Exit code of a process that SIGTERM ended (128 + 15)."""

_requested = threading.Event()


class Interrupted(SystemExit):
    """Ends an interrupted process from wherever its main thread is; no `except Exception` keeps it from that."""

    def __init__(self) -> None:
        super().__init__(EXIT_CODE)


def request() -> None:
    """Asks every role of this process to return soon."""
    _requested.set()


def requested() -> bool:
    """Tells whether the process is to stop."""
    return _requested.is_set()


def keep_handler() -> None:
    """Puts Python's own disposition of SIGTERM in force again: a handler, or that the signal ends the process.

    A MultiWorkerMirroredStrategy that is made eagerly starts TensorFlow's coordination service, which takes the signal
    for a notice of preemption that nobody here asks for: the process would go on until it is killed. Outside the main
    thread, which alone may do so, nothing happens.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def clear() -> None:
    """Forgets the request, for a process that goes on with another run."""
    _requested.clear()
