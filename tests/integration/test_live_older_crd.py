"""An operator whose CRD is not that of the cluster, with a real API server that drops or refuses what the CRD says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from api_server import CRD, ApiServer
from audit_log import AuditLog, tally
from fake_kubelet import FakeKubelet
from live_jobs import five_pod_job, is_true, job, restart_sums, train
from live_namespace import LiveNamespace
from operator_process import account_user

DROPPED = {"pinned": (), "evaluator": ("restarts",), "incidents": ("restarts",), "finished": ("progress",)}
"""Fields that an older version did not have, with the parents of each below `status`."""
SCHEMA = "/openapi/v3/apis/estimator.dev/v1alpha1"
PRUNED = "estimator_operator_pruned_status_writes_total"
REFUSED = "estimator_operator_refused_status_writes_total"


@pytest.fixture
def older_crd(api_server: ApiServer, tmp_path: Path) -> Iterator[None]:
    """The API server serves the CRD of an older version; the present one again after the test."""
    document = yaml.safe_load(CRD.read_text())
    for name, parents in DROPPED.items():
        properties = status_of(document["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        for parent in parents:
            properties = properties[parent]["properties"]
        del properties[name]
    older = tmp_path / "older.yaml"
    older.write_text(yaml.safe_dump(document))
    apply(api_server, older, served=lambda status: "pinned" not in status)
    yield
    apply(api_server, CRD, served=lambda status: "pinned" in status)


@pytest.fixture
def stricter_crd(api_server: ApiServer, tmp_path: Path) -> Iterator[None]:
    """The API server takes no status that counts a restart; the present CRD again after the test."""
    document = yaml.safe_load(CRD.read_text())
    counted(status_of(document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))["maximum"] = 0
    stricter = tmp_path / "stricter.yaml"
    stricter.write_text(yaml.safe_dump(document))
    apply(api_server, stricter, served=lambda status: counted(status).get("maximum") == 0)
    yield
    take_restarts(api_server)


async def test_budgets_count_and_nothing_is_written_twice_and_people_are_told(
    older_crd: None, live: LiveNamespace, kubelet: FakeKubelet, start_operator, audit: AuditLog
) -> None:
    operator = await start_operator()
    assert "the CRD is older than the operator and does not know status.pinned" in operator.text()
    await train(live, five_pod_job("digits", run_policy={"backoffLimit": 1}))
    await kubelet.finish("digits-evaluator-0", 1)
    await live.until("pods", "digits-evaluator-0-r1", is_true("Ready"), "another evaluator", timeout=60)
    await kubelet.finish("digits-evaluator-0-r1", 1)
    state = await live.until("estimatorjobs", "digits", is_true("EvaluatorDegraded"), "end of its budget")
    assert "pinned" not in state["status"]
    assert restart_sums(state) == (1, 0)
    notes = [one["note"] for one in (await live.list("events")).values() if one["reason"] == "CrdOutdated"]
    assert len(notes) == 1
    assert (await operator.samples())[PRUNED] > 0
    # Looked at again, it is as it was: nothing is written. Another job shows that the looks are over.
    await train(live, job("between"))
    audit.mark()
    for number in range(10):
        labels = {"metadata": {"labels": {"touched": str(number)}}}
        await live.patch("estimatorjobs", "digits", labels)
    await train(live, job("later"))
    calls = audit.calls(user=account_user(live.name), namespace=live.name)
    assert tally(one for one in calls if one.name == "digits")["patch estimatorjobs/status"] == 0


async def test_a_status_that_is_refused_is_told_and_tried_until_it_is_taken(
    stricter_crd: None, live: LiveNamespace, kubelet: FakeKubelet, start_operator, api_server: ApiServer
) -> None:
    operator = await start_operator()
    await train(live, job("digits"))
    await kubelet.finish("digits-chief-0", 1)
    state = await live.until(
        "estimatorjobs", "digits", is_true("Stalled"), "condition that tells of it", timeout=60
    )
    ready = next(one for one in state["status"]["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "OperatorError")
    assert "crds/estimatorjobs.yaml" in ready["message"]
    assert "status.restarts.total" in ready["message"]
    # What becomes of the job's condition is another line, whose message is the same.
    told = [line for line in operator.text().splitlines() if "control.operator_error: " in line]
    assert len(told) == 1
    assert "the API server refuses this job's status" in told[0]
    assert (await operator.samples())[REFUSED] > 0
    take_restarts(api_server)
    await live.until("pods", "digits-chief-0-r1", is_true("Ready"), "the restart", timeout=90)
    state = await live.until("estimatorjobs", "digits", is_true("Ready"), "training", timeout=60)
    assert restart_sums(state) == (1, 1)


def take_restarts(server: ApiServer) -> None:
    """The present CRD again."""
    apply(server, CRD, served=lambda status: "maximum" not in counted(status))


def counted(status: dict) -> dict:
    """The schema of `status.restarts.total`."""
    return status["restarts"]["properties"]["total"]


def status_of(schema: dict) -> dict:
    """The fields of the status in a schema of EstimatorJobs."""
    return schema["properties"]["status"]["properties"]


def apply(server: ApiServer, manifest: Path, *, served: Callable[[dict], bool]) -> None:
    """Applies a CRD and waits until the API server serves it, which the schema of the status tells."""
    server.kubectl("apply", "-f", str(manifest))
    deadline = time.monotonic() + 30
    while True:
        schemas = server.call("GET", SCHEMA)["components"]["schemas"]
        if served(status_of(schemas["dev.estimator.v1alpha1.EstimatorJob"])):
            return
        assert time.monotonic() < deadline, "the CRD is not served 30 s after it was applied"
        time.sleep(0.05)
