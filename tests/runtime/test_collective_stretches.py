"""Quiet stretches of tasks that make every step together, as real processes: all make the same calls, whoever looks when."""

import itertools
import os
import signal

import collective_tasks
import pytest

LOOKS = {"chief-0": 40, "worker-0": 25, "worker-1": 10_000}


@pytest.fixture
def job(tmp_path):
    with collective_tasks.jobs_in(tmp_path) as make:
        yield make


def seen_together(running):
    """The steps that hooks saw, of each task."""
    return [running.steps(task) for task in running.trainers]


@pytest.mark.parametrize("model", [{"optimizer": "adam"}, {"rows": 50}], ids=["adam", "table"])
def test_stretches_make_the_steps_that_single_calls_make(job, model):
    values = []
    for steps_per_loop in (1, 16):
        running = job(**model, steps=120, steps_per_loop=steps_per_loop, looks=LOOKS, save_steps=30).start()
        assert running.await_ends() == [0, 0, 0], running.logs()
        values.append(running.chief.lines("^VALUES (.*)$"))
        seen = seen_together(running)
        assert all(steps[-1] == 120 for steps in seen)
        if steps_per_loop == 1:
            assert seen == [list(range(1, 121))] * 3
        else:
            assert all(len(steps) < 40 for steps in seen), seen
            assert seen[0] == seen[1] == seen[2], "a step that one hook sees is made by itself on all tasks"
            assert all(later - step <= 16 for step, later in itertools.pairwise(seen[0]))
        assert [path.name for path in sorted(running.model_dir.glob("*.index"))] == [
            f"model.ckpt-{step}.index" for step in (0, 120, 30, 60, 90)
        ]
    assert values[0] == values[1]


def test_by_auto_stretches_grow_on_all_tasks(job):
    running = job(steps=600, seed=None, looks=LOOKS, log_steps=200, save_steps=600).start()
    assert running.await_ends() == [0, 0, 0], running.logs()
    seen = seen_together(running)
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][-1] == 600
    assert len(seen[0]) < 300


def test_a_hook_that_sees_every_step_of_one_task_is_shown_them(job):
    running = job(steps=60, steps_per_loop=16, looks={"chief-0": 1000, "worker-1": 1000}).start()
    assert running.await_ends() == [0, 0, 0], running.logs()
    assert seen_together(running) == [list(range(1, 61))] * 3


def test_an_input_that_ends_is_read_by_single_steps(job):
    running = job(steps=100, steps_per_loop=16, looks=LOOKS, examples={"worker-1": 3 * 8}).start()
    assert running.await_ends() == [0, 0, 0], running.logs()
    assert seen_together(running) == [[1, 2, 3]] * 3


def test_a_hook_that_stops_ends_all_after_two_steps(job):
    running = job(steps=10_000, steps_per_loop=16, looks=LOOKS, stops_after={"worker-0": 5}).start()
    assert running.await_ends() == [0, 0, 0], running.logs()
    seen = seen_together(running)
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) == 6
    # The next one is the last of a stretch of one.
    assert seen[0][-1] - seen[0][-2] <= 2


def test_a_loss_that_is_not_a_number_ends_all_in_the_midst_of_a_stretch(job):
    # The first 32 examples of each task are four batches of 8.
    running = job(steps=100, steps_per_loop=50, looks=LOOKS, nan_at={"worker-1": 29}).start()
    assert running.await_ends() == [3, 3, 3], running.logs()
    for task in running.trainers:
        assert max(running.steps(task)) <= 3
        assert task.lines("^NAN")


@pytest.mark.parametrize("seed", [1, None])
def test_a_task_that_is_told_to_end_ends_all(job, seed):
    settings = {"steps_per_loop": 16} if seed else {}
    running = job(steps=100_000, seed=seed, looks=LOOKS, save_steps=100_000, log_steps=1000, **settings)
    running.start()
    running.workers[0].await_line(r"^STEP \d{2,}")
    os.kill(running.workers[1].process.pid, signal.SIGTERM)
    assert running.await_ends() == [0, 0, 0], running.logs()
    seen = seen_together(running)
    assert seen[0] == seen[1] == seen[2]
    assert all(task.lines("^INTERRUPTED True") for task in running.trainers)


def test_a_task_that_is_lost_in_a_stretch_ends_the_others(job):
    running = job(
        steps=10_000_000, steps_per_loop=1_000_000, looks=LOOKS, save_steps=10_000_000, log_steps=10_000_000
    )
    running.start()
    running.chief.await_line(r"^STEP 2 ")
    running.workers[1].kill()
    assert running.chief.await_end() == 1, running.logs()
    assert running.workers[0].await_end() == 1, running.logs()
