"""Values over the replicas of all tasks that a summary or a hook asks for in training, as real processes."""

import collections

import collective_tasks
import pytest
import tensorflow as tf


@pytest.fixture
def job(tmp_path):
    with collective_tasks.jobs_in(tmp_path) as make:
        yield make


def steps_of_values(directory):
    """{tag: steps} of the events in a directory."""
    steps = collections.defaultdict(list)
    for path in sorted(directory.glob("events.out.tfevents.*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                steps[value.tag].append(event.step)
    return steps


@pytest.mark.parametrize("steps_per_loop", [1, 16])
def test_summaries_of_metrics_are_written_by_the_chief(job, steps_per_loop):
    # Each task looks at steps of its own.
    looks = {"chief-0": 7, "worker-0": 40} if steps_per_loop > 1 else {}
    running = job(
        workers=1, steps=60, log_steps=10, steps_per_loop=steps_per_loop, looks=looks, mae=["summary"]
    ).start()
    assert running.await_ends() == [0, 0], running.logs()
    steps = steps_of_values(running.model_dir)
    assert steps["mae"] == steps["mae_so_far"] == steps["loss"] == [1, 11, 21, 31, 41, 51]
    assert len(list(running.model_dir.glob("events.out.tfevents.*"))) == 1


def test_hooks_of_all_tasks_have_values_of_all_by_steps(job):
    running = job(workers=1, steps=30, mae=["steps"]).start()
    assert running.await_ends() == [0, 0], running.logs()
    logged = [task.lines(r"mae of batches = ([\d.]+)") for task in running.trainers]
    assert len(logged[0]) == 6
    assert logged[0] == logged[1], "the value is that of all"
    for task in running.trainers:
        events = task.log.with_name(f"{task.log.name}.events")
        assert steps_of_values(events)["own_mae"] == [1, 5, 9, 13, 17, 21, 25, 29]


@pytest.mark.parametrize(
    ("asking", "said"),
    [
        ("chief", "SummarySaverHook among the training_chief_hooks"),
        ("seconds", "mae of batches asks by time"),
    ],
)
def test_who_would_ask_alone_is_refused_on_all_tasks(job, asking, said):
    running = job(workers=1, steps=30, mae=[asking]).start()
    assert running.await_ends() == [1, 1], running.logs()
    for task in running.trainers:
        assert task.lines(f"DistributionNotSupportedError: A .*{said}"), task.text()
