"""From a pod to its summary: who it is whatever its labels say, and words that do no harm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from estimator_operator.kube.pod_summary import summarize
from estimator_operator.plan import Replica
from estimator_operator.plan.failures import failure_of_ended, is_disruption

JOB = "estimator.dev/job-name"
ROLE, INDEX, ATTEMPT = (f"estimator.dev/{name}" for name in ("role", "index", "attempt"))


def pod(name: str = "mnist-worker-3-r2", *, annotations: Any = None, **status: Any) -> dict[str, Any]:
    owner = {"apiVersion": "estimator.dev/v1alpha1", "kind": "EstimatorJob", "name": "mnist"}
    return {
        "metadata": {
            "namespace": "default",
            "name": name,
            "uid": "u",
            "resourceVersion": "7",
            "labels": {JOB: "mnist", ROLE: "worker", INDEX: "3", ATTEMPT: "2"},
            "annotations": annotations,
            "ownerReferences": [{**owner, "uid": "j", "controller": True}],
        },
        "status": {"phase": "Running", **status},
    }


def ended(message: str) -> dict[str, Any]:
    state = {"terminated": {"exitCode": 1, "reason": "Error", "message": message}}
    return pod(containerStatuses=[{"name": "estimator", "state": state}])


@pytest.mark.parametrize(
    "labels",
    [
        {ROLE: None},
        {INDEX: None},
        {ATTEMPT: None},
        {ROLE: None, INDEX: None, ATTEMPT: None},
        {ROLE: "chief"},
        {INDEX: "4"},
        {ATTEMPT: "0"},
        {ATTEMPT: "9" * 30},
        {INDEX: "-1", ATTEMPT: "x"},
    ],
)
def test_a_pod_stays_who_it_is_when_its_labels_are_edited(labels):
    manifest = pod()
    for key, value in labels.items():
        manifest["metadata"]["labels"].pop(key)
        if value is not None:
            manifest["metadata"]["labels"][key] = value
    record = summarize(manifest)
    assert record is not None
    assert (record.pod.replica, record.pod.attempt) == (Replica("worker", 3), 2)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("foreign", {ATTEMPT: "9" * 30}),
        ("foreign", {ATTEMPT: "100001"}),
        ("foreign", {INDEX: "1001"}),
        ("foreign", {INDEX: "\u0663"}),
        ("mnist-worker-3-r" + "9" * 30, {}),
        ("mnist-worker-3-r100001", {}),
        ("mnist-worker-1001", {}),
        ("foreign", {ROLE: "queen"}),
    ],
)
def test_numbers_that_the_operator_never_gives_are_not_ours(name, labels):
    """The status counts restarts in 32 bits; one that is larger would make every write of it fail."""
    manifest = pod(name)
    manifest["metadata"]["labels"] |= labels
    assert summarize(manifest) is None


def test_a_job_s_name_may_look_like_a_replica_s():
    manifest = pod("a-worker-1-ps-0")
    manifest["metadata"]["ownerReferences"][0]["name"] = "a-worker-1"
    record = summarize(manifest)
    assert record is not None
    assert record.pod.replica == Replica("ps", 0)


def test_what_the_pod_was_made_from_is_kept():
    annotations = {"estimator.dev/spec-hash": "abc", "estimator.dev/pinned": "{}"}
    record = summarize(pod(annotations=annotations))
    assert record is not None
    assert (record.pod.version, record.pod.spec_hash, record.pod.pinned) == ("7", "abc", "{}")
    record = summarize(pod())
    assert record is not None
    assert (record.pod.spec_hash, record.pod.pinned) == (None, None)


def test_a_pod_that_does_not_say_what_it_was_made_with_is_asked_for_its_image():
    manifest = pod() | {
        "spec": {"containers": [{"name": "proxy", "image": "x"}, {"name": "estimator", "image": "r:1"}]}
    }
    record = summarize(manifest)
    assert record is not None
    assert record.pod.shown is not None
    assert record.pod.shown.image == "r:1"
    manifest["metadata"]["annotations"] = {"estimator.dev/pinned": "{}"}
    record = summarize(manifest)
    assert record is not None
    assert record.pod.shown is None, "what it says itself is enough"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("ValueError: \x1b[31mno\x1b[0m good", "ValueError: no good"),
        ("\x1b]0;owned\x07title", "title"),
        ("a\x00b\x08c", "a b c"),
        ("first\r\nlast\x1b[2J", "last"),
        ("right\u202eto left", "right to left"),
        ("\x9b31mred", "red"),
    ],
)
def test_messages_do_nothing_to_a_terminal(message, told):
    record = summarize(ended(message))
    assert record is not None
    assert record.pod.message == told


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [
        ({"running": {"startedAt": "2026-01-31T12:00:00Z"}}, "StagingInputs", None),
        ({"terminated": {"exitCode": 0}}, "PodInitializing", None),
        (
            {"terminated": {"exitCode": 78, "reason": "Error", "message": "inputs: nothing is there"}},
            "Error",
            78,
        ),
        ({"waiting": {"reason": "ErrImagePull"}}, "ErrImagePull", None),
    ],
)
def test_a_pod_that_stages_its_inputs_says_so(state, reason, code):
    manifest = pod(
        phase="Pending",
        initContainerStatuses=[{"name": "estimator-inputs", "state": state}],
        containerStatuses=[{"name": "estimator", "state": {"waiting": {"reason": "PodInitializing"}}}],
    )
    record = summarize(manifest)
    assert record is not None
    assert (record.pod.reason, record.pod.exit_code) == (reason, code)


@pytest.mark.parametrize(
    "conditions", [[], [{"type": "DisruptionTarget", "status": "True"}]], ids=["old", "new"]
)
@pytest.mark.parametrize("code", [143, 137, 0])
def test_a_pod_that_a_graceful_node_shutdown_ended_was_disrupted(code, conditions):
    manifest = pod(
        phase="Failed",
        reason="Terminated",
        message="Pod was terminated in response to imminent node shutdown.",
        conditions=conditions,
        containerStatuses=[
            {"name": "estimator", "state": {"terminated": {"exitCode": code, "reason": "Error"}}}
        ],
    )
    record = summarize(manifest)
    assert record is not None
    failure = failure_of_ended("worker-3", record.pod, datetime(2026, 1, 1, tzinfo=UTC))
    assert is_disruption(failure)
    assert (failure.reason, failure.exit_code) == ("Disrupted", code)
    assert failure.message == "Pod was terminated in response to imminent node shutdown."
