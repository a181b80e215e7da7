"""Which share of the input a task reads, as `input_context` tells an input function that asks."""

import functools
import json

import linear_model
import pytest

from estimator_runtime import Estimator, tpu

CLUSTER = {
    "chief": ["host0:0"],
    "worker": ["host1:1", "host2:2"],
    "ps": ["host3:3", "host4:4"],
}
OF_A_MASTER = {"master": ["host0:0"], "worker": ["host1:1"], "ps": ["host2:2"]}
WITHOUT_PS = {"chief": ["host0:0"], "worker": ["host1:1"]}
ALL_OF_IT = (1, 0, 1)


class Asked(Exception):
    """The input function was called; nothing is to be trained."""


def context_of(call):
    """What an input function was told, as (pipelines, this one's number, replicas)."""
    seen = []

    def input_fn(params, input_context):
        seen.append(input_context)
        raise Asked

    with pytest.raises(Asked):
        call(input_fn)
    (context,) = seen
    return context.num_input_pipelines, context.input_pipeline_id, context.num_replicas_in_sync


def as_task(monkeypatch, cluster, role, index=0, **members):
    document = {"task": {"type": role, "index": index}, **members}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, **document}))


def estimator(directory):
    return Estimator(linear_model.model_fn, str(directory), fresh_variables_if_untrained=True)


@pytest.mark.parametrize(
    ("cluster", "role", "index", "share"),
    [
        (CLUSTER, "chief", 0, (3, 0, 1)),
        (CLUSTER, "worker", 0, (3, 1, 1)),
        (CLUSTER, "worker", 1, (3, 2, 1)),
        (OF_A_MASTER, "master", 0, (2, 0, 1)),
        (OF_A_MASTER, "worker", 0, (2, 1, 1)),
        (WITHOUT_PS, "worker", 0, (2, 1, 1)),
        ({"chief": ["host0:0"], "ps": ["host1:1"]}, "chief", 0, ALL_OF_IT),
    ],
)
def test_tasks_that_train_have_a_share_each(tmp_path, monkeypatch, cluster, role, index, share):
    as_task(monkeypatch, cluster, role, index)
    assert context_of(estimator(tmp_path).train) == share


@pytest.mark.parametrize("role", ["chief", "worker"])
def test_where_workers_come_and_go_each_reads_all_of_it(tmp_path, monkeypatch, role):
    as_task(monkeypatch, CLUSTER, role, service={"elastic": True})
    assert context_of(estimator(tmp_path).train) == ALL_OF_IT


@pytest.mark.parametrize("role", ["chief", "worker", "evaluator"])
def test_evaluations_and_predictions_read_all_of_it(tmp_path, monkeypatch, role):
    as_task(monkeypatch, CLUSTER, role)
    made = estimator(tmp_path)
    assert context_of(made.evaluate) == ALL_OF_IT
    assert context_of(lambda input_fn: next(made.predict(input_fn))) == ALL_OF_IT


def test_a_process_of_its_own_reads_all_of_it(tmp_path):
    assert context_of(estimator(tmp_path).train) == ALL_OF_IT


def test_a_tpu_estimators_input_function_is_told_its_share(tmp_path, monkeypatch):
    as_task(monkeypatch, CLUSTER, "worker", 1)
    made = tpu.TPUEstimator(
        lambda features, labels, mode, params: None,
        config=tpu.RunConfig(model_dir=str(tmp_path)),
        use_tpu=False,
        train_batch_size=8,
    )
    assert context_of(made.train) == (3, 2, 1)


@pytest.mark.parametrize("given", ["a bound argument", "a default"])
def test_what_the_program_gives_itself_is_kept(tmp_path, monkeypatch, given):
    """Else a program that divides its input by TF_CONFIG, and by a context where it has one, would lose data."""
    as_task(monkeypatch, CLUSTER, "worker", 1)
    seen = []

    def asks(input_context):
        seen.append(input_context)
        raise Asked

    def has_a_default(input_context=None):
        seen.append(input_context)
        raise Asked

    bound = functools.partial(asks, input_context="mine")
    with pytest.raises(Asked):
        estimator(tmp_path).train(bound if given == "a bound argument" else has_a_default)
    assert seen == ["mine" if given == "a bound argument" else None]
