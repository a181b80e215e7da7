"""The store: the newest wins, the gone stay gone, what was learnt of a pod goes with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from job_world import job_manifest

from estimator_api import InvalidJobError, Progress
from estimator_operator.control.job_record import JobKey, JobRecord
from estimator_operator.control.merge_patch import merge_patch
from estimator_operator.control.store import Store
from estimator_operator.plan import Replica

KEY = JobKey("default", "mnist")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(version: int, uid: str = "j1", **fields: Any) -> dict[str, Any]:
    manifest = job_manifest() | fields
    manifest["metadata"] = {
        "namespace": "default",
        "name": "mnist",
        "uid": uid,
        "resourceVersion": str(version),
        "generation": 1,
        "managedFields": [{"manager": "kubectl"}],
    }
    return manifest


def pod(
    name: str, version: int, *, uid: str | None = None, owner: str = "j1", **status: Any
) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "default",
            "name": name,
            "uid": uid or f"uid-{name}",
            "resourceVersion": str(version),
            "labels": {
                "estimator.dev/job-name": "mnist",
                "estimator.dev/role": "chief",
                "estimator.dev/index": "0",
                "estimator.dev/attempt": name.partition("-r")[2] or "0",
            },
            "ownerReferences": [
                {
                    "apiVersion": "estimator.dev/v1alpha1",
                    "kind": "EstimatorJob",
                    "name": "mnist",
                    "uid": owner,
                    "controller": True,
                }
            ],
        },
        "status": {"phase": "Pending", **status},
    }


@pytest.fixture
def store() -> Store:
    store = Store()
    store.put_job(job(10))
    return store


def record(store: Store) -> JobRecord:
    found = store.job(KEY)
    assert found is not None
    return found


def phases(store: Store) -> list[str]:
    return [one.phase for one in store.pods(record(store))]


def test_older_jobs_change_nothing(store):
    assert store.put_job(job(9)) == (KEY, False)
    assert store.put_job(job(10)) == (KEY, False)
    assert store.put_job(job(11)) == (KEY, True)
    assert record(store).resource_version == "11"


def test_managed_fields_are_not_kept(store):
    assert "managedFields" not in record(store).manifest["metadata"]


def test_a_namesake_shares_nothing(store):
    record(store).service_exists = True
    store.put_pod(pod("mnist-chief-0", 11))
    assert store.put_job(job(50, uid="j2")) == (KEY, True)
    assert not record(store).service_exists
    assert store.pods(record(store)) == ()


@pytest.mark.parametrize("phase", ["Running", "Succeeded"])
def test_what_became_of_a_predecessor_s_pods_is_nothing_to_its_namesake(store, phase):
    """The watch of pods may tell of their ends, and that of jobs of the new one, before it tells of the old one's end."""
    store.put_pod(pod("mnist-chief-0", 11, phase=phase))
    store.put_pod(pod("mnist-chief-0-r1", 12, phase=phase))
    store.drop_pod(pod("mnist-chief-0", 13))
    store.put_job(job(50, uid="j2"))
    store.drop_pod(pod("mnist-chief-0-r1", 51))
    observed = store.observe(record(store))
    assert (observed.pods, observed.gone) == ((), {})
    assert not store.drop_job(KEY, "j1", told=True)
    assert store.put_job(job(14)) == (KEY, False)


def test_pods_of_a_namesake_that_are_seen_first_are_its_own(store):
    store.put_pod(pod("mnist-chief-0", 51, owner="j2"))
    store.put_job(job(50, uid="j2"))
    assert phases(store) == ["Pending"]


def test_a_late_word_of_a_predecessor_does_not_take_the_namesake_s_place(store):
    store.put_job(job(50, uid="j2"))
    assert store.put_job(job(20)) == (KEY, False)
    assert record(store).uid == "j2"


def test_the_end_of_a_predecessor_does_not_take_the_namesake(store):
    assert not store.drop_job(KEY, "another")
    assert store.drop_job(KEY, "j1")
    assert len(store) == 0


def test_only_a_job_that_nobody_answered_is_known_to_have_nothing(store):
    answered = job(
        12, uid="j3", status={"conditions": [{"type": "Ready", "status": "False", "reason": "PodsPending"}]}
    )
    assert record(store).fresh
    store.put_job(answered)
    assert not record(store).fresh


def test_an_unreadable_job_says_why_every_time(store):
    store.put_job(job(11, spec={"modelDir": {}}))
    for _ in range(2):
        with pytest.raises(InvalidJobError, match="modelDir"):
            record(store).job()


def test_older_pods_change_nothing_and_equal_ones_are_no_news(store):
    assert store.put_pod(pod("mnist-chief-0", 20, phase="Running")) == KEY
    assert store.put_pod(pod("mnist-chief-0", 19)) is None
    assert store.put_pod(pod("mnist-chief-0", 21, phase="Running")) is None
    assert phases(store) == ["Running"]
    (known,) = store.pods(record(store))
    assert known.version == "21"


def test_a_pod_that_is_gone_does_not_come_back(store):
    store.put_pod(pod("mnist-chief-0", 20))
    assert store.drop_pod(pod("mnist-chief-0", 21)) == KEY
    assert store.put_pod(pod("mnist-chief-0", 20)) is None
    assert phases(store) == []
    assert store.put_pod(pod("mnist-chief-0", 22, uid="new")) == KEY


def test_a_pod_that_ended_well_is_remembered_until_the_status_names_its_replica(store):
    store.put_pod(pod("mnist-chief-0", 11, phase="Succeeded"))
    store.drop_pod(pod("mnist-chief-0", 12))
    (known,) = store.pods(record(store))
    assert (known.phase, known.deleting) == ("Succeeded", True)
    store.put_job(job(13, status={"completedReplicas": ["chief-0"]}))
    assert store.pods(record(store)) == ()


def test_a_pod_that_failed_is_not_remembered(store):
    store.put_pod(pod("mnist-chief-0", 11, phase="Failed"))
    store.drop_pod(pod("mnist-chief-0", 12))
    assert store.pods(record(store)) == ()


def test_a_late_end_does_not_take_the_successor(store):
    store.put_pod(pod("mnist-chief-0", 22, uid="new"))
    assert store.drop_pod(pod("mnist-chief-0", 21, uid="old")) is None
    assert phases(store) == ["Pending"]


def test_pods_of_others_are_not_seen(store):
    stranger = pod("mnist-chief-0", 20)
    stranger["metadata"]["ownerReferences"] = []
    assert store.put_pod(stranger) is None
    assert store.put_pod(pod("mnist-chief-0", 20, owner="another")) == KEY
    assert phases(store) == []


def test_a_sweep_spares_what_is_newer_than_the_list_and_other_namespaces(store):
    store.put_pod(pod("mnist-chief-0", 20))
    store.put_pod(pod("mnist-chief-0-r1", 30))
    assert store.sweep_pods("elsewhere", (), 25) == []
    assert store.sweep_pods(None, (), 25) == [KEY]
    assert [one.name for one in store.pods(record(store))] == ["mnist-chief-0-r1"]
    assert store.sweep_jobs(None, (), 9) == []
    assert store.sweep_jobs(None, {"j1"}, 30) == []
    assert store.sweep_jobs("default", (), 10) == [KEY]


def test_progress_is_the_newest_attempts(store):
    for number, name in enumerate(["mnist-chief-0-r10", "mnist-chief-0-r9"]):
        store.put_pod(pod(name, 20 + number))
        assert store.put_progress(KEY, f"uid-{name}", Progress(role="chief", global_step=10 * number), at=NOW)
    assert store.observe(record(store)).progress[Replica("chief", 0)].global_step == 0
    assert not store.put_progress(KEY, "nobody", Progress(role="chief"), at=NOW)


def test_it_is_known_when_a_replica_s_present_pod_was_last_heard(store):
    chief, later = Replica("chief", 0), NOW + timedelta(seconds=10)
    store.put_pod(pod("mnist-chief-0", 20))
    assert store.observe(record(store)).heard_at == {}
    assert store.put_progress(KEY, "uid-mnist-chief-0", Progress(role="chief", global_step=5), at=NOW)
    assert not store.put_progress(KEY, "uid-mnist-chief-0", Progress(role="chief", global_step=5), at=later)
    assert store.observe(record(store)).heard_at == {chief: later}, "an answer without news is an answer"
    store.put_pod(pod("mnist-chief-0-r1", 23))
    assert store.observe(record(store)).heard_at == {}, "the one before it was heard, it was not"
    assert store.put_progress(KEY, "uid-mnist-chief-0-r1", Progress(role="chief", global_step=5), at=later)
    assert store.observe(record(store)).heard_at == {chief: later}
    store.drop_pod(pod("mnist-chief-0-r1", 24))
    assert store.observe(record(store)).heard_at == {chief: later}


def test_what_was_learnt_of_a_pod_goes_with_it(store):
    store.put_pod(pod("mnist-chief-0", 20))
    assert store.put_cause(KEY, "uid-mnist-chief-0", "no such ConfigMap", age=10)
    assert not store.put_cause(KEY, "uid-mnist-chief-0", None, age=30)
    assert store.looked_at(KEY, "uid-mnist-chief-0") == 30
    assert store.observe(record(store)).causes == {Replica("chief", 0): "no such ConfigMap"}
    store.put_pod(pod("mnist-chief-0", 21, phase="Running"))
    assert store.observe(record(store)).causes == {}
    store.drop_pod(pod("mnist-chief-0", 22))
    assert store.looked_at(KEY, "uid-mnist-chief-0") is None
    assert not store.put_cause(KEY, "uid-mnist-chief-0", "late", age=40)


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({}, {"a": {"b": []}}, {"a": {"b": []}}),
        ({"a": 1, "b": 2}, {"b": 2}, {"a": None}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
        ({"a": {"b": 1}}, {"a": "text"}, {"a": "text"}),
    ],
)
def test_merge_patches_say_what_changes(old, new, patch):
    assert merge_patch(old, new) == patch
