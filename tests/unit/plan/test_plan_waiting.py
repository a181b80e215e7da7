"""Why a job is not ready yet: one line in Ready's message, and no write that says nothing new."""

from __future__ import annotations

import pytest
from job_builder import (
    NOW,
    after,
    failed_pod,
    make_job,
    make_pod,
    message,
    names,
    plan_of,
    pods_of,
    replica,
    seen,
    state,
    stored,
    training,
)

from estimator_operator.plan import Observed
from estimator_operator.plan.roster import Member
from estimator_operator.plan.waiting import explain

CLAIM = {"persistentVolumeClaim": {"claimName": "models"}}


def pending(name, **fields):
    """A pod that does not run yet."""
    return make_pod(name, phase="Pending", ready=False, **fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"waiting": True, "reason": "ContainerCreating"}, "waiting until all 5 replicas are ready"),
        ({"waiting": True, "reason": "PodInitializing"}, "waiting until all 5 replicas are ready"),
        ({}, "waiting until all 5 replicas are ready"),
        (
            {"waiting": True, "reason": "ImagePullBackOff", "message": "pulling x:\n not found"},
            "chief-0 waits: ImagePullBackOff: pulling x: not found",
        ),
        (
            {"waiting": True, "reason": "CreateContainerConfigError"},
            "chief-0 waits: CreateContainerConfigError",
        ),
        ({"waiting": True, "reason": "StagingInputs"}, "chief-0 stages its inputs"),
        ({"unschedulable": True}, "chief-0 cannot be scheduled: no node fits"),
        (
            {"unschedulable": True, "message": "0/3 nodes are available"},
            "chief-0 cannot be scheduled: 0/3 nodes are available",
        ),
    ],
)
def test_cause_in_the_pod(fields, said):
    job = stored(make_job(), Observed())
    made = plan_of(job, seen(*pods_of(job, pending("chief-0", **fields))))
    assert state(made) == ("False", "PodsPending")
    assert message(made) == said


def test_cause_in_the_pods_events():
    job = stored(make_job(), Observed())
    causes = {replica("chief-0"): 'MountVolume failed:\nconfigmap "digits-code" not found'}
    made = plan_of(job, seen(*pods_of(job, pending("chief-0")), causes=causes))
    assert message(made) == 'chief-0 waits: MountVolume failed: configmap "digits-code" not found'


def test_several_causes_are_one_line():
    job = stored(make_job(), Observed())
    stuck = [pending(one, unschedulable=True) for one in ("worker-0", "worker-1", "ps-0")]
    made = plan_of(job, seen(*pods_of(job, *stuck)))
    assert message(made) == "worker-0 cannot be scheduled: no node fits (and 2 more)"


@pytest.mark.parametrize(
    ("spec", "needs"),
    [
        ({}, "its image"),
        ({"modelDir": CLAIM}, "its image, PersistentVolumeClaim models"),
        (
            {"modelDir": CLAIM, "code": {"configMap": {"name": "digits-code"}}},
            "its image, ConfigMap digits-code and PersistentVolumeClaim models",
        ),
    ],
)
def test_slow_start_names_what_may_be_missing(spec, needs):
    job = stored(make_job(workers=0, ps=0, evaluator=0, **spec), Observed())
    observed = seen(pending("chief-0"))
    early = plan_of(job, observed, after(15))
    assert message(early) == "waiting until 1 replica is ready"
    assert early.requeue_after == 5
    assert message(plan_of(job, observed, after(20))) == f"chief-0 is slow to start: it needs {needs}"


def test_refused_creation():
    why = 'pods "digits-chief-0" is forbidden:\nexceeded quota'
    made = plan_of(make_job(), Observed(refused=why))
    assert state(made) == ("False", "PodCreationForbidden")
    assert message(made) == 'pods "digits-chief-0" is forbidden: exceeded quota'
    assert [(one.type, one.reason) for one in made.events] == [("Warning", "PodCreationForbidden")]
    assert len(made.create_pods) == 5, "the API server is asked again"
    assert sum(one.active for one in made.status.roles) == 0
    job = stored(make_job(), Observed(refused=why))
    assert not plan_of(job, Observed(refused=why)).events
    made = plan_of(job, seen(*pods_of(job)))
    assert [one.reason for one in made.events] == ["Training"]


def test_refusal_is_forgotten_when_all_pods_exist():
    job = stored(make_job(), Observed())
    made = plan_of(job, seen(*pods_of(job, pending("chief-0")), refused="quota"))
    assert state(made) == ("False", "PodsPending")


def test_waiting_changes_nothing():
    job = stored(make_job(), Observed())
    observed = seen(*pods_of(job, pending("chief-0", unschedulable=True)))
    job = stored(job, observed)
    for seconds in (1, 100, 10_000):
        assert plan_of(job, observed, after(seconds)).status is job.status


def test_pod_that_is_no_longer_ready():
    job = training(make_job())
    made = plan_of(job, seen(*pods_of(job, make_pod("ps-0", ready=False))), after(30))
    assert state(made) == ("False", "PodsNotReady")
    assert {one.role: one.ready for one in made.status.roles}["ps"] == 0


def test_restarted_pod_that_cannot_start_says_so():
    job = training(make_job())
    job = stored(job, seen(*pods_of(job, failed_pod("worker-0"))))
    new = make_pod("worker-0", 1, phase="Pending", ready=False, unschedulable=True, message="no memory")
    made = plan_of(job, seen(*pods_of(job, new)))
    assert state(made) == ("False", "Restarting")
    assert message(made) == "worker-0 cannot be scheduled: no memory"


def test_failure_older_than_the_last_ten():
    job = training(make_job())
    job = stored(job, seen(*pods_of(job, make_pod("worker-0", 4))))
    made = plan_of(job, seen(*pods_of(job, make_pod("worker-0", 4, phase="Pending", ready=False))))
    assert (state(made), message(made)) == (("False", "Restarting"), "worker-0 starts again")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "chief-0 is about to be created"),
        ({"previous": (make_pod("chief-0"),)}, "chief-0 waits for its previous pod to end"),
        ({"pod": pending("chief-0")}, "chief-0 is starting"),
        ({"pod": make_pod("chief-0", ready=False)}, "chief-0 is not ready: its container is not ready"),
        ({"pod": make_pod("chief-0", deleting=True)}, "chief-0 is being deleted"),
    ],
)
def test_explanations_of_single_replicas(fields, said):
    member = Member(replica=replica("chief-0"), attempt=1, **fields)
    assert explain(make_job(), member, seen(), NOW) == said


def test_explanation_of_a_backoff():
    job = training(make_job())
    job = stored(job, seen(*pods_of(job, failed_pod("chief-0", 137))))
    member = Member(replica=replica("chief-0"), attempt=1)
    assert explain(job, member, seen(), NOW) == "chief-0 starts again at 2026-01-31T12:00:10Z"
    assert names(plan_of(job, seen(*pods_of(job, without=("chief-0",))), after(10)).create_pods) == [
        "digits-chief-0-r1"
    ]


UNBOUND = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"


@pytest.mark.parametrize(
    ("storage", "asked"),
    [({}, "the default storage class"), ({"storageClassName": "fats"}, "storage class fats")],
)
def test_a_claim_that_is_not_bound_is_named_with_its_storage_class(storage, asked):
    template = {"resources": {"requests": {"storage": "1Gi"}}, **storage}
    job = stored(make_job(modelDir={"volumeClaimTemplate": template}), Observed())
    made = plan_of(job, seen(*pods_of(job, pending("chief-0", unschedulable=True, message=UNBOUND))))
    assert message(made) == f"chief-0 cannot be scheduled: {UNBOUND} (claim digits-model asks for {asked})"


@pytest.mark.parametrize(("spec", "said"), [({"modelDir": CLAIM}, UNBOUND), ({}, UNBOUND)])
def test_somebody_elses_claim_is_left_to_the_scheduler_to_tell(spec, said):
    job = stored(make_job(**spec), Observed())
    made = plan_of(job, seen(*pods_of(job, pending("chief-0", unschedulable=True, message=UNBOUND))))
    assert message(made) == f"chief-0 cannot be scheduled: {said}"


def test_a_job_whose_replicas_crash_soon_after_each_start_tells_so_between_two_attempts():
    job = training(make_job())
    crashed = [failed_pod(f"worker-{index}", message="ValueError: boom") for index in (0, 1)]
    job = stored(job, seen(*pods_of(job, *crashed)))
    back = seen(*pods_of(job, make_pod("worker-0", 1), make_pod("worker-1", 1)))
    made = plan_of(job, back, after(10))
    assert state(made) == ("True", "Training")
    assert message(made) == (
        "all replicas are ready; last failure: worker-1 failed with exit code 1: ValueError: boom"
    )
    assert made.requeue_after == 290
    job = stored(job, back, after(10))
    assert plan_of(job, back, after(299)).status is job.status
    late = plan_of(job, back, after(300))
    assert message(late) == "all replicas are ready"
    assert late.progress_only, "it can wait for the next progress"


def test_a_disruption_is_no_failure_to_tell_of():
    job = training(make_job())
    job = stored(job, seen(*pods_of(job, failed_pod("worker-0", 143, disrupted=True))))
    made = plan_of(job, seen(*pods_of(job, make_pod("worker-0", 1))), after(10))
    assert message(made) == "all replicas are ready"


def test_a_replica_that_cannot_be_scheduled_is_named_before_those_that_are_only_slow():
    job = stored(make_job(), Observed())
    slow, stuck = pending("chief-0"), pending("ps-0", unschedulable=True, message="no memory")
    made = plan_of(job, seen(*pods_of(job, slow, stuck)), after(60))
    assert message(made) == "ps-0 cannot be scheduled: no memory (and 1 more)"
