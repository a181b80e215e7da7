"""Manifests read by the models: the same are refused as by the API server, and each fault names its field."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml
from manifest_cases import EXAMPLES, FIRST_JOB, cases, example, job
from pydantic import BaseModel

from estimator_api import EstimatorJob, InvalidJobError, constants, parse_job
from estimator_api.base import ApiModel, Rule
from estimator_api.strict import unknown_fields

BAD = cases("job", "roles", "estimator", "modes", "policies", "strategies", "templates")
SEEN_BY_THE_SERVER_ONLY = {name: case for name, case in BAD.items() if case.get("models", "") is None}
SEEN_BY_BOTH = {name: case for name, case in BAD.items() if name not in SEEN_BY_THE_SERVER_ONLY}
UNKNOWN = cases("unknown_fields")
GOOD = cases("near_misses")


def refusal(name: str) -> str:
    """What parse_job says to a bad manifest."""
    with pytest.raises(InvalidJobError) as caught:
        parse_job(job(BAD[name]["spec"], BAD[name].get("name", "digits")))
    return str(caught.value)


@pytest.mark.parametrize("name", SEEN_BY_BOTH)
def test_bad_manifest(name: str) -> None:
    case = BAD[name]
    # A list with a fault as a whole is named without an index.
    field = re.sub(r"\[\d+\]$", "", case["field"])
    lines = refusal(name).splitlines()
    words = case.get("models", case["says"])
    assert any(field in line and words in line for line in lines), lines


@pytest.mark.parametrize("name", SEEN_BY_THE_SERVER_ONLY)
def test_shapes_that_kubernetes_owns_are_left_to_it(name: str) -> None:
    parse_job(job(BAD[name]["spec"]))


@pytest.mark.parametrize("name", GOOD)
def test_near_miss(name: str) -> None:
    document = job(GOOD[name]["spec"], GOOD[name].get("name", "digits"))
    assert parse_job(document).metadata.name == document["metadata"]["name"]
    assert unknown_fields(document) == ()


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    parse_job(example(name))
    assert unknown_fields(example(name)) == ()


def test_first_job_of_the_chart() -> None:
    document = job(yaml.safe_load(FIRST_JOB.read_text()))
    parse_job(document)
    assert unknown_fields(document) == ()


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_field(name: str) -> None:
    document = job(UNKNOWN[name]["spec"])
    parse_job(document)
    assert unknown_fields(document) == (UNKNOWN[name]["field"],)


def test_metadata_and_hyperparameters_are_free() -> None:
    document = example("digits")
    document["metadata"]["annotations"] = {"any": "thing"}
    document["spec"]["estimator"]["params"]["any"] = {"deep": [1]}
    assert unknown_fields(document) == ()
    assert unknown_fields(document | {"specs": {}}) == ("specs",)


def test_every_rule_is_broken_by_some_manifest() -> None:
    """The twin of the test that shows the same manifests to the API server."""
    said = re.sub(r"\[\d+\]", "[]", "\n".join(refusal(name) for name in SEEN_BY_BOTH))
    missing = [
        f"{field}: {rule.message}"
        for field, rule in rules(EstimatorJob, "")
        if rule.holds is not None and (f"{field}: {rule.message}" if field else rule.message) not in said
    ]
    assert missing == []


def rules(model: type[ApiModel], path: str) -> Iterator[tuple[str, Rule]]:
    """Every rule below a model and the field that it names."""
    for rule in model.rules:
        yield f"{path}{rule.field_path or ''}".removeprefix("."), rule
    for info in model.model_fields.values():
        for part, suffix in _models(info.annotation):
            yield from rules(part, f"{path}.{info.alias}{suffix}")


def _models(annotation: object) -> Iterator[tuple[type[ApiModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
    for argument in getattr(annotation, "__args__", ()):
        for part, suffix in _models(argument):
            is_list = getattr(annotation, "__origin__", None) is list
            yield part, f"[]{suffix}" if is_list else suffix


def test_rules_without_a_twin_are_transitions() -> None:
    lonely = [rule.cel for _, rule in rules(EstimatorJob, "") if rule.holds is None]
    assert len(lonely) == 28
    of_volumes = [cel for cel in lonely if "oldSelf" not in cel]
    assert all("self.modelDir.uri" in cel for cel in of_volumes), "a local run has no mounts"


def test_all_faults_are_told_at_once() -> None:
    spec = {
        "modelDir": {},
        "estimator": {"modelFn": "x", "train": {"inputFn": "a:b"}, "mode": "Fit"},
        "worker": 3,
    }
    with pytest.raises(InvalidJobError) as caught:
        parse_job(job(spec))
    assert str(caught.value).splitlines() == [
        "spec.estimator.mode: must be one of 'TrainAndEvaluate', 'Train', 'Evaluate', 'Predict' or 'Export'",
        "spec.estimator.modelFn: must be package.module:attribute, for example trainer.model:model_fn",
        "spec.modelDir: modelDir needs exactly one of uri, persistentVolumeClaim, volumeClaimTemplate",
        "spec.worker: must be an object, this is 3",
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"kind": "Deployment"}, "kind: must be EstimatorJob, this is Deployment"),
        (
            {"apiVersion": "kubeflow.org/v1", "kind": "EstimatorJob"},
            "apiVersion: must be estimator.dev/v1alpha1, this is kubeflow.org/v1",
        ),
        (
            {"spec": {"estimator": {"params": {"rate": float("nan")}}}},
            "EstimatorJob: a number is not finite, which no API server takes: ",
        ),
        ({"kind": "EstimatorJob"}, "metadata: is required\nspec: is required"),
    ],
)
def test_document_of_another_kind(document: dict, message: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        parse_job(document)
    assert str(caught.value).startswith(message)


def test_what_the_server_would_default() -> None:
    spec = parse_job(job({"image": "trainer", "modelDir": {"uri": "gs://m"}, "worker": {}})).spec
    assert (spec.replicas("chief"), spec.replicas("worker"), spec.replicas("ps"), spec.replicas("evaluator")) == (
        1, 1, 0, 0,
    )  # fmt: skip
    assert spec.run_policy.to_json() == {
        "backoffLimit": 6,
        "cleanPodPolicy": "Running",
        "evaluatorGraceSeconds": 600,
    }
    assert spec.progress_port == constants.PROGRESS_PORT


@pytest.mark.parametrize(
    ("managed_by", "here"),
    [
        (None, True),
        (constants.CONTROLLER_NAME, True),
        ("kueue.x-k8s.io/multikueue", False),
    ],
)
def test_whose_job_it_is(managed_by: str | None, here: bool) -> None:
    spec = {"image": "trainer", "modelDir": {"uri": "gs://m"}, "managedBy": managed_by}
    assert parse_job(job(spec)).spec.is_managed_here is here


@pytest.mark.parametrize(
    ("mode", "section", "trains"),
    [
        ("TrainAndEvaluate", {"train": {"inputFn": "m:i"}, "evaluate": {"inputFn": "m:i"}}, True),
        ("Train", {"train": {"inputFn": "m:i"}}, True),
        ("Evaluate", {"evaluate": {"inputFn": "m:i"}}, False),
        ("Predict", {"predict": {"inputFn": "m:i"}}, False),
        ("Export", {"exports": [{"name": "x", "servingInputReceiverFn": "m:r"}]}, False),
    ],
)
def test_modes_that_train(mode: str, section: dict, trains: bool) -> None:
    estimator = {"mode": mode, "modelFn": "m:f", **section}
    assert (
        parse_job(job({"estimator": estimator, "modelDir": {"uri": "gs://m"}})).spec.estimator.trains
        is trains
    )


def test_new_sections_have_these_defaults() -> None:
    sections = {
        "worker": {"replicas": 2},
        "elastic": {"maxReplicas": 4},
        "tensorBoard": {},
        "runPolicy": {"failurePolicy": {"rules": [{"onExitCodes": {"values": [3]}, "action": "Ignore"}]}},
    }
    spec = parse_job(job({"image": "trainer", "modelDir": {"uri": "gs://m"}, **sections})).spec
    assert (spec.elastic.min_replicas, spec.elastic.max_replicas) == (0, 4)
    assert spec.tensor_board.to_json() == {"enabled": True}
    (rule,) = spec.run_policy.failure_policy.rule_list
    assert (rule.roles, rule.on_exit_codes.operator, rule.on_reasons) == (None, "In", None)
    assert spec.managed_by is None


def test_a_job_survives_writing_and_reading() -> None:
    read = parse_job(example("digits"))
    assert parse_job(read.to_json()) == read


@pytest.mark.parametrize(
    ("model_dir", "claim"),
    [
        ({"uri": "gs://m"}, None),
        ({"persistentVolumeClaim": {"claimName": "models"}}, "models"),
        ({"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}, "digits-model"),
    ],
)
def test_claim_of_the_model(model_dir: dict, claim: str | None) -> None:
    spec = parse_job(job({"image": "trainer", "modelDir": model_dir})).spec
    assert spec.model_dir.claim_name("digits") == claim


def test_a_newer_server_s_fields_are_ignored() -> None:
    document = job({"image": "trainer", "modelDir": {"uri": "gs://m"}, "fieldOfANewerVersion": 1})
    document["status"] = {"observedGeneration": 2, "fieldOfANewerVersion": 1}
    assert parse_job(document).status.observed_generation == 2
