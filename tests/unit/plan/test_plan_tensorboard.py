"""TensorBoard: a pod and a Service beside the job that nothing waits for and nothing fails of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from board_job import CLAIM, boarded, pod_of
from job_builder import (
    NOW,
    after,
    done_pod,
    failed_pod,
    make_job,
    make_pod,
    plan_of,
    pods_of,
    seen,
    state,
    stored,
    training,
    with_spec,
    with_status,
)

from estimator_operator.plan import Observed, Settings, plan

SHARED_CLAIM = {
    "volumeClaimTemplate": {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
}


def board_pod(**fields):
    """The pod of TensorBoard."""
    return replace(make_pod("tensorboard-0"), name="digits-tensorboard", **fields)


def test_made_once_all_replicas_were_seen():
    job = make_job(tensorBoard={})
    made = plan_of(job, Observed())
    assert made.create_tensorboard_pod is None
    assert made.create_tensorboard_service is None
    assert made.status.tensor_board is None
    job = training(job)
    made = plan_of(job, seen(*pods_of(job)))
    assert pod_of(job)
    assert not made.create_pods, "it is no replica"
    assert made.create_tensorboard_service["metadata"]["name"] == "digits-tensorboard"


@pytest.mark.parametrize("board", [None, {"enabled": False}])
def test_not_asked_for(board):
    job = training(make_job(tensorBoard=board))
    made = plan_of(job, seen(*pods_of(job)))
    assert (
        made.create_tensorboard_pod,
        made.create_tensorboard_service,
        made.delete_tensorboard_service,
    ) == (
        None,
        None,
        False,
    )
    assert made.status is job.status
    made = plan_of(job, seen(*pods_of(job), board_pod(), tensorboard_service_exists=True))
    assert [one.name for one in made.delete_pods] == ["digits-tensorboard"]
    assert made.delete_tensorboard_service


def test_service():
    job = boarded()
    manifest = plan_of(job, seen(*pods_of(job))).create_tensorboard_service
    assert manifest["spec"] == {
        "selector": {"estimator.dev/job-name": "digits", "estimator.dev/role": "tensorboard"},
        "ports": [{"name": "http", "port": 6006, "targetPort": 6006, "protocol": "TCP"}],
    }
    assert manifest["metadata"]["ownerReferences"][0]["uid"] == "job-uid"
    assert (
        plan_of(job, seen(*pods_of(job), tensorboard_service_exists=True)).create_tensorboard_service is None
    )


@pytest.mark.parametrize(
    ("claim", "beside"), [(CLAIM, True), (SHARED_CLAIM, False), ({"uri": "gs://m/d"}, False)]
)
def test_goes_where_the_chief_is_if_the_claim_may_be_for_one_node(claim, beside):
    assert ("affinity" in pod_of(boarded(modelDir=claim))["spec"]) == beside


@pytest.mark.parametrize(
    ("claim", "chief", "board", "deleted"),
    [
        (CLAIM, "n2", {"node": "n1"}, True),
        (CLAIM, "n1", {"node": "n1"}, False),
        (CLAIM, None, {"node": "n1"}, False),
        (CLAIM, "n2", {"node": None, "phase": "Pending", "ready": False}, False),
        (CLAIM, "n2", {"node": "n1", "deleting": True}, False),
        (SHARED_CLAIM, "n2", {"node": "n1"}, False),
    ],
)
def test_follows_the_chief_lest_it_keeps_the_volume_away(claim, chief, board, deleted):
    job = boarded(modelDir=claim)
    pods = pods_of(job, make_pod("chief-0", phase="Pending", ready=False, node=chief))
    made = plan_of(job, seen(*pods, board_pod(**board)))
    assert [one.name for one in made.delete_pods] == (["digits-tensorboard"] if deleted else [])


def test_goes_anywhere_when_the_chief_has_ended():
    job = boarded(modelDir=CLAIM)
    pods = pods_of(job, done_pod("chief-0", finished_at=NOW), done_pod("evaluator-0"))
    job = stored(job, seen(*pods))
    made = plan_of(job, seen(*pods))
    assert state(made) == ("True", "Completed")
    assert "affinity" not in made.create_tensorboard_pod["spec"]


@pytest.mark.parametrize(
    "board",
    [
        board_pod(phase="Pending", ready=False),
        board_pod(ready=False),
        board_pod(deleting=True),
        board_pod(phase="Failed", ready=False, reason="Evicted", disrupted=True),
        board_pod(phase="Pending", ready=False, unschedulable=True),
        None,
    ],
)
def test_nothing_waits_for_it_and_nothing_fails_of_it(board):
    job = boarded(policy={"pendingDeadlineSeconds": 10, "backoffLimit": 0})
    boards = () if board is None else (board,)
    made = plan_of(job, seen(*pods_of(job), *boards), after(1000))
    assert state(made) == ("True", "Training")
    assert made.status.restarts.total == 0
    assert {one.role for one in made.status.roles} == {"chief", "worker", "ps", "evaluator"}
    assert (made.status.replicas.ready, made.status.replicas.desired) == (5, 5)


@pytest.mark.parametrize(
    ("boards", "created", "deleted"),
    [
        ((), True, False),
        ((board_pod(),), False, False),
        ((board_pod(phase="Pending", ready=False),), False, False),
        ((board_pod(deleting=True),), False, False),
        ((board_pod(phase="Failed", ready=False),), False, True),
        ((board_pod(phase="Succeeded", ready=False),), False, True),
        ((board_pod(phase="Failed", ready=False, deleting=True),), False, False),
    ],
    ids=["gone", "running", "pending", "deleting", "failed", "ended", "failed and deleting"],
)
@pytest.mark.parametrize("ended", [False, True])
def test_made_again(boards, created, deleted, ended):
    job = boarded(policy={"cleanPodPolicy": "All"})
    pods = pods_of(job)
    if ended:
        pods = ()
        job = stored(job, seen(*pods_of(job, done_pod("chief-0"), done_pod("evaluator-0"))))
    made = plan_of(job, seen(*pods, *boards))
    assert (made.create_tensorboard_pod is not None) == created
    assert [one.name for one in made.delete_pods] == (["digits-tensorboard"] if deleted else [])


def test_on_a_lost_node():
    job = boarded()
    lost = board_pod(deleting=True, delete_by=NOW)
    assert plan_of(job, seen(*pods_of(job), lost), after(10)).requeue_after == 20
    made = plan_of(job, seen(*pods_of(job), lost), after(30))
    assert [(one.name, one.force) for one in made.delete_pods] == [("digits-tensorboard", True)]


@pytest.mark.parametrize(
    ("domain", "url"),
    [
        ("", "http://digits-tensorboard.team.svc:6006"),
        ("cluster.local", "http://digits-tensorboard.team.svc.cluster.local:6006"),
    ],
)
def test_status(domain, url):
    job = boarded()
    job = job.model_copy(update={"status": job.status.model_copy(update={"pinned": None})})
    settings = Settings(cluster_domain=domain)
    observed = seen(*pods_of(job), board_pod(ready=False), tensorboard_service_exists=True)
    made = plan(job, observed, NOW, settings)
    assert made.status.tensor_board.to_json() == {"service": "digits-tensorboard", "url": url, "ready": False}
    job = with_status(job, made.status)
    ready = plan(job, seen(*pods_of(job), board_pod(), tensorboard_service_exists=True), NOW, settings)
    assert ready.status.tensor_board.ready
    assert ready.progress_only, "nobody waits for it"
    assert plan(job, observed, NOW, settings).status is job.status


def test_suspended():
    job = with_spec(boarded(), suspend=True)
    observed = seen(*pods_of(job), board_pod(), tensorboard_service_exists=True)
    job = stored(job, observed)
    made = plan_of(job, observed)
    assert "digits-tensorboard" in [one.name for one in made.delete_pods]
    assert not made.delete_tensorboard_service, "the address stays"
    made = plan_of(job, seen(board_pod(deleting=True), tensorboard_service_exists=True))
    assert state(made) == ("True", "Suspended"), "nothing waits for it"
    made = plan_of(with_status(job, made.status), seen(tensorboard_service_exists=True))
    assert made.create_tensorboard_pod is None
    assert not made.status.tensor_board.ready


def ended(board, policy=None):
    """A job that has completed at NOW."""
    job = boarded(board, policy=policy)
    pods = pods_of(job, done_pod("chief-0"), done_pod("evaluator-0"))
    return stored(job, seen(*pods, board_pod(), tensorboard_service_exists=True))


@pytest.mark.parametrize(("seconds", "over"), [(299, False), (300, True), (10_000, True)])
def test_ttl(seconds, over):
    job = ended({"ttlSecondsAfterFinished": 300})
    made = plan_of(job, seen(board_pod(), tensorboard_service_exists=True), after(seconds))
    assert [one.name for one in made.delete_pods] == (["digits-tensorboard"] if over else [])
    assert made.delete_tensorboard_service == over
    assert (made.status.tensor_board is None) == over
    assert made.requeue_after == (None if over else 300 - seconds)
    if over:
        job = with_status(job, made.status)
        again = plan_of(job, seen(), after(seconds))
        assert (again.create_tensorboard_pod, again.delete_tensorboard_service) == (None, False)
        assert again.status is job.status


@pytest.mark.parametrize("policy", ["All", "Running", "None"])
def test_stays_as_long_as_the_job(policy):
    job = ended({}, {"cleanPodPolicy": policy})
    made = plan_of(job, seen(board_pod(), tensorboard_service_exists=True), after(10**6))
    assert not made.delete_pods
    assert made.requeue_after is None


def test_a_job_that_failed_before_it_began_has_nothing_to_show():
    job = stored(make_job(tensorBoard={}, policy={"pendingDeadlineSeconds": 5}), Observed())
    waiting = seen(make_pod("chief-0", phase="Pending", ready=False, unschedulable=True))
    job = stored(job, waiting, after(5))
    assert job.status.is_true("Failed")
    assert plan_of(job, seen(), after(6)).create_tensorboard_pod is None


def test_nothing_is_done_about_it_in_a_pass_that_only_writes():
    job = boarded()
    made = plan_of(job, seen(*pods_of(job, failed_pod("worker-0"))))
    assert made.status_first
    assert (made.create_tensorboard_pod, made.create_tensorboard_service) == (None, None)
