"""Processes that a program forks are ended by SIGTERM, and end nobody else."""

import os
import signal
import subprocess
import sys

import pytest

from estimator_api import parse_progress

POOL = """
from multiprocessing import get_context
with get_context("fork").Pool(2) as pool:
    assert pool.map(abs, [-1, -2]) == [1, 2]
"""
# It is ended when the interpreter goes, as processes that are left are.
LEFT_OPEN = """
from multiprocessing import get_context
pool = get_context("fork").Pool(2)
assert pool.map(abs, [-1, -2]) == [1, 2]
left = get_context("fork").Process(target=pool._taskqueue.get, daemon=True)
left.start()
"""
IN_A_STEP = """
import time
from multiprocessing import get_context
import tensorflow as tf

class Forks(tf.estimator.SessionRunHook):
    def after_run(self, run_context, run_values):
        child = get_context("fork").Process(target=time.sleep, args=(600,))
        child.start()
        child.terminate()
        child.join(60)
        assert child.exitcode == -15, child.exitcode

def model_fn(features, mode):
    step = tf.compat.v1.assign_add(tf.compat.v1.train.get_global_step(), 1)
    return tf.estimator.EstimatorSpec(mode, loss=tf.constant(1.0), train_op=step)

def input_fn():
    return tf.data.Dataset.from_tensors([1.0]).repeat()

tf.estimator.Estimator(model_fn).train(input_fn, hooks=[Forks()], steps=3)
"""
# The last word is the thread's that SIGTERM wakes, which looks as often as it is woken.
THEN = """
import threading
watching = [one for one in threading.enumerate() if one.name == "sigterm"]
assert len(watching) == 1
watching[0].join(1)
print("past", flush=True)
"""
OWN_HANDLER = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
child = os.fork()
if not child:
    signal.pause()
    os._exit(1)
os.kill(child, signal.SIGTERM)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
IGNORED = """
import os, signal, time
from estimator_runtime.job.termination import Termination
own = Termination(1.0, lambda: os._exit(143))
own.install()
own.ignore()
child = os.fork()
if not child:
    time.sleep(600)
os.kill(child, signal.SIGTERM)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
print("past")
"""


def run(tmp_path, script):
    path = tmp_path / "program.py"
    path.write_text(script)
    log = tmp_path / "termination"
    environment = {
        "ESTIMATOR_MODEL_DIR": str(tmp_path / "model"),
        "ESTIMATOR_JOB_NAME": "job",
        "ESTIMATOR_NAMESPACE": "default",
        "ESTIMATOR_ROLE": "chief",
        "ESTIMATOR_INDEX": "0",
        "ESTIMATOR_TERMINATION_LOG": str(log),
    }
    done = subprocess.run(
        [sys.executable, "-m", "estimator_runtime.job", "--script", str(path)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done, log


@pytest.mark.parametrize("script", [POOL, LEFT_OPEN, IN_A_STEP, OWN_HANDLER])
def test_a_program_may_end_what_it_has_forked(tmp_path, script):
    done, log = run(tmp_path, script + THEN)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["past"]), done.stderr
    assert parse_progress(log.read_text()).error is None


def test_a_child_that_is_forked_at_the_end_can_be_ended():
    done = subprocess.run(
        [sys.executable, "-c", IGNORED], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (0, "past\n"), done.stderr


def test_the_process_itself_hears_the_signal_after_it_has_forked(tmp_path):
    script = """
import os, signal, time
from multiprocessing import get_context
with get_context("fork").Pool(1) as pool:
    pool.map(abs, [1])
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(600)
"""
    done, log = run(tmp_path, script)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert parse_progress(log.read_text()).error.startswith("Stopped by SIGTERM")
