"""The ordinary life of a job: what is created, written, said and deleted, and that it is no more than the budget."""

from __future__ import annotations

import pytest
from job_builder import (
    NOW,
    after,
    done_pod,
    make_job,
    make_pod,
    message,
    names,
    plan_of,
    pods_of,
    seen,
    state,
    stored,
    text,
    training,
    truths,
    with_status,
)
from simulated_cluster import SimulatedCluster

from estimator_api import EstimatorJob, EstimatorJobSpec, parse_job
from estimator_operator.plan import Observed

QUIET = {"Complete": "False", "Failed": "False", "Suspended": "False"}


def test_new_job_gets_service_and_all_pods():
    made = plan_of(make_job(), Observed())
    assert names(made.create_pods) == [
        "digits-chief-0",
        "digits-worker-0",
        "digits-worker-1",
        "digits-ps-0",
        "digits-evaluator-0",
    ]
    assert made.create_service["metadata"]["name"] == "digits"
    assert made.create_claim is None
    assert not made.status_first
    assert state(made) == ("False", "PodsPending")
    assert truths(made) == {"Ready": "False", "Reconciling": "True"} | QUIET
    assert message(made) == "waiting until all 5 replicas are ready"
    assert made.status.observed_generation == 1
    assert made.status.start_time is None, "nobody has seen the pods yet"
    assert {one.role: one.active for one in made.status.roles} == {
        "chief": 1,
        "worker": 2,
        "ps": 1,
        "evaluator": 1,
    }


def test_what_exists_is_not_created_again():
    made = plan_of(make_job(), seen(make_pod("chief-0", phase="Pending", ready=False)))
    assert made.create_service is None
    assert "digits-chief-0" not in names(made.create_pods)


def test_start_time_is_written_once_all_pods_were_seen():
    job = stored(make_job(), Observed())
    pods = pods_of(job, make_pod("chief-0", phase="Pending", ready=False, created_at=after(-3)))
    assert plan_of(job, seen(*pods[:4])).status.start_time is None
    made = plan_of(job, seen(*pods))
    assert made.status.start_time == text(after(-3))
    assert not made.progress_only, "by it a pod that is gone is told from one that was never made"


def test_training_when_all_pods_are_ready():
    job = stored(make_job(), Observed())
    made = plan_of(job, seen(*pods_of(job)))
    assert state(made) == ("True", "Training")
    assert truths(made) == {"Ready": "True"} | QUIET
    assert not made.progress_only
    assert [one.reason for one in made.events] == ["Training"]
    assert (made.status.replicas.ready, made.status.replicas.desired) == (5, 5)


def test_evaluating_after_the_chief():
    job = training(make_job())
    made = plan_of(job, seen(*pods_of(job, done_pod("chief-0", finished_at=after(-5)))))
    assert state(made) == ("True", "Evaluating")
    assert truths(made) == {"Ready": "True"} | QUIET
    assert made.status.completed_replicas == ["chief-0"]
    assert made.status.chief_completion_time == text(after(-5))
    assert made.progress_only
    assert made.requeue_after == 595


def test_completion_is_stored_before_pods_go():
    job = training(make_job())
    pods = pods_of(job, done_pod("chief-0"), done_pod("evaluator-0"))
    made = plan_of(job, seen(*pods))
    assert made.status_first
    assert not made.delete_pods
    assert state(made) == ("True", "Completed")
    assert truths(made) == {"Ready": "True"} | QUIET | {"Complete": "True"}
    assert made.status.completion_time == text(NOW)
    assert [one.reason for one in made.events] == ["Completed"]
    made = plan_of(with_status(job, made.status), seen(*pods))
    assert sorted(one.name for one in made.delete_pods) == [
        "digits-ps-0",
        "digits-worker-0",
        "digits-worker-1",
    ]
    assert made.status == with_status(job, made.status).status


def test_budget_of_the_five_pod_job():
    cluster = SimulatedCluster(make_job())
    events, writes = [], []

    def work() -> None:
        for _ in range(5):
            cluster.deliver()
            before = cluster.job.status
            made = cluster.reconcile(defers=True)
            events.extend(made.events)
            if cluster.job.status != before:
                writes.append(state(cluster.job)[1])

    work()
    for name in list(cluster.pods):
        cluster.run(name)
        work()
    for name in ("digits-chief-0", "digits-evaluator-0"):
        cluster.end(name, 0)
        work()
    assert len(cluster.created) == 5
    assert writes == ["PodsPending", "Training", "Completed"]
    assert [one.reason for one in events] == ["Training", "Completed"]
    assert sum(one.deleting for one in cluster.pods.values()) == 3


def test_chief_alone_completes_by_itself():
    job = training(make_job(workers=0, ps=0, evaluator=0))
    assert len(plan_of(make_job(workers=0, ps=0, evaluator=0), Observed()).create_pods) == 1
    assert state(plan_of(job, seen(done_pod("chief-0")))) == ("True", "Completed")


def test_a_job_that_is_being_deleted_is_left_alone():
    job = make_job()
    gone = job.model_copy(
        update={"metadata": job.metadata.model_copy(update={"deletion_timestamp": text(NOW)})}
    )
    made = plan_of(gone, Observed())
    assert made.status is gone.status
    assert not made.create_pods


def test_observed_generation_follows_the_spec():
    job = training(make_job())
    later = job.model_copy(update={"metadata": job.metadata.model_copy(update={"generation": 7})})
    made = plan_of(later, seen(*pods_of(job)))
    assert made.status.observed_generation == 7
    assert not made.progress_only, "kstatus waits for it"


@pytest.mark.parametrize("policy", ["Running", "None"])
def test_final_status_changes_only_its_generation(policy):
    job = training(make_job(policy={"cleanPodPolicy": policy}))
    pods = pods_of(job, done_pod("chief-0"), done_pod("evaluator-0"))
    ended = stored(job, seen(*pods))
    later = ended.model_copy(update={"metadata": ended.metadata.model_copy(update={"generation": 2})})
    made = plan_of(later, seen())
    assert made.status.observed_generation == 2
    assert {one.observed_generation for one in made.status.conditions} == {2}
    assert truths(made) == truths(ended)
    assert not made.create_pods


def test_plan_is_made_from_what_can_be_read_back():
    job = training(make_job())
    assert isinstance(job, EstimatorJob)
    assert isinstance(job.spec, EstimatorJobSpec)
    assert parse_job(job.to_json()) == job
    made = plan_of(job, seen(*pods_of(job)))
    assert made.status is job.status, "nothing new: the very same status"
