"""SIGTERM ends the main thread even where Python drops what its handler raises."""

import signal
import subprocess
import sys

import pytest

# Only the main thread's own end prints the word: by force the process ends without it, and with another code.
PROGRAM = """
import gc, os, signal, time, weakref
from estimator_runtime.job.termination import Termination

def told(*_, once=[signal.SIGTERM]):
    # A collection comes at the interpreter's end as well.
    if once:
        os.kill(os.getpid(), once.pop())

class Gone:
    def __del__(self):
        told()

class Watched:
    pass

def forks():
    if not os.fork():
        os._exit(0)

{before}
Termination(600.0, lambda: os._exit(1)).install()
try:
    {program}
    while True:
        time.sleep(0.1)
finally:
    print("left", flush=True)
"""


@pytest.mark.parametrize(
    ("before", "program"),
    [
        # Nearer to the fork than the handler's own hooks.
        ("os.register_at_fork(before=told)", "forks()"),
        ("os.register_at_fork(after_in_parent=told)", "forks()"),
        # Farther from it.
        ("", "os.register_at_fork(before=told); forks()"),
        ("", "os.register_at_fork(after_in_parent=told); forks()"),
        ("", "Gone()"),
        ("", "one = Watched(); dead = weakref.ref(one, told); del one"),
        ("", "gc.callbacks.append(told); gc.collect()"),
    ],
    ids=[
        "just before a fork",
        "just after a fork",
        "before a fork",
        "after a fork",
        "a finalizer",
        "a weak reference",
        "a collection",
    ],
)
def test_the_main_thread_ends_by_itself(before, program):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before, program=program)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "left\n"), done.stderr
    assert done.stderr == ""


def test_what_others_drop_is_told_as_before():
    program = "weak = weakref.ref(Watched(), lambda _: 1 / 0); told()"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before="", program=program)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "left\n"), done.stderr
    assert "ZeroDivisionError" in done.stderr
