"""Results belong to the spec that they were made from: another spec begins without them."""

from __future__ import annotations

import json
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
    names,
    plan_of,
    pods_of,
    seen,
    state,
    stored,
    text,
    training,
    truths,
    with_spec,
    with_status,
)

from estimator_api import EstimatorJobStatus, Progress
from estimator_operator.plan.spec_hash import spec_hash

NEW = {"image": "trainer:2"}
ALL = ["digits-chief-0", "digits-evaluator-0", "digits-ps-0", "digits-worker-0", "digits-worker-1"]


def suspended(job, *pods, now=NOW):
    """`job` after it was suspended with `pods` seen, and is emptied."""
    job = stored(with_spec(job, suspend=True), seen(*pods), now)
    return stored(job, seen(), now)


def resumed(job, **spec):
    """`job` resumed under a spec, and the plan for it."""
    job = with_spec(job, suspend=False, **spec)
    return job, plan_of(job, seen(), after(100))


def test_the_status_says_which_spec_its_results_are_of():
    job = training(make_job())
    assert job.status.spec_hash == spec_hash(job)
    elsewhere = suspended(job)
    assert elsewhere.status.spec_hash == spec_hash(job), "until the job begins anew"


def test_replicas_of_a_new_spec_have_not_completed():
    job = suspended(training(make_job()), *pods_of(make_job(), done_pod("chief-0"), done_pod("worker-0")))
    assert sorted(job.status.completed_replicas) == ["chief-0", "worker-0"]
    _, made = resumed(job, **NEW)
    assert sorted(names(made.create_pods)) == ALL
    assert made.status.completed_replicas == []
    assert made.status.chief_completion_time is None
    assert state(made) == ("False", "PodsPending")


def test_what_completed_under_a_spec_is_forgotten_also_when_the_operator_sees_the_change_as_a_whole():
    job = training(make_job())
    pods = [replace(one, spec_hash=spec_hash(job)) for one in pods_of(job, done_pod("worker-0"))]
    job = with_spec(stored(job, seen(*pods)), **NEW)
    job = stored(job, seen(*pods))
    assert state(job) == ("False", "Suspending")
    assert job.status.spec_hash != spec_hash(job)
    done = replace(pods[0], phase="Succeeded", exit_code=0, ready=False)
    job = stored(job, seen(done), after(30))
    job = stored(job, seen(), after(40))
    made = plan_of(job, seen(), after(41))
    assert sorted(names(made.create_pods)) == ALL
    assert made.status.completed_replicas == []
    assert made.status.spec_hash == spec_hash(job)


@pytest.mark.parametrize("left", ["nothing", "finished pods"])
def test_a_change_is_seen_though_no_pod_is_left_that_says_so(left):
    job = training(make_job(workers=0, ps=0))
    pods = [replace(one, spec_hash=spec_hash(job)) for one in (done_pod("chief-0", finished_at=NOW),)]
    job = stored(job, seen(*pods, make_pod("evaluator-0")))
    assert job.status.completed_replicas == ["chief-0"]
    job = with_spec(job, **NEW)
    made = plan_of(job, seen(*(pods if left == "finished pods" else ())))
    assert state(made)[1] in ("Suspending", "Suspended")
    assert not made.create_pods
    job = stored(with_status(job, made.status), seen())
    made = plan_of(job, seen(), after(5))
    assert sorted(names(made.create_pods)) == ["digits-chief-0", "digits-evaluator-0"]
    assert made.status.completed_replicas == []


def test_an_evaluator_that_was_given_up_is_run_again_under_a_new_spec():
    job = training(make_job(policy={"backoffLimit": 0}))
    job = stored(job, seen(*pods_of(job, failed_pod("evaluator-0"))))
    assert truths(job)["EvaluatorDegraded"] == "True"
    job = suspended(job, *pods_of(job, without=("evaluator-0",)))
    _, same = resumed(job)
    assert truths(same)["EvaluatorDegraded"] == "True"
    _, made = resumed(job, **NEW)
    assert "EvaluatorDegraded" not in truths(made)
    assert sorted(names(made.create_pods)) == ALL


def test_a_new_spec_has_the_whole_budget_and_no_backoff_and_never_reuses_a_name():
    job = training(make_job(policy={"backoffLimit": 1}))
    pods = pods_of(job, failed_pod("worker-0", 1))
    job = stored(job, seen(*pods))
    assert job.status.restarts.counted == 1
    assert job.status.last_failure.replica == "worker-0"
    job = suspended(job, *pods_of(job, make_pod("worker-0", 1)))
    job, made = resumed(job, **NEW)
    assert "digits-worker-0-r1" in names(made.create_pods)
    restarts = made.status.restarts
    assert (restarts.total, restarts.counted, restarts.incidents) == (1, 0, [])
    assert made.status.failures == []
    assert made.status.last_failure is None
    job = with_status(job, made.status)
    running = pods_of(job, make_pod("worker-0", 1, created_at=after(101)))
    job = stored(job, seen(*running), after(102))
    assert "worker-0" not in message(job)
    failed = pods_of(job, failed_pod("worker-0", 1, 1, created_at=after(101)))
    made = plan_of(job, seen(*failed), after(200))
    assert made.status.restarts.counted == 1
    assert state(made)[1] != "BackoffLimitExceeded"


def reported(directory, **chief):
    """A job that has told of its model in `directory`."""
    job = training(make_job(modelDir={"uri": directory}))
    document = {
        "role": "chief",
        "index": 0,
        "state": "Training",
        "time": text(NOW),
        "globalStep": 500,
        "maxSteps": 2000,
        "loss": 0.5,
        "checkpoint": {"path": f"{directory}/model.ckpt-500", "globalStep": 500, "time": text(NOW)},
        "evaluation": {
            "globalStep": 500,
            "checkpoint": f"{directory}/model.ckpt-500",
            "metrics": {"acc": 1.0},
        },
        "exports": [{"name": "best", "path": f"{directory}/export/best/1", "globalStep": 500}],
    } | chief
    progress = Progress.model_validate_json(json.dumps(document))
    heard = {one.replica: progress for one in pods_of(job) if one.replica.role in ("chief", "evaluator")}
    return stored(job, seen(*pods_of(job), progress=heard), after(1))


def test_facts_of_the_model_directory_outlive_a_spec_that_keeps_it():
    job = suspended(reported("/models/digits"))
    assert job.status.progress.global_step == 500
    _, made = resumed(job, **NEW)
    assert made.status.progress is None, "steps, rate and loss are of the program that has gone"
    assert made.status.checkpoints.latest.global_step == 500
    assert made.status.checkpoints.restored_from is None
    assert made.status.evaluation.global_step == 500
    assert [one.name for one in made.status.exports] == ["best"]


@pytest.mark.parametrize("directory", ["/models/digits2", "/models", "gs://bucket/digits"])
def test_another_model_directory_begins_without_the_facts_of_the_old_one(directory):
    job = suspended(reported("/models/digits"))
    _, made = resumed(job, modelDir={"uri": directory})
    status = made.status
    assert (status.progress, status.checkpoints, status.evaluation, status.exports) == (None, None, None, [])


def test_the_same_spec_goes_on_with_its_results():
    job = suspended(reported("/models/digits"), *pods_of(make_job(), done_pod("worker-0")))
    _, made = resumed(job, runPolicy={"activeDeadlineSeconds": 99})
    assert made.status.completed_replicas == ["worker-0"]
    assert made.status.progress.global_step == 500


def test_a_job_suspended_by_an_earlier_version_is_taken_at_its_present_spec():
    job = suspended(training(make_job()), *pods_of(make_job(), done_pod("worker-0")))
    old = EstimatorJobStatus.model_validate(job.status.to_json() | {"specHash": None})
    job = with_status(job, old)
    made = plan_of(job, seen(), after(50))
    assert made.status.spec_hash == spec_hash(job)
    assert made.progress_only, "no write of its own"
    _, made = resumed(with_status(job, made.status), **NEW)
    assert made.status.completed_replicas == []


def test_a_job_that_never_ran_says_of_no_spec():
    job = make_job(suspend=True)
    assert plan_of(job, seen()).status.spec_hash is None


def test_tensorboard_of_another_spec_is_made_anew():
    job = training(make_job(tensorBoard={}))
    pods = [replace(one, spec_hash=spec_hash(job)) for one in pods_of(job)]
    old = make_pod("tensorboard-0", spec_hash="of-before")
    made = plan_of(job, seen(*pods, old))
    assert [one.name for one in made.delete_pods] == [old.name]
    assert not plan_of(job, seen(*pods, replace(old, spec_hash=spec_hash(job)))).delete_pods
