"""An object store that takes nothing: told while training goes on, and the reason of a job that fails of it."""

from __future__ import annotations

import pytest
from job_builder import (
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
    truths,
)

from estimator_api import Progress
from estimator_api.progress import CheckpointProgress, MirrorProgress

SINCE = "2026-01-31T11:58:00.250Z"
AWAY = MirrorProgress(
    lag_seconds=120, behind_since=SINCE, error="s3://models/digits: cannot write model.ckpt-3.index: SlowDown"
)
HEAD = "chief-0 goes on, but the object store has nothing of what it saved since 2026-01-31T11:58:00Z: "


def job(**spec):
    return training(make_job(modelDir={"uri": "s3://models/digits"}, **spec))


def heard(mirror, role="chief", pods=()):
    """What is seen of a job whose replica says this of its mirror."""
    document = Progress(role=role, global_step=5, mirror=mirror)
    return seen(*pods_of(job(), *pods), progress={replica(f"{role}-0"): document})


def test_an_outage_is_a_condition_and_training_goes_on():
    made = plan_of(job(), heard(AWAY))
    assert state(made) == ("True", "Training")
    told = made.status.condition("ModelDirBehind")
    assert (told.status, told.reason) == ("True", "StoreUnavailable")
    assert told.message == HEAD + "s3://models/digits: cannot write model.ckpt-3.index: SlowDown"
    assert made.status.checkpoints.behind_since == "2026-01-31T11:58:00Z"


def test_other_words_of_the_same_outage_are_no_change():
    before = stored(job(), heard(AWAY))
    other = AWAY.model_copy(
        update={"error": "s3://models/digits: cannot list: timed out", "lag_seconds": 900}
    )
    assert plan_of(before, heard(other)).status is before.status


@pytest.mark.parametrize(
    "mirror",
    [
        MirrorProgress(uploaded_bytes=7),
        AWAY.model_copy(update={"error": None}),
        AWAY.model_copy(update={"lag_seconds": 29.9}),
        AWAY.model_copy(update={"lag_seconds": float("nan")}),
        AWAY.model_copy(update={"behind_since": None}),
        AWAY.model_copy(update={"behind_since": "long ago"}),
    ],
)
def test_what_is_no_outage_ends_one(mirror):
    made = plan_of(stored(job(), heard(AWAY)), heard(mirror))
    assert "ModelDirBehind" not in truths(made)
    assert made.status.checkpoints.behind_since is None


def test_a_document_without_a_word_about_the_store_changes_nothing_known():
    made = plan_of(stored(job(), heard(AWAY)), heard(None))
    assert made.status.checkpoints.behind_since == "2026-01-31T11:58:00Z"


def test_the_evaluators_outage_is_told_and_is_not_the_checkpoints():
    made = plan_of(job(), heard(AWAY, role="evaluator"))
    assert made.status.condition("ModelDirBehind").message.startswith("evaluator-0 goes on")
    assert made.status.checkpoints is None


def test_a_replica_that_does_not_run_has_no_outage():
    made = plan_of(job(), heard(AWAY, pods=[make_pod("chief-0", phase="Pending", ready=False)]))
    assert "ModelDirBehind" not in truths(made)


def test_a_new_checkpoint_beside_an_outage():
    document = Progress(
        role="chief",
        mirror=AWAY,
        checkpoint=CheckpointProgress(path="s3://models/digits/model.ckpt-2", global_step=2),
    )
    made = plan_of(job(), seen(*pods_of(job()), progress={replica("chief-0"): document}))
    assert made.status.checkpoints.latest.uri == "s3://models/digits/model.ckpt-2"
    assert made.status.checkpoints.behind_since is not None


def test_a_job_that_fails_of_its_store_says_so():
    said = "ModelDirUnavailableError: s3://models/digits: cannot list: NoSuchBucket"
    failing = job(policy={"backoffLimit": 0})
    report = Progress(role="chief", state="Failed", error=said)
    made = plan_of(failing, seen(*pods_of(failing, failed_pod("chief-0", 1, report=report))))
    assert state(made) == ("False", "ModelDirUnavailable")
    assert message(made) == (
        f"chief-0 failed with exit code 1: {said}; 0 restarts were counted, backoffLimit is 0"
    )
