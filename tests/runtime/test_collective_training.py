"""Chief and workers that make every step together, as real processes."""

import json
import os
import re
import signal

import collective_tasks
import lost_tasks
import numpy as np
import pytest
import tensorflow as tf
from collective_tasks import AVERAGES_PROGRAM, CollectiveJob


@pytest.fixture
def job(tmp_path):
    with collective_tasks.jobs_in(tmp_path) as make:
        yield make


@pytest.mark.parametrize("strategy", ["eager", "graph", "v1"])
def test_all_tasks_make_the_same_steps(job, strategy):
    running = job(strategy=strategy, steps=120).start(evaluator=True)
    assert running.await_ends() == [0, 0, 0], running.logs()
    assert running.evaluator.await_end() == 0, running.logs()
    for task in running.trainers:
        assert running.steps(task) == list(range(1, 121))
    for step in (1, 50, 100, 120):
        first, *others = [running.variables(task, step) for task in running.trainers]
        assert others == [first, first], "variables are equal on all tasks"
    checkpoints = sorted(path.name for path in running.model_dir.glob("model.ckpt-*.index"))
    assert checkpoints == [
        "model.ckpt-0.index",
        "model.ckpt-100.index",
        "model.ckpt-120.index",
        "model.ckpt-50.index",
    ]
    assert not list(running.model_dir.glob("tmp_*")), "the chief alone saves"
    (values,) = running.chief.lines(r"^VALUES (.*)$")
    np.testing.assert_allclose(json.loads(values)["w"], [1, -2, 3, 0.5], atol=1e-2)
    assert running.evaluator.lines("Saving dict for global step 120")
    assert running.last_step() == 120


@pytest.mark.parametrize("strategy", ["graph", "eager"])
def test_the_method_train_trains_alike(job, strategy):
    running = job(call="train", strategy=strategy, steps=20, workers=1).start()
    assert running.await_ends() == [0, 0], running.logs()
    assert [running.steps(task) for task in running.trainers] == 2 * [list(range(1, 21))]
    assert running.last_step() == 20


def test_a_cluster_of_one_task_trains(job):
    running = job(workers=0, steps=60).start()
    assert running.await_ends() == [0], running.logs()
    assert running.last_step() == 60


@pytest.mark.parametrize(
    ("settings", "last", "is_finished"),
    [
        pytest.param({"examples": {"worker-1": 32}, "steps": 100}, 4, True, id="input ends"),
        pytest.param(
            {"nothing_to_repeat": {"worker-1": True}, "steps": 100}, 0, True, id="nothing to repeat"
        ),
        pytest.param({"stops_after": {"worker-0": 3}, "steps": 100}, 4, True, id="a worker's hook stops"),
        pytest.param({"stops_after": {"chief-0": 3}, "steps": 100}, 4, True, id="the chief's hook stops"),
        pytest.param({"stops_at": {"worker-1": 5}, "steps": 100}, 5, True, id="a worker's last step"),
        pytest.param({"stops_at_checkpoint": 5, "steps": 100}, 5, True, id="a checkpoint's step"),
        pytest.param(
            {"sigterm_after": {"worker-1": 5}, "strategy": "eager", "steps": 100}, 6, False, id="SIGTERM"
        ),
    ],
)
def test_tasks_end_after_the_same_step(job, settings, last, is_finished):
    running = job(**settings).start()
    codes = running.await_ends()
    assert codes == [0, 0, 0], running.logs()
    for task in running.trainers:
        assert running.steps(task) == list(range(1, last + 1)), running.logs()
    assert running.last_step() == last
    # One that is told to end has not finished the training of all, and the others are told by it.
    assert (running.model_dir / "finished").exists() == is_finished
    told = [] if is_finished else ["True"]
    assert [task.lines("^INTERRUPTED (True)") for task in running.trainers] == 3 * [told]


def test_after_the_end_of_the_input_a_task_may_take_longer_than_the_others(job):
    running = job(examples={"worker-1": 32}, steps=100, outlives={"chief-0": True}).start()
    assert running.await_ends() == [0, 0, 0], running.logs()
    assert running.chief.lines("^END"), running.logs()
    assert running.last_step() == 4


def test_an_input_called_endless_that_ends_in_training_fails_its_task(job):
    running = job(repeats_nothing_after={"worker-1": 24}, steps=100).start()
    codes = running.await_ends()
    assert 0 not in codes, running.logs()
    for task in running.trainers:
        assert running.steps(task) == [1, 2, 3], running.logs()
    first_cause = "The input has ended, of which tf.data said that it is endless"
    assert running.workers[1].lines(first_cause), running.logs()
    for task in (running.chief, running.workers[0]):
        assert task.lines("is lost: nobody listens|Another task of the cluster is gone"), running.logs()
    # No end of a training: when all are started again they go on.
    assert not (running.model_dir / "finished").exists()


def test_a_loss_that_is_not_a_number_on_one_task_ends_all(job):
    running = job(nan_at={"worker-0": 17}, steps=100).start()
    assert running.await_ends() == [3, 3, 3], running.logs()
    assert [running.steps(task) for task in running.trainers] == 3 * [[1, 2]], running.logs()


def test_batches_of_other_sizes_are_means_of_their_own(job):
    running = job(batch={"chief-0": 1, "worker-0": 2, "worker-1": 3}, steps=5).start()
    assert running.await_ends() == [0, 0, 0], running.logs()
    first, *others = [running.variables(task, 5) for task in running.trainers]
    assert others == [first, first]


@pytest.mark.parametrize("victim", ["chief", "worker-0", "worker-1"])
def test_when_a_task_is_killed_the_others_end_and_all_go_on_together(job, victim):
    running = job(steps=2000, save_steps=20, pace=0.01).start()
    task = next(each for each in running.trainers if each.name.startswith(victim))
    others = [each for each in running.trainers if each is not task]
    for each in running.trainers:
        each.await_line(r"^STEP 30 ")
    task.kill()
    for each in others:
        assert each.await_end() != 0, running.logs()
        assert each.lines("is lost: nobody listens|Another task of the cluster is gone"), running.logs()
    saved = running.last_step()
    running.settings["steps"] = saved + 40
    for each in running.trainers:
        each.start()
    assert running.await_ends() == [0, 0, 0], running.logs()
    for each in running.trainers:
        assert running.steps(each) == list(range(saved + 1, saved + 41))


def test_a_task_that_stands_still_is_lost_after_a_while_and_not_before(job):
    running = job(steps=100000, pace=0.01).start()
    for each in running.trainers:
        each.await_line(r"^STEP 30 ")
    os.kill(running.workers[0].process.pid, signal.SIGSTOP)
    # Longer than a port that nobody listens at is given.
    running.workers[1].process.join(8)
    assert running.workers[1].process.is_alive()
    before = running.steps(running.chief)[-1]
    os.kill(running.workers[0].process.pid, signal.SIGCONT)
    running.chief.await_line(rf"^STEP {before + 10} ")
    assert re.search("ERROR", running.chief.text()) is None


def test_who_never_comes_is_named_when_the_time_for_a_session_is_over(job):
    running = job(session_secs=4)
    assert running.chief.start().await_end() == 1, running.logs()
    (missing,) = running.chief.lines("tasks of the cluster have not come: (.*)")
    for worker, address in enumerate(running.cluster["worker"]):
        assert f"worker-{worker} ({address}: nobody listens)" in missing


@pytest.mark.parametrize(
    ("victim", "name", "point"),
    [("chief-0", "SIGSTOP", "save"), ("worker-1", "SIGKILL", "start"), ("worker-0", "SIGKILL", "end")],
)
def test_a_task_is_lost_and_all_go_on_from_the_newest_checkpoint(tmp_path, victim, name, point):
    """Cells of `make matrix`, which has all of them, at full patience with a process that stands still."""
    tasks = lost_tasks.Tasks(tmp_path, lost_tasks.Cell(victim, name, point), silent_secs=4)
    try:
        tasks.play()
    finally:
        tasks.end()


@pytest.mark.parametrize(
    ("averages", "means"), [("read by all", [1.0, 1.5, 1.875]), ("keras", [0.5, 0.75, 0.9375])]
)
def test_averages_of_each_replica(tmp_path, averages, means):
    """Batches of ones and threes, momentum 1/2 from 0: after one step half of a batch's mean. Keras 3's are the chief's own."""
    saved = []
    running = CollectiveJob(tmp_path, 1, {"averages": averages, "steps": 1}, program=AVERAGES_PROGRAM)
    try:
        for steps in (1, 2, 4):
            running.settings["steps"] = steps
            running.start()
            assert running.await_ends() == [0, 0], running.logs()
            assert running.last_step() == steps
            checkpoint = tf.train.latest_checkpoint(str(running.model_dir))
            (mean,) = tf.train.load_variable(checkpoint, "norm/moving_mean")
            saved.append(float(mean))
    finally:
        running.end()
    assert saved == means
