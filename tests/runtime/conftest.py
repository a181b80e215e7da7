import collections
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)


@pytest.fixture
def tf_log(monkeypatch):
    """What is logged through TensorFlow's logger, as lines of text."""
    import tensorflow as tf

    lines = []
    for level in ("info", "warning"):

        def record(message, *args):
            lines.append(message % args if args else message)

        monkeypatch.setattr(tf.compat.v1.logging, level, record)
    return lines


@pytest.fixture
def opened(monkeypatch):
    """The sessions that were opened since the test began, and those that were closed."""
    import tensorflow as tf

    v1 = tf.compat.v1
    made, closed = [], []
    init, close = v1.Session.__init__, v1.Session.close

    def opening(self, *arguments, **settings):
        init(self, *arguments, **settings)
        made.append(self)

    def closing(self):
        closed.append(self)
        close(self)

    monkeypatch.setattr(v1.Session, "__init__", opening)
    monkeypatch.setattr(v1.Session, "close", closing)
    return made, closed


@pytest.fixture
def counts(monkeypatch):
    """How often `Session.run` is called, callables are made (each takes its fetches apart once) and called."""
    import tensorflow as tf

    from estimator_runtime.loop.steps import replaced

    v1 = tf.compat.v1
    counted = collections.Counter()
    run, make_callable = v1.Session.run, v1.Session.make_callable

    def counting_run(self, *arguments, **settings):
        counted["run"] += 1
        return run(self, *arguments, **settings)

    def counting_make(self, *arguments, **settings):
        counted["made"] += 1
        made = make_callable(self, *arguments, **settings)

        def call(*fed):
            counted["called"] += 1
            return made(*fed)

        return call

    monkeypatch.setattr(v1.Session, "run", counting_run)
    monkeypatch.setattr(v1.Session, "make_callable", counting_make)
    monkeypatch.setattr(replaced, "_RUN", counting_run)
    return counted


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An Estimator of `linear_model` after ten steps, with checkpoints at 0, 5 and 10."""
    import linear_model

    estimator = linear_model.estimator(tmp_path_factory.mktemp("trained"))
    return estimator.train(linear_model.train_input, steps=10)
