"""pendingDeadlineSeconds: it fires with no event, names what is missing, and counts waiting alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from job_builder import (
    NOW,
    after,
    done_pod,
    failed_pod,
    make_job,
    make_pod,
    message,
    plan_of,
    pods_of,
    replica,
    seen,
    state,
    stored,
    training,
    with_spec,
)

from estimator_operator.plan import Observed

LIMIT = {"pendingDeadlineSeconds": 600}
REFUSED = 'pods "digits-ps-0" is forbidden: exceeded quota'


def pending(name, attempt=0, **fields):
    """A pod that does not run yet."""
    return make_pod(name, attempt, **({"phase": "Pending", "ready": False} | fields))


def begun(**spec):
    """A job whose pods were made just now."""
    return stored(make_job(policy=LIMIT, **spec), Observed())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"unschedulable": True, "message": "0/3 nodes are available"},
            "cannot be scheduled: 0/3 nodes are available",
        ),
        (
            {"waiting": True, "reason": "ImagePullBackOff", "message": "not found"},
            "waits: ImagePullBackOff: not found",
        ),
        ({}, "is slow to start: it needs its image"),
    ],
)
def test_pod_that_does_not_run(fields, said):
    job = begun()
    observed = seen(*pods_of(job, pending("ps-0", created_at=after(30), **fields)))
    job = stored(job, observed, after(60))
    waiting = plan_of(job, observed, after(629))
    assert state(waiting) == ("False", "PodsPending")
    assert waiting.requeue_after == 1
    made = plan_of(job, observed, after(630))
    assert made.status_first
    assert state(made) == ("False", "PendingDeadlineExceeded")
    assert message(made) == f"ps-0 {said}; not running within 600 s (pendingDeadlineSeconds)"


def test_a_missing_configmap_is_told_by_its_cause():
    job = begun()
    causes = {replica("chief-0"): 'configmap "digits-code" not found'}
    observed = seen(*pods_of(job, pending("chief-0")), causes=causes)
    made = plan_of(job, observed, after(600))
    assert state(made) == ("False", "PendingDeadlineExceeded")
    assert message(made).startswith('chief-0 waits: configmap "digits-code" not found;')


@pytest.mark.parametrize(
    "pod",
    [
        make_pod("ps-0"),
        make_pod("ps-0", ready=False),
        pending("ps-0", deleting=True),
        pending("ps-0", created_at=after(9000)),
        pending("ps-0", created_at=None),
    ],
)
def test_pods_that_do_not_wait(pod):
    job = begun()
    assert state(plan_of(job, seen(*pods_of(job, pod)), after(9000)))[1] != "PendingDeadlineExceeded"


def test_no_limit_no_end():
    job = stored(make_job(), Observed())
    assert state(plan_of(job, seen(*pods_of(job, pending("ps-0"))), after(10**6))) == ("False", "PodsPending")


def test_a_restarted_pod_has_its_own_time():
    job = training(make_job(policy=LIMIT))
    job = stored(job, seen(*pods_of(job, failed_pod("worker-0"))), after(5000))
    observed = seen(*pods_of(job, pending("worker-0", 1, created_at=after(5001))))
    assert plan_of(job, observed, after(5500)).requeue_after == 101
    assert state(plan_of(job, observed, after(5601))) == ("False", "PendingDeadlineExceeded")


def test_completed_and_unneeded_replicas_do_not_wait():
    job = training(make_job(policy=LIMIT))
    pods = pods_of(job, done_pod("chief-0"), pending("worker-0", created_at=NOW))
    assert state(plan_of(job, seen(*pods), after(599))) == ("True", "Evaluating")


def refused_job():
    """A job whose ps may not be created, since NOW."""
    job = begun()
    return stored(job, Observed(refused=REFUSED))


def test_refused_creation():
    job = refused_job()
    observed = seen(*pods_of(job, without=("ps-0",)), refused=REFUSED)
    assert state(plan_of(job, observed, after(599))) == ("False", "PodCreationForbidden")
    assert plan_of(job, observed, after(599)).requeue_after == 1
    made = plan_of(job, observed, after(600))
    assert state(made) == ("False", "PendingDeadlineExceeded")
    assert (
        message(made)
        == f"ps-0 cannot be created: {REFUSED}; not running within 600 s (pendingDeadlineSeconds)"
    )


def test_refusal_after_training_counts_from_the_failure():
    job = training(make_job(policy=LIMIT))
    pods = pods_of(job, failed_pod("worker-0"))
    job = stored(job, seen(*pods), after(5000))
    observed = seen(*pods, refused=REFUSED)
    assert plan_of(job, observed, after(5000)).requeue_after == 600
    assert state(plan_of(job, observed, after(5600))) == ("False", "PendingDeadlineExceeded")


def test_backoff_is_not_waiting():
    job = training(make_job(policy={"pendingDeadlineSeconds": 5}))
    pods = pods_of(job, failed_pod("worker-0", 137))
    job = stored(job, seen(*pods))
    assert state(plan_of(job, seen(*pods, refused=REFUSED), after(9)))[1] == "PodCreationForbidden"
    assert state(plan_of(job, seen(*pods, refused=REFUSED), after(15)))[1] == "PendingDeadlineExceeded"


def test_waiting_for_the_previous_pod_is_not_waiting():
    job = training(make_job(policy={"pendingDeadlineSeconds": 5}))
    pods = pods_of(job, failed_pod("worker-0", phase="Running", deleting=True))
    job = stored(job, seen(*pods))
    assert state(plan_of(job, seen(*pods, refused=REFUSED), after(100)))[1] == "PodCreationForbidden"


def test_the_clock_begins_anew_at_a_resume():
    job = with_spec(training(make_job(policy=LIMIT)), suspend=True)
    job = stored(stored(job, seen(*pods_of(job))), seen(), after(10))
    job = stored(with_spec(job, suspend=False), Observed(refused=REFUSED), after(5000))
    assert plan_of(job, Observed(refused=REFUSED), after(5000)).requeue_after == 600


@pytest.mark.parametrize(
    ("worker", "reason"), [("worker-0", "PendingDeadlineExceeded"), ("worker-2", "PodsPending")]
)
def test_workers_above_the_minimum_are_not_required(worker, reason):
    elastic = {"minReplicas": 1, "maxReplicas": 5}
    job = begun(workers=3, elastic=elastic)
    observed = seen(*pods_of(job, pending(worker, unschedulable=True)))
    assert state(plan_of(job, observed, after(600))) == ("False", reason)


CLAIM = {"persistentVolumeClaim": {"claimName": "models"}}
LOST = (
    '0/2 nodes are available: persistentvolumeclaim "models" bound to non-existent persistentvolume "pv-1".'
)
MISSING = '0/2 nodes are available: persistentvolumeclaim "models" not found.'


@pytest.mark.parametrize(
    ("claim", "said", "seconds", "reason"),
    [
        ("Lost", LOST, 1, "ModelDirUnavailable"),
        ("Lost", "0/2 nodes are available: in other words.", 1, "ModelDirUnavailable"),
        (None, LOST.replace("models", "data"), 1, "PodsPending"),
        ("Missing", MISSING, 599, "PodsPending"),
        ("Missing", MISSING, 600, "ModelDirUnavailable"),
        ("Missing", "0/2 nodes are available: in other words.", 600, "ModelDirUnavailable"),
        (None, MISSING.replace("models", "data"), 600, "PendingDeadlineExceeded"),
    ],
)
def test_claim_of_the_model_directory(claim, said, seconds, reason):
    job = begun(modelDir=CLAIM)
    pods = pods_of(job, pending("chief-0", unschedulable=True, message=said))
    observed = replace(seen(*pods), claim_state=claim)
    made = plan_of(job, observed, after(seconds))
    assert state(made) == ("False", reason)
    assert said.rstrip(".") in message(made)
    assert message(made).startswith("chief-0 cannot be scheduled: ")


def test_a_lost_claim_ends_no_job_whose_pods_run():
    job = training(make_job(modelDir=CLAIM))
    assert state(plan_of(job, replace(seen(*pods_of(job)), claim_state="Lost"), after(1))) == (
        "True",
        "Training",
    )


def test_claim_that_may_not_be_created():
    template = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}
    why = 'persistentvolumeclaims "digits-model" is forbidden: exceeded quota'
    job = stored(make_job(policy=LIMIT, modelDir=template), Observed(refused=why))
    assert state(plan_of(job, Observed(refused=why), after(599))) == ("False", "PodCreationForbidden")
    made = plan_of(job, Observed(refused=why), after(600))
    assert state(made) == ("False", "ModelDirUnavailable")
    assert why in message(made)
    made = plan_of(job, Observed(refused="no pods", claim_exists=True), after(600))
    assert state(made) == ("False", "PendingDeadlineExceeded")
