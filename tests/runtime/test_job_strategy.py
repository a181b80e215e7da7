"""The strategy that a declared training says, made for the tasks that train."""

import json

import pytest
import tensorflow as tf

from estimator_runtime.job import declared, declared_strategy
from estimator_runtime.job.settings import environment
from estimator_runtime.job.settings.errors import JobConfigError

RING = {"kind": "MultiWorkerMirrored", "communication": {"implementation": "Ring", "timeoutSeconds": 600}}


def strategy_of(said, **variables):
    return declared_strategy.of(environment.read({"ESTIMATOR_STRATEGY": json.dumps(said), **variables}))


def test_kinds_of_one_task():
    # Without a cluster the strategy over tasks has the replicas of this one.
    together = strategy_of({"kind": "MultiWorkerMirrored"})
    assert isinstance(together, tf.distribute.MultiWorkerMirroredStrategy)
    assert together.num_replicas_in_sync == 1
    mirrored = strategy_of({"kind": "Mirrored"})
    assert isinstance(mirrored, tf.distribute.MirroredStrategy)
    assert strategy_of({"kind": "ParameterServer"}) is None
    assert declared_strategy.of(environment.read({})) is None


def test_it_is_what_the_configuration_trains_with(tmp_path):
    read = environment.read(
        {"ESTIMATOR_MODEL_DIR": str(tmp_path), "ESTIMATOR_STRATEGY": '{"kind":"Mirrored"}'}
    )
    strategy = declared_strategy.of(read)
    assert declared.run_config(None, read, strategy).train_distribute is strategy
    assert declared.run_config(None, read).train_distribute is None


def test_the_evaluator_has_none():
    assert strategy_of(RING, ESTIMATOR_ROLE="evaluator") is None


def test_communication_is_passed_on(monkeypatch):
    given = {}
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda **options: given.update(options))
    kinds = tf.distribute.experimental.CommunicationImplementation
    for said, kind in (("Ring", kinds.RING), ("NCCL", kinds.NCCL), ("Auto", kinds.AUTO)):
        strategy_of({"kind": "MultiWorkerMirrored", "communication": {"implementation": said}})
        options = given.pop("communication_options")
        assert (options.implementation, options.timeout_seconds) == (kind, None)
    strategy_of(RING)
    assert given["communication_options"].timeout_seconds == 600


@pytest.mark.parametrize("text", ["{", '{"kind":"Horovod"}'])
def test_what_cannot_be_read(text):
    with pytest.raises(JobConfigError, match="ESTIMATOR_STRATEGY"):
        declared_strategy.of(environment.read({"ESTIMATOR_STRATEGY": text}))
