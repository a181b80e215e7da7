"""An upgrade of the operator changes the defaults of no job that has begun."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from job_builder import (
    NOW,
    SETTINGS,
    after,
    failed_pod,
    make_job,
    make_pod,
    pods_of,
    seen,
    stored,
    training,
    with_spec,
    with_status,
)

from estimator_operator.plan import Settings, plan, replicas_of
from estimator_operator.plan.pinned import pinned_of, shown_by
from estimator_operator.plan.pods import pod_manifest

LATER = Settings(runtime_image="runtime:2", runtime_image_gpu="runtime-gpu:2", cluster_domain="other.local")


def images(made):
    """Images of the pods that are made."""
    return {one["spec"]["containers"][0]["image"] for one in made.create_pods}


def test_a_replica_that_is_restarted_after_an_upgrade_gets_the_image_of_the_others():
    job = training(make_job())
    assert job.status.pinned.runtime_image == SETTINGS.runtime_image
    pods = pods_of(job, failed_pod("worker-0", 1))
    job = stored(job, seen(*pods))
    made = plan(job, seen(*pods), NOW, LATER)
    assert images(made) == {SETTINGS.runtime_image}
    assert "other.local" not in json.dumps(list(made.create_pods))
    assert made.status.pinned == job.status.pinned


def test_a_job_of_an_earlier_version_keeps_what_its_pods_say():
    job = training(make_job())
    job = job.model_copy(update={"status": job.status.model_copy(update={"pinned": None})})
    pinned = {"runtimeImage": "runtime:1", "runtimeImageGpu": "gpu:1", "clusterDomain": ""}
    pods = pods_of(job, make_pod("chief-0", pinned=json.dumps(pinned)), make_pod("ps-0", pinned="nonsense"))
    made = plan(job, seen(*pods), NOW, LATER)
    assert made.status.pinned.runtime_image == "runtime:1"
    assert made.progress_only, "no write of its own"


def test_a_suspended_job_begins_anew_with_the_present_defaults():
    job = with_spec(training(make_job()), suspend=True)
    job = stored(stored(job, seen(*pods_of(job))), seen())
    assert job.status.pinned is None
    made = plan(with_spec(job, suspend=False), seen(), NOW, LATER)
    assert images(made) == {"runtime:2"}
    assert made.status.pinned.runtime_image == "runtime:2"


DOMAIN = '{"cluster":{"chief":["digits-chief-0.digits.team.svc.corp.example:2222"]}}'


def of_earlier_version(job, *, image="runtime:0", user=1000, env=DOMAIN):
    """`job` as an earlier version left it: nothing pinned, and pods that only their manifests tell of."""
    job = training(job)
    job = job.model_copy(update={"status": job.status.model_copy(update={"pinned": None, "spec_hash": None})})
    container = {"name": "estimator", "image": image, "env": [{"name": "TF_CONFIG", "value": env}]}
    spec = {"securityContext": {"runAsUser": user} if user else {}, "containers": [container]}
    shown = shown_by(spec)
    return job, [replace(one, shown=shown) for one in pods_of(job, failed_pod("worker-0", 1))]


def restarted(job, pods, settings=LATER):
    """The pods of the restart under other settings."""
    made = plan(job, seen(*pods), NOW, settings)
    job = with_status(job, made.status)
    return made.status.pinned, list(plan(job, seen(*pods), after(3600), settings).create_pods)


def test_a_job_that_began_before_anything_was_pinned_keeps_what_its_pods_run():
    pinned, pods = restarted(*of_earlier_version(make_job()))
    assert pinned.runtime_image == "runtime:0"
    assert pinned.runtime_image_gpu == "runtime-gpu:2", "no pod shows it"
    assert pinned.cluster_domain == "corp.example"
    assert [one["spec"]["containers"][0]["image"] for one in pods] == ["runtime:0"]
    assert "svc.corp.example:2222" in json.dumps(pods)


def test_names_without_a_domain_stay_without_one():
    pinned, _ = restarted(*of_earlier_version(make_job(), env=DOMAIN.replace(".corp.example", "")))
    assert pinned.cluster_domain == ""


def test_what_no_pod_shows_is_taken_from_the_flags():
    pinned, _ = restarted(*of_earlier_version(make_job(), env=""))
    assert pinned.cluster_domain == "other.local"


@pytest.mark.parametrize(
    "spec",
    [
        {"image": "mine:1"},
        {"template": {"spec": {"containers": [{"name": "estimator", "image": "mine:1"}]}}},
        {
            role: {
                **({} if role == "chief" else {"replicas": 1}),
                "template": {"spec": {"containers": [{"name": "estimator", "image": "mine:1"}]}},
            }
            for role in ("chief", "worker", "ps", "evaluator")
        },
    ],
    ids=["spec", "template", "roles"],
)
def test_an_image_that_the_job_names_is_not_taken_for_the_operators(spec):
    pinned, _ = restarted(*of_earlier_version(with_spec(make_job(), **spec), image="mine:1"))
    assert pinned.runtime_image == "runtime:2"


def test_pods_with_gpus_show_the_image_for_gpus():
    limits = {"limits": {"nvidia.com/gpu": 1}}
    job = training(make_job(chief={"resources": limits}))
    job = job.model_copy(update={"status": job.status.model_copy(update={"pinned": None})})
    main = {"name": "estimator", "resources": limits, "image": "gpu:0"}
    made = plan(
        job,
        seen(*pods_of(job, make_pod("chief-0", shown=shown_by({"containers": [main]})))),
        NOW,
        LATER,
    )
    assert (made.status.pinned.runtime_image, made.status.pinned.runtime_image_gpu) == ("runtime:2", "gpu:0")


@pytest.mark.parametrize("user", [1000, None, 1000650000], ids=["assigned", "none", "of the platform"])
def test_who_pods_run_as_does_not_change_with_the_operators_flag(user):
    job, pods = of_earlier_version(make_job(), user=user)
    pinned, made = restarted(job, pods, replace(LATER, assign_user=user != 1000))
    assert pinned.pod_security == ("Restricted" if user == 1000 else "Platform")
    context = made[0]["spec"]["containers"][0]["securityContext"]
    assert context.get("runAsUser") == (1000 if user == 1000 else None)


def test_a_user_that_the_template_names_shows_nothing_of_the_flag():
    job, pods = of_earlier_version(make_job(template={"spec": {"securityContext": {"runAsUser": 1000}}}))
    pinned, _ = restarted(job, pods, replace(LATER, assign_user=False))
    assert pinned.pod_security == "Platform"


def test_the_flag_about_the_user_is_kept_from_the_jobs_beginning():
    job = training(make_job())
    pods = pods_of(job, failed_pod("worker-0", 1))
    job = stored(job, seen(*pods))
    made = plan(job, seen(*pods), NOW, replace(SETTINGS, assign_user=False))
    assert [one["spec"]["containers"][0]["securityContext"]["runAsUser"] for one in made.create_pods] == [
        1000
    ]


@pytest.mark.parametrize("setting", [one.name for one in fields(Settings)])
def test_every_setting_that_shapes_pods_is_pinned(setting):
    job = make_job(chief={"resources": {"limits": {"nvidia.com/gpu": 1}}})
    value = getattr(SETTINGS, setting)
    other = (not value) if isinstance(value, bool) else value * 2 if value else "corp.example"

    def bare(settings):
        pods = [pod_manifest(job, one, 0, settings) for one in replicas_of(job.spec)]
        for one in pods:
            del one["metadata"]["annotations"]
        return pods

    changed = replace(SETTINGS, **{setting: other})
    assert (bare(SETTINGS) != bare(changed)) == (pinned_of(SETTINGS) != pinned_of(changed))
