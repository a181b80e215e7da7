"""Model directories in an object store in memory: what tests of the mirror are made of."""

import functools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import tensorflow as tf
from obstore.store import MemoryStore

from estimator_runtime.checkpoints import faults
from estimator_runtime.errors import ModelDirUnavailableError
from estimator_runtime.mirror.bucket import Bucket
from estimator_runtime.mirror.fetching import fetch, fetch_checkpoint
from estimator_runtime.mirror.report import Reporter
from estimator_runtime.mirror.writer import Writer

v1 = tf.compat.v1


class Killed(BaseException):
    """The process is gone: nothing of it runs on."""


class FaultyBucket(Bucket):
    """A bucket that counts what changes it, and fails where it is told to.

    Attributes:
        changes: what was done, as (verb, key).
        fault: called with the verb and the key before and after each change ("before put", "after put", ...).
    """

    def __init__(self, store=None, fault=None):
        super().__init__(MemoryStore() if store is None else store, uri="s3://models/vision")
        self.store = self._store
        self.changes = []
        self.fault = fault or (lambda verb, key: None)

    def put(self, key, content, *, size, digest):
        self.fault("before put", key)
        self.changes.append(("put", key))
        super().put(key, content, size=size, digest=digest)
        self.fault("after put", key)

    def replace(self, key, content, *, digest, before):
        self.fault("before put", key)
        found = super().replace(key, content, digest=digest, before=before)
        if found is not None:
            self.changes.append(("put", key))
        self.fault("after put", key)
        return found

    def delete(self, keys):
        for key in keys:
            self.fault("before delete", key)
            self.changes.append(("delete", key))
            super().delete([key])
            self.fault("after delete", key)


def kill_at(number):
    """A fault that ends the process at the moment of that number: every change has one before it and one after."""
    moments = iter(range(10**6))

    def fault(verb, key):
        if next(moments) == number:
            raise Killed

    return fault


def refuse(*keys, times=10**6, when="before put"):
    """A fault by which the store fails for some keys."""
    left = {key: times for key in keys}

    def fault(verb, key):
        if verb == when and left.get(key, 0) > 0:
            left[key] -= 1
            raise ModelDirUnavailableError("SlowDown")

    return fault


class Clocks:
    """The time of the day and the seconds, which pass when they are told to."""

    def __init__(self):
        self.seconds = 0.0

    def monotonic(self):
        return self.seconds

    def now(self):
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


class _Model:
    """One variable of three numbers, in one session for all tests."""

    def __init__(self):
        self.graph = tf.Graph()
        with self.graph.as_default():
            values = v1.get_variable("w", [3], initializer=v1.zeros_initializer())
            self._new = v1.placeholder(tf.float32, [3])
            self._assign = values.assign(self._new)
            self._definition = v1.train.Saver(save_relative_paths=True).as_saver_def()
        self.session = v1.Session(graph=self.graph)

    def set(self, values):
        self.session.run(self._assign, {self._new: values})

    def saver(self, keep, for_ever):
        """A saver that knows of no checkpoint yet; all of them use the same operations."""
        definition = type(self._definition)()
        definition.CopyFrom(self._definition)
        definition.max_to_keep = keep
        if for_ever:
            definition.keep_checkpoint_every_n_hours = 1e-12
        with self.graph.as_default():
            return v1.train.Saver(saver_def=definition, save_relative_paths=True)


@functools.cache
def _model():
    return _Model()


class Process:
    """A process that trains in a directory of its own, mirrored in a bucket.

    Args:
        folder: an empty folder.
        bucket: the store.
        keep: how many checkpoints its saver names.
        for_ever: whether its saver keeps those that it names no more.
        mine: which keys it writes.
        run: its name among the processes that write checkpoints there.
    """

    def __init__(
        self, folder: Path, bucket, *, keep=2, for_ever=False, mine=lambda key: True, clocks=None, run=None
    ):
        self.clocks = clocks or Clocks()
        self.root, self.staging = folder / "model", folder / "staging"
        self.root.mkdir(parents=True)
        self.staging.mkdir()
        self.bucket = bucket
        self.reporter = Reporter(self.clocks.now)
        self.beginning = fetch(bucket, self.root, self.staging, mine=mine)
        self.writer = Writer(
            bucket,
            self.root,
            self.staging,
            beginning=self.beginning,
            mine=mine,
            reporter=self.reporter,
            run=run,
            clock=self.clocks.monotonic,
        )
        self._saver = _model().saver(keep, for_ever)
        state = tf.train.get_checkpoint_state(str(self.root))
        if state is not None:
            self._saver.recover_last_checkpoints(state.all_model_checkpoint_paths)

    def save(self, step, value=None):
        """Saves a checkpoint of which all values are `value`, by default its step."""
        _model().set([step if value is None else value] * 3)
        with _model().graph.as_default():
            self._saver.save(_model().session, str(self.root / "model.ckpt"), global_step=step)

    def forget(self):
        """The saver knows of no checkpoint, as in a directory that a program has cleared."""
        self._saver.set_last_checkpoints_with_time([])

    def write(self, key, content):
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def export(self, time):
        """An export as an exporter leaves it: it gets its name when it is whole."""
        temporary = f"export/best/temp-{time}"
        self.write(f"{temporary}/variables/variables.data-00000-of-00001", b"values")
        self.write(f"{temporary}/variables/variables.index", b"index")
        self.write(f"{temporary}/saved_model.pb", b"graph")
        (self.root / temporary).rename(self.root / "export/best" / str(time))

    def round(self, **settings):
        return self.writer.run(**settings)


def newest(bucket, folder):
    """Step and values of the newest checkpoint for somebody who reads the store; (None, None) when there is none.

    What the store names must be whole and readable.
    """
    folder.mkdir()
    (folder / "staging").mkdir()
    found = fetch_checkpoint(bucket, folder, folder / "staging")
    if found is None:
        return None, None
    text = bucket.read("checkpoint")
    if text is not None:
        assert f'model_checkpoint_path: "{found.newest}"' in text.decode(), "what is named is not whole"
    assert faults.fault(str(folder / found.newest)) is None
    reader = v1.train.NewCheckpointReader(str(folder / found.newest))
    return int(found.newest.rpartition("-")[2]), reader.get_tensor("w").tolist()
