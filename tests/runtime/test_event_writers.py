"""Event files: open no longer than the call that writes them, one for each call and directory, and complete."""

import gc
import os
import shutil
import threading
from pathlib import Path

import linear_model
import pytest
import tensorflow as tf
from linear_model import eval_input, train_input, v1

from estimator_runtime import EvalSpec, TrainSpec, experimental, train_and_evaluate
from estimator_runtime.loop import event_files as event_files_module
from estimator_runtime.loop import event_writers

Cache = v1.summary.FileWriterCache
WRITER_THREAD = "EventLoggerThread"


@pytest.fixture(autouse=True)
def no_writers_of_others():
    Cache.clear()
    yield
    Cache.clear()


def open_event_files(root):
    """Event files below a directory that this process has open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            path = descriptor.readlink()
        except OSError:
            continue
        if str(root) in str(path) and "tfevents" in str(path):
            found.append(path)
    return found


def writer_threads():
    return [thread for thread in threading.enumerate() if thread.name == WRITER_THREAD]


def threads_of_process():
    return len(list(Path("/proc/self/task").iterdir()))


def event_files(directory):
    return sorted(Path(directory).glob("*tfevents*"))


def events(directory):
    return [event for file in event_files(directory) for event in v1.train.summary_iterator(str(file))]


def values(directory, tag):
    return [event.step for event in events(directory) for value in event.summary.value if value.tag == tag]


def estimator_in(directory, model=linear_model.model_fn, **config):
    return linear_model.estimator(directory, model, **{"save_summary_steps": 2, **config})


def looped(estimator, max_steps=10):
    return train_and_evaluate(
        estimator,
        TrainSpec(train_input, max_steps=max_steps),
        EvalSpec(eval_input, steps=1, throttle_secs=0),
    )


def failing(estimator):
    def fail(*_):
        raise ZeroDivisionError

    hook = v1.train.SessionRunHook()
    hook.after_run = fail
    with pytest.raises(ZeroDivisionError):
        estimator.train(train_input, steps=3, hooks=[hook])


CALLS = {
    "train": lambda e: e.train(train_input, steps=3),
    "train and evaluate": lambda e: e.train(train_input, steps=3).evaluate(eval_input),
    "train_and_evaluate": looped,
    "evaluations inside": lambda e: e.train(
        train_input, steps=3, hooks=[experimental.InMemoryEvaluatorHook(e, eval_input, every_n_iter=1)]
    ),
    "training that fails": failing,
}


@pytest.mark.parametrize("call", CALLS)
def test_no_event_file_and_no_thread_is_left(tmp_path, call):
    CALLS[call](estimator_in(tmp_path))
    assert open_event_files(tmp_path) == []
    assert writer_threads() == []
    assert "loss" in {value.tag for event in events(tmp_path) for value in event.summary.value}


def test_a_search_over_models_leaves_nothing_open(tmp_path):
    looped(estimator_in(tmp_path / "first"))
    gc.collect()
    before = threads_of_process()
    for number in range(4):
        looped(estimator_in(tmp_path / str(number)))
    assert open_event_files(tmp_path) == []
    assert writer_threads() == []
    gc.collect()
    assert threads_of_process() <= before + 1, "of TensorFlow's pools, which grow for a while"


def test_a_directory_that_was_removed_and_trained_again_has_its_events(tmp_path):
    model_dir = tmp_path / "model"
    for _ in range(2):
        estimator_in(model_dir).train(train_input, steps=5).evaluate(eval_input)
        assert values(model_dir, "loss")[0] == 1
        assert values(model_dir / "eval", "loss") == [5]
        shutil.rmtree(model_dir)


@pytest.mark.parametrize("keep_file", [True, False])
def test_a_directory_whose_writer_is_the_programs(tmp_path, keep_file):
    """It writes on where its file is there; where that is gone, the training has a file of its own."""
    model_dir = tmp_path / "model"
    estimator = estimator_in(model_dir)
    with tf.Graph().as_default():
        own = Cache.get(estimator.model_dir)
    if not keep_file:
        own.flush()
        shutil.rmtree(model_dir)
    estimator.train(train_input, steps=5)
    assert values(model_dir, "loss")[0] == 1
    if keep_file:
        own.add_summary(v1.Summary(value=[v1.Summary.Value(tag="mine", simple_value=1)]), 7)
        own.flush()
        assert len(event_files(model_dir)) == 1
        assert values(model_dir, "mine") == [7]


def test_a_call_has_one_file_for_each_directory(tmp_path):
    for number in (1, 2):
        looped(estimator_in(tmp_path, save_checkpoints_steps=2), max_steps=10 * number)
        assert len(event_files(tmp_path)) == number
        assert len(event_files(tmp_path / "eval")) == number
    assert set(values(tmp_path / "eval", "mae")) >= {10, 20}


def test_calls_within_one_second_do_not_overwrite_each_other(tmp_path):
    estimator = estimator_in(tmp_path)
    for _ in range(3):
        estimator.train(train_input, steps=1)
    assert sorted(values(tmp_path, "loss")) == [1, 2, 3]


class OfAProgram(v1.train.SessionRunHook):
    """Writes through the cache, during training and at its end."""

    def __init__(self, directory):
        self.directory = directory
        self.steps = 0

    def write(self, tag):
        writer = Cache.get(self.directory)
        writer.add_summary(v1.Summary(value=[v1.Summary.Value(tag=tag, simple_value=1)]), self.steps)

    def after_run(self, run_context, run_values):
        self.steps += 1
        self.write("in a step")

    def end(self, session):
        self.write("at the end")


def test_hooks_of_the_program_write_to_the_same_file(tmp_path):
    estimator = estimator_in(tmp_path)
    hook = OfAProgram(estimator.model_dir)
    for number in (1, 2):
        estimator.train(train_input, steps=2, hooks=[hook])
        assert len(event_files(tmp_path)) == number
        assert open_event_files(tmp_path) == []
    assert values(tmp_path, "in a step") == [1, 2, 3, 4]
    assert values(tmp_path, "at the end") == [2, 4]


def summary_of(tag):
    return v1.Summary(value=[v1.Summary.Value(tag=tag, simple_value=1)]).SerializeToString()


def test_a_hook_that_keeps_its_writer_over_two_trainings(tmp_path):
    """As TensorFlow's own hooks keep the one that they got in their first training."""
    estimator = estimator_in(tmp_path)
    counter = v1.train.StepCounterHook(every_n_steps=1, output_dir=estimator.model_dir)
    for _ in range(2):
        estimator.train(train_input, steps=3, hooks=[counter])
        assert open_event_files(tmp_path) == []
    assert len(values(tmp_path, "global_step/sec")) >= 4


def test_what_is_written_after_a_call_is_not_lost(tmp_path):
    estimator = estimator_in(tmp_path).train(train_input, steps=2)
    writer = Cache.get(estimator.model_dir)
    writer.add_summary(summary_of("later"), 9)
    writer.flush()
    assert values(tmp_path, "later") == [9]
    estimator.train(train_input, steps=2)
    assert open_event_files(tmp_path) == []
    writer.add_summary(summary_of("last"), 10)
    writer.close()
    assert values(tmp_path, "last") == [10]
    assert open_event_files(tmp_path) == []


def test_a_summary_hook_of_an_evaluation_writes_to_the_file_of_the_evaluation(tmp_path):
    def model_fn(features, labels, mode):
        spec = linear_model.model_fn(features, labels, mode)
        if mode == "eval":
            shown = v1.summary.scalar("shown", spec.loss)
            hook = v1.train.SummarySaverHook(
                save_steps=1, output_dir=os.path.join(str(tmp_path), "eval"), summary_op=shown
            )
            return spec._replace(evaluation_hooks=[hook])
        return spec

    estimator_in(tmp_path, model_fn).train(train_input, steps=2).evaluate(eval_input)
    assert len(event_files(tmp_path / "eval")) == 1
    assert len(values(tmp_path / "eval", "shown")) == 2
    assert open_event_files(tmp_path) == []


def test_threads_that_write_to_one_directory_close_it_together(tmp_path):
    entered, leave = threading.Event(), threading.Event()

    def other():
        with event_writers.call(str(tmp_path)):
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(60)
    with event_writers.call(str(tmp_path)):
        event_writers.writer_of(str(tmp_path)).add_summary(summary_of("x"), 1)
    assert len(open_event_files(tmp_path)) == 1
    leave.set()
    thread.join(60)
    assert open_event_files(tmp_path) == []


def test_an_evaluation_without_a_batch_leaves_no_file(tmp_path):
    estimator = estimator_in(tmp_path).train(train_input, steps=1)
    estimator.evaluate(lambda: eval_input().take(0))
    assert not (tmp_path / "eval").exists()


def test_nobody_waits_for_the_cache_while_storage_is_looked_at(tmp_path, monkeypatch):
    """A directory that hangs holds up nobody who writes to another one."""
    directory = str(tmp_path)
    with tf.Graph().as_default():
        Cache.get(directory)
    free = []
    matching = event_files_module.matching

    def try_the_cache():
        free.append(Cache._lock.acquire(blocking=False))
        if free[-1]:
            Cache._lock.release()

    def look(*args):
        thread = threading.Thread(target=try_the_cache)
        thread.start()
        thread.join(60)
        return matching(*args)

    monkeypatch.setattr(event_files_module, "matching", look)
    with event_writers.call(directory):
        pass
    assert free == [True]
