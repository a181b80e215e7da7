"""Elastic workers: they come and go while the others train, and nobody takes one that left for one that failed."""

from __future__ import annotations

import json

import pytest
from job_builder import (
    SETTINGS,
    after,
    done_pod,
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
    with_spec,
    with_status,
)

from estimator_operator.plan import Observed
from estimator_operator.plan.cluster_spec import cluster_of
from estimator_operator.plan.pods import pod_manifest

BOUNDS = {"minReplicas": 0, "maxReplicas": 4}


def elastic(workers=2, **spec):
    """An elastic job."""
    return make_job(workers=workers, elastic=BOUNDS, **spec)


def scale(job, workers):
    """`job` after `kubectl scale`."""
    return with_spec(job, worker={"replicas": workers})


def tf_config(job, name):
    """TF_CONFIG of the pod of a replica."""
    main = pod_manifest(job, replica(name), 0, SETTINGS)["spec"]["containers"][0]
    return json.loads(next(one["value"] for one in main["env"] if one["name"] == "TF_CONFIG"))


def settled(job, observed, now=after(0)):
    """`job` after passes on one observation until nothing changes any more."""
    for _ in range(5):
        made = plan_of(job, observed, now)
        if made.status is job.status:
            return job
        job = with_status(job, made.status)
    raise AssertionError("no rest")


def counts(job):
    """Total and counted restarts, and the failures that are told of."""
    return job.status.restarts.total, job.status.restarts.counted, len(job.status.failures)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_everybodys_cluster_has_every_worker_there_may_be(workers):
    cluster = cluster_of(elastic(workers).spec, str)
    assert cluster["worker"] == ["worker-0", "worker-1", "worker-2", "worker-3"]
    assert len(tf_config(elastic(workers), "chief-0")["cluster"]["worker"]) == 4


@pytest.mark.parametrize("name", ["chief-0", "worker-1", "evaluator-0"])
def test_tasks_are_told_that_not_all_of_the_cluster_may_be_there(name):
    assert tf_config(elastic(), name)["service"] == {"elastic": True}
    assert "service" not in tf_config(make_job(workers=2), name)


def test_a_chief_that_may_get_workers_has_a_cluster():
    job = make_job(workers=0, ps=0, evaluator=0, elastic=BOUNDS, estimator=None, program={"module": "m"})
    assert set(cluster_of(job.spec, str)) == {"chief", "worker"}


def test_no_running_pod_needs_another_manifest():
    before = pod_manifest(elastic(1), replica("chief-0"), 0, SETTINGS)
    assert pod_manifest(elastic(4), replica("chief-0"), 0, SETTINGS) == before


@pytest.mark.parametrize(
    ("job", "workers"), [(elastic(3), 3), (elastic(0), 0), (make_job(workers=2), 2), (make_job(workers=0), 0)]
)
def test_scale_subresource(job, workers):
    for status in (plan_of(job, Observed()).status, training(job).status):
        assert status.worker_replicas == workers
        assert status.worker_selector == "estimator.dev/job-name=digits,estimator.dev/role=worker"


def test_message_says_who_takes_part():
    job = training(elastic())
    assert message(job) == (
        "all replicas are ready; 2 of at most 4 workers take part, so input is not sharded by their number"
    )


def test_scale_out_is_stored_first_and_no_restart():
    job = training(elastic())
    pods = pods_of(job)
    job = scale(job, 3)
    made = plan_of(job, seen(*pods))
    assert made.status_first
    assert not made.create_pods
    assert made.status.worker_replicas == 3
    assert made.status.restarts.pending == ["worker-2"]
    assert [(one.type, one.reason, one.note) for one in made.events] == [
        ("Normal", "Scaled", "workers: 2 before, 3 now, of at most 4")
    ]
    job = with_status(job, made.status)
    made = plan_of(job, seen(*pods))
    assert names(made.create_pods) == ["digits-worker-2"]
    assert state(made) == ("False", "PodsPending")
    assert message(made) == "waiting until all 6 replicas are ready"
    job = settled(job, seen(*pods, make_pod("worker-2")))
    assert state(job) == ("True", "Training")
    assert "3 of at most 4" in message(job)
    assert counts(job) == (0, 0, 0)
    assert job.status.restarts.pending == []


def test_a_joined_worker_that_vanishes_is_a_restart_again():
    job = training(elastic())
    pods = pods_of(job)
    job = settled(scale(job, 3), seen(*pods, make_pod("worker-2")))
    made = plan_of(job, seen(*pods))
    assert made.status.restarts.total == 1
    assert made.status.failures[-1].replica == "worker-2"


def test_scale_in_is_stored_first_and_no_failure():
    job = training(elastic(3))
    pods = pods_of(job)
    job = scale(job, 1)
    made = plan_of(job, seen(*pods))
    assert made.status_first
    assert not made.delete_pods
    assert made.status.worker_replicas == 1
    assert state(made) == ("True", "Training")
    job = with_status(job, made.status)
    made = plan_of(job, seen(*pods))
    assert [(one.name, one.force) for one in made.delete_pods] == [
        ("digits-worker-1", False),
        ("digits-worker-2", False),
    ]
    leaving = pods_of(job, failed_pod("worker-1", 143, deleting=True), make_pod("worker-2", deleting=True))
    for observed in (seen(*leaving), seen(*pods_of(job))):
        job = settled(job, observed)
        assert state(job) == ("True", "Training")
        assert counts(job) == (0, 0, 0)
    assert {one.role: one.desired for one in job.status.roles}["worker"] == 1


def test_all_workers_may_go():
    job = settled(scale(training(elastic()), 0), seen(*pods_of(elastic(0))))
    assert state(job) == ("True", "Training")
    assert "0 of at most 4" in message(job)
    assert (job.status.worker_replicas, counts(job)) == (0, (0, 0, 0))


@pytest.mark.parametrize("crash", ["before the deletion", "after the deletion"])
def test_scaled_in_and_out_while_the_operator_was_away(crash):
    job = training(elastic(3))
    gone = pods_of(job, without=("worker-2",))
    job = scale(job, 2)
    job = with_status(job, plan_of(job, seen(*pods_of(elastic(3)))).status)
    job = scale(job, 3)
    pods = pods_of(elastic(3)) if crash == "before the deletion" else gone
    job = settled(job, seen(*pods))
    assert counts(job) == (0, 0, 0)
    made = plan_of(job, seen(*pods))
    assert names(made.create_pods) == ([] if crash == "before the deletion" else ["digits-worker-2"])
    assert not made.delete_pods


@pytest.mark.parametrize(
    "old",
    [
        make_pod("worker-2", deleting=True, delete_by=after(60)),
        failed_pod("worker-2", 143, deleting=True),
        done_pod("worker-2", deleting=True),
        failed_pod("worker-2", 143),
    ],
    ids=["ending", "ended", "completed", "not yet deleted"],
)
def test_a_worker_that_comes_back_while_its_pod_ends(old):
    job = training(elastic(3))
    job = settled(scale(job, 2), seen(*pods_of(elastic(2)), old))
    job = scale(job, 3)
    observed = seen(*pods_of(elastic(2)), old)
    job = settled(job, observed)
    assert counts(job) == (1, 0, 0), "a number, but no failure"
    made = plan_of(job, observed)
    held = old.phase == "Running"
    assert names(made.create_pods) == ([] if held else ["digits-worker-2-r1"])
    assert [one.name for one in made.delete_pods] == ([] if old.deleting else ["digits-worker-2"])
    made = plan_of(job, seen(*pods_of(elastic(2))))
    assert names(made.create_pods) == ["digits-worker-2-r1"]
    job = settled(job, seen(*pods_of(elastic(2)), make_pod("worker-2", 1)))
    assert state(job) == ("True", "Training")
    assert counts(job) == (1, 0, 0)


def test_a_worker_that_had_completed_runs_again_when_it_comes_back():
    job = training(elastic(3))
    job = settled(job, seen(*pods_of(job, done_pod("worker-2"), done_pod("worker-0"))))
    assert sorted(job.status.completed_replicas) == ["worker-0", "worker-2"]
    left = pods_of(elastic(2), done_pod("worker-0"))
    job = settled(scale(job, 2), seen(*left))
    assert job.status.completed_replicas == ["worker-0"]
    job = settled(scale(job, 3), seen(*left))
    assert names(plan_of(job, seen(*left)).create_pods) == ["digits-worker-2"]


def test_scaling_after_the_chief_runs_nobody():
    job = training(elastic())
    pods = pods_of(job, done_pod("chief-0"))
    job = settled(scale(settled(job, seen(*pods)), 4), seen(*pods))
    made = plan_of(job, seen(*pods))
    assert not made.create_pods
    assert state(made) == ("True", "Evaluating")


def test_another_number_of_workers_after_a_suspension_is_no_scaling():
    job = with_spec(training(elastic()), suspend=True)
    job = stored(stored(job, seen(*pods_of(job))), seen())
    assert job.status.worker_replicas == 0
    job = with_spec(job, suspend=False, worker={"replicas": 4})
    made = plan_of(job, seen(), after(100))
    assert names(made.create_pods) == ["digits-chief-0", "digits-ps-0", "digits-evaluator-0"]
    assert [one.reason for one in made.events] == ["Resumed"]
    assert made.status.worker_replicas == 4
    made = plan_of(with_status(job, made.status), seen(*pods_of(elastic(0))), after(101))
    assert names(made.create_pods) == [f"digits-worker-{index}" for index in range(4)]


def test_scaling_before_all_pods_were_seen():
    job = stored(elastic(1), Observed())
    job = settled(scale(job, 2), seen(make_pod("chief-0")))
    assert job.status.start_time is None
    made = plan_of(job, seen(make_pod("chief-0")))
    assert names(made.create_pods) == ["digits-ps-0", "digits-evaluator-0"]
    made = plan_of(job, seen(*pods_of(elastic(0))))
    assert names(made.create_pods) == ["digits-worker-0", "digits-worker-1"]
    assert counts(job) == (0, 0, 0)


def test_the_status_of_a_job_from_before_scaling_is_completed():
    job = training(elastic())
    old = job.status.model_copy(update={"worker_replicas": None, "worker_selector": None})
    made = plan_of(with_status(job, old), seen(*pods_of(job)))
    assert not made.status_first
    assert made.status.worker_replicas == 2
    assert made.progress_only


def test_restarts_of_elastic_workers_count_as_ever():
    job = training(elastic())
    made = plan_of(job, seen(*pods_of(job, failed_pod("worker-1", 1))))
    assert (made.status.restarts.total, made.status.restarts.counted) == (1, 1)


def test_an_elastic_job_begins_without_workers_that_are_refused():
    job = with_spec(
        make_job(policy={"activeDeadlineSeconds": 3600}),
        worker={"replicas": 3},
        elastic={"minReplicas": 1, "maxReplicas": 3},
    )
    pods = pods_of(job, without=("worker-1", "worker-2"))
    made = plan_of(job, seen(*pods, refused="quota"), after(10))
    assert made.status.start_time is not None
    assert made.status.restarts.pending == ["worker-1", "worker-2"]
    assert made.status.restarts.total == 0

    job = with_status(job, made.status)
    later = plan_of(job, seen(*pods_of(job)), after(20))
    assert later.status.restarts.pending == []
    assert later.status.failures == []


def test_an_elastic_job_does_not_begin_without_workers_that_it_needs():
    job = with_spec(make_job(), worker={"replicas": 3}, elastic={"minReplicas": 3, "maxReplicas": 3})
    made = plan_of(job, seen(*pods_of(job, without=("worker-2",)), refused="quota"))
    assert made.status.start_time is None
    assert made.status.restarts.pending == []


def test_workers_that_a_job_can_do_without_are_made_once_it_has_what_it_needs():
    job = with_spec(make_job(), worker={"replicas": 3}, elastic={"minReplicas": 1, "maxReplicas": 3})
    made = plan_of(job, Observed())
    needs = ["digits-chief-0", "digits-worker-0", "digits-ps-0", "digits-evaluator-0"]
    assert names(made.create_pods) == needs
    assert (made.optional, made.put_off) == (False, True)
    assert {one.role: one.active for one in made.status.roles}["worker"] == 3, "they are made in a moment"
    job = with_status(job, made.status)
    pods = pods_of(job, without=("worker-1", "worker-2"))
    made = plan_of(job, seen(*pods))
    assert names(made.create_pods) == ["digits-worker-1", "digits-worker-2"]
    assert (made.optional, made.put_off) == (True, False)


def test_a_chief_that_is_made_again_comes_before_workers_that_are_refused():
    job = training(elastic(4))
    left = pods_of(job, without=("chief-0", "worker-2", "worker-3"))
    pending = job.status.restarts.model_copy(update={"pending": ["chief-0", "worker-2", "worker-3"]})
    job = with_status(job, job.status.model_copy(update={"restarts": pending}))
    made = plan_of(job, seen(*left, refused="quota"))
    assert names(made.create_pods) == ["digits-chief-0"]
    assert (made.optional, made.put_off) == (False, True)


def test_a_service_that_is_made_again_comes_before_workers_that_may_be_refused():
    job = training(elastic())
    pods = pods_of(job)
    job = settled(scale(job, 3), seen(*pods))
    made = plan_of(job, seen(*pods, service_exists=False))
    assert made.create_service is not None
    assert not made.create_pods
    assert (made.optional, made.put_off) == (False, True)


def test_nobody_waits_for_others_in_a_job_that_is_not_elastic():
    made = plan_of(make_job(workers=2), Observed())
    assert len(made.create_pods) == 5
    assert (made.optional, made.put_off) == (False, False)


@pytest.mark.parametrize(("refused", "made"), [("quota", []), (None, ["digits-worker-2"])])
def test_workers_that_are_refused_leave_a_chief_that_waits_for_its_backoff_its_room(refused, made):
    job = training(elastic())
    job = settled(scale(job, 3), seen(*pods_of(job)))
    pods = pods_of(elastic(), failed_pod("chief-0", 137))
    job = stored(job, seen(*pods, refused=refused))
    waits = plan_of(job, seen(*pods, refused=refused))
    assert names(waits.create_pods) == made
    assert waits.put_off is (refused is not None)
    later = plan_of(job, seen(*pods, refused=refused), after(60))
    assert "digits-chief-0-r1" in names(later.create_pods)
