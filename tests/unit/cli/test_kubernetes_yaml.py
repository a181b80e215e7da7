"""A manifest means the same in a local run and on the cluster: YAML is read as kubectl reads it."""

from __future__ import annotations

import json

import pytest
import yaml
from kubectl_readings import DOCUMENTS, REFUSED, SCALARS
from local_jobs import local_job

from estimatorctl.errors import ManifestError
from estimatorctl.kubernetes_yaml import load_documents
from estimatorctl.manifest import read_manifest


def read(text):
    """The document's spec as JSON, which tells 1 from 1.0 and from true."""
    try:
        (document,) = load_documents(text)
    except yaml.YAMLError:
        return json.dumps(REFUSED)
    return json.dumps(document["spec"], sort_keys=True)


@pytest.mark.parametrize("scalar", SCALARS)
def test_scalars_are_read_as_kubectl_reads_them(scalar):
    expected = SCALARS[scalar]
    wanted = expected if expected == REFUSED else {"a": expected}
    assert read(f"spec:\n  a: {scalar}\n") == json.dumps(wanted)


@pytest.mark.parametrize("text", DOCUMENTS)
def test_documents_are_read_as_kubectl_reads_them(text):
    assert read(text) == json.dumps(DOCUMENTS[text], sort_keys=True)


@pytest.mark.parametrize("text", ["spec: {1.5: a}", "spec: {1e3: a}", "spec: {a: !foo 1}", "spec: !!int [1]"])
def test_what_kubectl_takes_in_a_way_of_its_own_is_refused_and_never_read_otherwise(text):
    if text == "spec: !!int [1]":
        assert read(text) == "[1]", "the tag of a sequence is ignored by both"
    else:
        assert read(text) == json.dumps(REFUSED)


def test_anchors_do_not_multiply_what_they_stand_for():
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    (document,) = load_documents("\n".join(lines))
    assert document["a1"][0] is document["a0"]


def test_a_learning_rate_without_a_point_is_a_number_in_a_local_run(tmp_path):
    train = {"inputFn": "m:i", "maxSteps": 1}
    estimator = {"mode": "Train", "modelFn": "m:f", "params": {}, "train": train}
    job = local_job(template=None, estimator=estimator, worker=None, ps=None, evaluator=None)
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(job).replace("params: {}", "params: {lr: 1e-3, rate: 1.0, at: 1:30}"))
    assert read_manifest(path).job.spec.estimator.params == {"lr": 0.001, "rate": 1, "at": "1:30"}


def test_what_json_cannot_say_is_a_fault_with_its_place(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("kind: EstimatorJob\nspec: {a: .inf}\n")
    with pytest.raises(ManifestError, match=r"\.inf cannot be said in JSON.*line 2, column 11"):
        read_manifest(path)
