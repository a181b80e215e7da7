"""Processes of the bench of stores.

    python store_processes.py train URI MEGABYTES STEPS    a model of that size, saved every 100 steps; says its steps/s
    python store_processes.py train-bare URI MEGABYTES STEPS   the same in a local directory, and the client library alone
                                                           carries each checkpoint to URI
    python store_processes.py carry URI MEGABYTES          a checkpoint of that size; answers what the standard input asks
    python store_processes.py save DIRECTORY MEGABYTES SAVES alone|shared    a task of the cluster in TF_CONFIG

The figures are lines of JSON on the standard output.
"""

import contextlib
import json
import os
import queue
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import obstore
import tensorflow as tf
from runtime_processes import Speed, Steps

from estimator_api.constants import CHIEF, ENV_MODEL_DIR
from estimator_runtime import EstimatorSpec, EvalSpec, RunConfig, TrainSpec, train_and_evaluate
from estimator_runtime.checkpoints import shared_files
from estimator_runtime.estimator import Estimator
from estimator_runtime.job import model_store
from estimator_runtime.job.progress.recorder import Recorder
from estimator_runtime.job.settings import environment
from estimator_runtime.job.termination import CHIEF_STEP_SECS, Termination
from estimator_runtime.mirror import locations, stores
from estimator_runtime.mirror.bucket import open_bucket
from estimator_runtime.mirror.fetching import Fetched, fetch
from estimator_runtime.mirror.report import Reporter
from estimator_runtime.mirror.writer import Writer

v1 = tf.compat.v1
SAVE_EVERY = 100
WIDTH = 2048
BATCH = 16
MEGABYTE = 1_000_000
VARIABLE_MEGABYTES = 64


def say(**figures):
    print(json.dumps(figures), flush=True)


def peak():
    """The most memory of this process so far, MiB."""
    with open("/proc/self/status") as status:
        (found,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    return int(found) / 1024


def layers(features, labels, mode, params):
    """Square layers of WIDTH, `params["layers"]` of them, of 16.8 MB each."""
    del labels
    layer = features["x"]
    for index in range(params["layers"]):
        weights = v1.get_variable(
            f"weights_{index}", [WIDTH, WIDTH], initializer=v1.glorot_uniform_initializer(seed=1)
        )
        layer = tf.nn.relu(tf.matmul(layer, weights))
    loss = tf.reduce_mean(tf.square(layer))
    train_op = v1.train.GradientDescentOptimizer(0.01).minimize(loss, v1.train.get_global_step())
    return EstimatorSpec(mode, loss=loss, train_op=train_op)


def ones():
    return tf.data.Dataset.from_tensors(({"x": tf.ones([BATCH, WIDTH])}, tf.zeros([BATCH]))).repeat()


class Carrier(v1.train.CheckpointSaverListener):
    """Carries the data of each checkpoint by the client library, in a thread, and does nothing else."""

    def __init__(self, uri, model_dir):
        self.store = stores.open_store(locations.parse(uri))
        self.model_dir = Path(model_dir)
        self.saved = queue.Queue()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def after_save(self, session, global_step_value):
        name = f"model.ckpt-{global_step_value}.data-00000-of-00001"
        # The saver may delete it before it has gone up.
        held = self.model_dir.parent / name
        os.link(self.model_dir / name, held)
        self.saved.put(held)

    def work(self):
        while (path := self.saved.get()) is not None:
            obstore.put(self.store, path.name, path)
            path.unlink()

    def close(self):
        self.saved.put(None)
        self.thread.join()


def train_at(model_dir, megabytes, steps, listeners=()):
    """Steps per second of the later ones, saves among them."""
    speed = Speed(steps)
    count = max(1, round(megabytes * MEGABYTE / (WIDTH * WIDTH * 4)))
    estimator = Estimator(
        layers,
        config=RunConfig(model_dir, save_checkpoints_steps=SAVE_EVERY, keep_checkpoint_max=2),
        params={"layers": count},
    )
    estimator.train(ones, hooks=[Steps(speed.see)], max_steps=steps, saving_listeners=listeners)
    return speed.value()


def train(uri, megabytes, steps):
    settings = environment.read({ENV_MODEL_DIR: uri})
    termination = Termination(CHIEF_STEP_SECS, lambda: None)
    with model_store.opened(settings, Recorder(CHIEF, 0), termination) as placed:
        speed = train_at(placed.model_dir, int(megabytes), int(steps))
    say(speed=speed)


def train_bare(uri, megabytes, steps):
    with tempfile.TemporaryDirectory() as folder:
        model_dir = Path(folder) / "model"
        carrier = Carrier(uri, model_dir)
        speed = train_at(str(model_dir), int(megabytes), int(steps), [carrier])
        carrier.close()
    say(speed=speed)


def variables(megabytes):
    """Variables of so many megabytes together, with values that nobody can compress."""
    sizes = [VARIABLE_MEGABYTES] * (megabytes // VARIABLE_MEGABYTES)
    sizes += [megabytes % VARIABLE_MEGABYTES] if megabytes % VARIABLE_MEGABYTES else []
    return [
        v1.get_variable(
            f"table_{index}",
            [size * MEGABYTE // 4000, 1000],
            initializer=v1.random_uniform_initializer(seed=index),
        )
        for index, size in enumerate(sizes)
    ]


class Carrying:
    """One checkpoint, carried to places of a store and back."""

    def __init__(self, uri, megabytes, folder):
        self.uri = uri
        self.folder = Path(folder)
        self.source = self.folder / "model"
        self.size = 0
        with tf.Graph().as_default(), v1.Session() as session:
            variables(megabytes)
            session.run(v1.global_variables_initializer())
            v1.train.Saver(save_relative_paths=True).save(session, str(self.source / "model.ckpt"), 1)
        self.size = sum(path.stat().st_size for path in self.source.iterdir())

    def upload_ours(self, place):
        writer = Writer(
            open_bucket(f"{self.uri}/{place}"),
            self.source,
            self._emptied("staging"),
            beginning=Fetched({}, {}, ()),
            mine=lambda key: True,
            reporter=Reporter(),
        )
        assert writer.run(everything=True), "nothing changes meanwhile"

    def upload_peer(self, place):
        store = stores.open_store(locations.parse(f"{self.uri}/{place}"))
        for path in sorted(self.source.iterdir()):
            obstore.put(store, path.name, path)

    def fetch_ours(self, place):
        bucket = open_bucket(f"{self.uri}/{place}")
        found = fetch(bucket, self._emptied("brought"), self._emptied("staging"), mine=lambda key: True)
        assert found.named == ("model.ckpt-1",), found

    def fetch_peer(self, place):
        store = stores.open_store(locations.parse(f"{self.uri}/{place}"))
        brought = self._emptied("brought")
        for path in sorted(self.source.iterdir()):
            with (brought / path.name).open("wb") as file:
                for chunk in obstore.get(store, path.name).stream():
                    file.write(chunk)

    def empty(self, place):
        bucket = open_bucket(f"{self.uri}/{place}")
        bucket.delete(list(bucket.list()))

    def _emptied(self, name):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        return folder


def carry(uri, megabytes):
    with tempfile.TemporaryDirectory() as folder:
        carrying = Carrying(uri, int(megabytes), folder)
        say(size=carrying.size)
        for line in sys.stdin:
            what, place = json.loads(line)
            cpu, start = time.process_time(), time.perf_counter()
            getattr(carrying, what)(place)
            seconds = time.perf_counter() - start
            say(speed=carrying.size / MEGABYTE / seconds, cpu=time.process_time() - cpu)


class Saves(v1.train.CheckpointSaverListener):
    """Seconds of each save."""

    def __init__(self):
        self.seconds = []

    def before_save(self, session, global_step_value):
        self.begun = time.perf_counter()

    def after_save(self, session, global_step_value):
        self.seconds.append(time.perf_counter() - self.begun)


def save(directory, megabytes, saves, files):
    kind = json.loads(os.environ["TF_CONFIG"])["task"]["type"]
    listener = Saves()

    def tables(features, labels, mode, params):
        del features, labels, params
        # A row of each: what is measured is the save and no step.
        rows = [tf.gather(table, [0]) for table in variables(int(megabytes))]
        loss = tf.reduce_mean(tf.concat(rows, 0))
        step = v1.train.get_global_step()
        if mode != "train":
            return EstimatorSpec(mode, loss=loss)
        train_op = v1.train.GradientDescentOptimizer(0.01).minimize(loss, step)
        return EstimatorSpec(mode, loss=loss, train_op=train_op)

    model_dir = os.path.join(directory, "model")
    with contextlib.ExitStack() as stack:
        if files == "alone":
            stack.enter_context(shared_files.of_this_process_alone())
        estimator = Estimator(
            tables, config=RunConfig(model_dir, save_checkpoints_steps=1, keep_checkpoint_max=1)
        )
        train_and_evaluate(
            estimator,
            TrainSpec(ones, int(saves), saving_listeners=[listener]),
            EvalSpec(ones, steps=1, throttle_secs=10**6),
        )
    if kind == CHIEF:
        shards = sum(".data-" in name for name in os.listdir(model_dir))
        say(seconds=listener.seconds, peak=peak(), shards=shards)


if __name__ == "__main__":
    v1.logging.set_verbosity(v1.logging.ERROR)
    {"train": train, "train-bare": train_bare, "carry": carry, "save": save}[sys.argv[1]](*sys.argv[2:])
