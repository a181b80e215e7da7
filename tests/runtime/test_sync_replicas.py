"""Replicas that train together: SyncReplicasOptimizer, in processes of their own."""

import pathlib

import pytest
import tensorflow as tf
from cluster_tasks import Job, free_ports

from estimator_runtime.loop import sessions

v1 = tf.compat.v1
PROGRAM = pathlib.Path(__file__).with_name("sync_job.py")
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def job(tmp_path):
    jobs = []

    def make(fails_at=None):
        chief, worker, ps = (f"127.0.0.1:{port}" for port in free_ports(3))
        cluster = {"chief": [chief], "worker": [worker], "ps": [ps]}
        jobs.append(Job(tmp_path, PROGRAM, {"fails_at": fails_at}, cluster))
        for task in (jobs[-1].servers[0], jobs[-1].chief, jobs[-1].workers[0]):
            task.start()
        return jobs[-1]

    yield make
    for each in jobs:
        each.end()


def test_all_end_with_the_last_step_though_a_thread_of_the_chief_waits_for_gradients(job):
    running = job()
    assert running.chief.await_end() == 0, running.logs()
    assert running.last_step() >= 30
    assert running.workers[0].await_end() == 0, running.logs()
    assert running.servers[0].await_end() == 0, running.logs()


def test_a_chief_that_fails_ends_though_a_thread_waits_for_gradients(job):
    running = job(fails_at=5)
    assert running.chief.await_end() == 1, running.logs()
    assert running.chief.lines("NaN loss during training")


@pytest.mark.parametrize("is_sparse", [False, True])
def test_only_where_gradients_are_waited_for_the_grace_is_short(is_sparse):
    with tf.Graph().as_default() as graph:
        weight = v1.get_variable("weight", [4, 1], initializer=v1.zeros_initializer())
        loss = tf.reduce_sum(tf.nn.embedding_lookup(weight, [1]) if is_sparse else weight)
        step = v1.train.create_global_step()
        descent = v1.train.GradientDescentOptimizer(0.1)
        descent.minimize(loss, step)
        assert sessions._stop_grace_secs(graph) == 120
        v1.train.SyncReplicasOptimizer(descent, 1).minimize(loss, step)
        assert sessions._stop_grace_secs(graph) == 2
