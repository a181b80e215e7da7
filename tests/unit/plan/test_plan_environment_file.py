"""Variables that Linux would not take go by file: in a ConfigMap of the job's, whole for all pods, and only then."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from job_builder import (
    ESTIMATOR,
    SETTINGS,
    done_pod,
    make_job,
    make_pod,
    message,
    plan_of,
    seen,
    state,
    stored,
    with_status,
)
from job_pods import env, main

from estimator_api import constants as c
from estimator_api import parse_job
from estimator_operator.plan import Observed, environment, kernel_limits
from estimator_operator.plan.environment import JobEnvironment
from estimator_operator.plan.pods import PodFactory

LONG = {"name": "a-name-that-has-just-as-many-as-it-may-x", "namespace": "n" * 63}
ENDED = {
    "conditions": [
        {
            "type": "Complete",
            "status": "True",
            "reason": "Completed",
            "lastTransitionTime": "2026-01-31T12:00:00Z",
        }
    ]
}
WORDS = ESTIMATOR | {"params": {"words": "é$(HOME)" * 20_000}}
FOLDER = "/var/run/estimator.dev/environment"
MOUNT = {"name": "estimator-environment", "mountPath": FOLDER, "readOnly": True}


def large_job(**spec):
    """A job of 2,001 replicas with the longest names that there are."""
    job = make_job(**({"workers": 1000, "ps": 1000} | spec))
    return parse_job(job.to_json() | {"metadata": job.metadata.to_json() | LONG})


def made_of(job):
    """The ConfigMap and the pods of a plan."""
    create = plan_of(job, Observed()).create_pods
    return create.environment_file, create


def inline(job, settings=SETTINGS):
    """TF_CONFIG of the chief as a process would have it without files."""
    environment = PodFactory(job, settings)._environment
    replica = next(one for one in environment.roles if one.role == "chief")
    return environment._contract(replica, 0, frozenset())["TF_CONFIG"].replace("$$", "$")


def test_an_ordinary_job_has_no_file():
    file, pods = made_of(make_job())
    assert file is None
    for pod in pods:
        assert "ESTIMATOR_ENVIRONMENT_DIR" not in env(pod)
        assert "volumes" not in pod["spec"]
        assert json.loads(env(pod)["TF_CONFIG"])["cluster"]


def test_a_cluster_that_is_too_large_is_one_file_for_all_pods_and_the_task_is_the_pod_s_own():
    job = large_job()
    file, pods = made_of(job)
    shared = json.loads(file["data"]["TF_CONFIG"])
    assert {role: len(one) for role, one in shared["cluster"].items()} == {
        "chief": 1,
        "worker": 1000,
        "ps": 1000,
    }
    for pod, task in ((pods[0], ("chief", 0)), (pods[1000], ("worker", 999)), (pods[2001], ("evaluator", 0))):
        assert len(json.dumps(pod)) < 8000
        own = json.loads(env(pod)["TF_CONFIG"])
        assert own == {
            "cluster": f"{FOLDER}/TF_CONFIG",
            "task": {"type": task[0], "index": task[1]},
            "model_dir": "/models/digits",
        }
        assert env(pod)["ESTIMATOR_ENVIRONMENT_DIR"] == FOLDER
        assert "ESTIMATOR_SPEC" in env(pod), "what is small stays"
        assert main(pod)["volumeMounts"] == [MOUNT]
        assert pod["spec"]["volumes"] == [
            {"name": "estimator-environment", "configMap": {"name": file["metadata"]["name"]}}
        ]
    chief = json.dumps(json.loads(env(pods[0])["TF_CONFIG"]) | shared, separators=(",", ":"))
    assert chief == inline(job), "programs see the very same"


def test_params_that_are_too_large_are_a_file_as_they_are():
    file, pods = made_of(make_job(estimator=WORDS))
    assert list(file["data"]) == ["ESTIMATOR_SPEC"]
    assert json.loads(file["data"]["ESTIMATOR_SPEC"])["params"] == WORDS["params"], "files are not expanded"
    assert "ESTIMATOR_SPEC" not in env(pods[0])
    assert json.loads(env(pods[0])["TF_CONFIG"])["cluster"]["chief"], "what is small stays"


def test_what_fits_to_the_last_byte_stays_in_the_environment():
    spec = make_job(estimator=ESTIMATOR | {"params": {"text": ""}}).spec.estimator.to_json()
    text = json.dumps(spec, separators=(",", ":"))
    room = c.LARGEST_VARIABLE - len(f"ESTIMATOR_SPEC={text}") - 1
    fits, not_any_more = (
        make_job(estimator=ESTIMATOR | {"params": {"text": "$" * (room + more)}}) for more in (0, 1)
    )
    assert made_of(fits)[0] is None
    assert list(made_of(not_any_more)[0]["data"]) == ["ESTIMATOR_SPEC"]


def test_both_go_by_file_where_all_together_are_too_much():
    """What a variable refers to counts: Kubernetes puts it in before the process is started."""
    blocks = [{"name": "BLOCK", "value": "x" * 100_000}]
    blocks += [{"name": f"B{one}", "value": "$(BLOCK)"} for one in range(18)]
    job = make_job(
        estimator=ESTIMATOR | {"params": {"t": "y" * 100_000}}, worker={"replicas": 2, "env": blocks}
    )
    file, pods = made_of(job)
    assert sorted(file["data"]) == ["ESTIMATOR_SPEC", "TF_CONFIG"]
    assert len(pods) == 5


def test_the_file_is_the_job_s_and_never_changes():
    file, _ = made_of(large_job())
    metadata = file["metadata"]
    assert file["immutable"] is True
    assert metadata["name"].startswith(f"{LONG['name']}-environment-")
    assert metadata["namespace"] == LONG["namespace"]
    assert (metadata["ownerReferences"][0]["uid"], metadata["ownerReferences"][0]["controller"]) == (
        "job-uid",
        True,
    )
    assert metadata["labels"]["estimator.dev/job-name"] == LONG["name"]
    assert "app.kubernetes.io/instance" not in metadata["labels"], "by which GitOps tools would prune it"
    same, again = large_job(), large_job(workers=999)
    another = parse_job(same.to_json() | {"metadata": same.metadata.to_json() | {"uid": "made anew"}})
    elsewhere = PodFactory(same, replace(SETTINGS, cluster_domain="cluster.local")).environment_file
    assert made_of(same)[0] == file
    names = {metadata["name"], made_of(again)[0]["metadata"]["name"], made_of(another)[0]["metadata"]["name"]}
    assert len(names | {elsewhere["metadata"]["name"]}) == 4


def test_workers_that_come_and_go_need_no_other_file():
    """An elastic job's cluster has the addresses of all that there may ever be."""
    elastic = {"minReplicas": 1, "maxReplicas": 1000}
    few, many = (large_job(ps=1000, worker={"replicas": one}, elastic=elastic) for one in (1, 900))
    assert made_of(few)[0] == made_of(many)[0]


def test_tensorboard_does_not_mount_it():
    job = large_job(tensorBoard={"enabled": True}, template={"spec": {"containers": [{"name": "estimator"}]}})
    started = with_status(job, {"startTime": "2026-01-31T12:00:00Z"})
    board = plan_of(started, Observed()).create_tensorboard_pod
    assert "estimator-environment" not in json.dumps(board)
    assert FOLDER not in json.dumps(board)


def test_it_goes_when_no_pod_of_an_ended_job_runs_any_more():
    job = large_job()
    name = made_of(job)[0]["metadata"]["name"]
    assert plan_of(job, Observed()).delete_environment_file is None
    ended = with_status(job, ENDED)
    assert plan_of(ended, seen(make_pod("worker-0"), done_pod("chief-0"))).delete_environment_file is None
    assert plan_of(ended, seen(done_pod("chief-0"))).delete_environment_file == name
    assert plan_of(ended, seen()).delete_environment_file == name


def test_it_goes_when_a_job_is_suspended_for_the_spec_may_change():
    job = large_job()
    document = stored(job, Observed()).to_json()
    assert document["status"]["pinned"]
    document["spec"]["suspend"] = True
    pods = (make_pod("chief-0"),)
    suspending = stored(parse_job(document), seen(*pods))
    assert state(suspending) == ("False", "Suspending")
    assert plan_of(suspending, seen(*pods)).delete_environment_file is None
    emptied = plan_of(suspending, seen())
    assert emptied.delete_environment_file == made_of(job)[0]["metadata"]["name"]
    assert plan_of(stored(suspending, seen()), seen()).delete_environment_file is None, "once"


def test_an_ordinary_job_has_none_that_could_go():
    assert plan_of(make_job(status=ENDED), seen()).delete_environment_file is None


BIG = "x" * 131_072
TRAINER = {"name": "estimator"}


def template(*containers, **spec):
    return {"spec": {"containers": list(containers)} | spec}


@pytest.mark.parametrize(
    ("spec", "path", "remedy"),
    [
        (
            {"estimator": ESTIMATOR | {"params": {"words": "é" * 600_000}}},
            "spec: ESTIMATOR_SPEC of 1200",
            "keep large hyperparameters in a file of the code",
        ),
        (
            {"worker": {"replicas": 2, "env": [{"name": "BIG", "value": BIG}]}},
            "spec.worker.env[BIG]",
            "keep it in a file",
        ),
        (
            {"template": template(TRAINER | {"env": [{"name": "BIG", "value": BIG}]})},
            "spec.template.spec.containers[estimator].env[BIG]",
            "keep it in a file",
        ),
        (
            {
                "worker": {
                    "replicas": 1,
                    "template": template(TRAINER | {"env": [{"name": "BIG", "value": BIG}]}),
                }
            },
            "spec.worker.template.spec.containers[estimator].env[BIG]",
            "keep it in a file",
        ),
        (
            {"template": template(TRAINER, {"name": "side", "image": "i", "args": ["a", BIG]})},
            "spec.template.spec.containers[side].args[1]",
            "keep it in a file",
        ),
        (
            {
                "chief": {
                    "template": template(
                        initContainers=[
                            {"name": "fetch", "image": "i", "env": [{"name": "BIG", "value": BIG}]}
                        ]
                    )
                }
            },
            "spec.chief.template.spec.initContainers[fetch].env[BIG]",
            "keep it in a file",
        ),
        (
            {
                "estimator": None,
                "program": {"module": "m", "args": ["--words=$(HALF)$(HALF)"]},
                "worker": {"replicas": 1, "env": [{"name": "HALF", "value": "x" * 70_000}]},
            },
            "spec.program.args[0]",
            "keep it in a file",
        ),
        (
            {
                "estimator": None,
                "template": template(TRAINER | {"image": "i", "command": ["run", "$(HALF)$(HALF)"]}),
                "worker": {"replicas": 1, "env": [{"name": "HALF", "value": "x" * 70_000}]},
            },
            "spec.template.spec.containers[estimator].command[1]",
            "keep it in a file",
        ),
        (
            {
                "worker": {
                    "replicas": 1,
                    "env": [{"name": "A", "value": "x" * 100_000}]
                    + [{"name": f"A{one}", "value": "$(A)"} for one in range(21)],
                }
            },
            "spec.worker.env[A10]",
            "2097152",
        ),
    ],
    ids=[
        "params",
        "role",
        "template",
        "role's template",
        "sidecar",
        "init container",
        "program",
        "command",
        "sum",
    ],
)
def test_what_no_process_can_be_started_with_is_refused_with_its_path(spec, path, remedy):
    made = plan_of(make_job(**spec), Observed())
    assert not made.create_pods
    assert state(made) == ("False", "InvalidSpec")
    assert message(made).startswith(path), message(made)[:300]
    assert remedy in message(made)


@pytest.mark.parametrize("value", ["$$" * 131_067, "x" * 131_067], ids=["escaped", "plain"])
def test_a_variable_that_just_fits_is_taken(value):
    job = make_job(worker={"replicas": 1, "env": [{"name": "BIG", "value": value}]})
    assert plan_of(job, Observed()).create_pods
    one_more = make_job(worker={"replicas": 1, "env": [{"name": "BIG", "value": f"{value}x"}]})
    assert not plan_of(one_more, Observed()).create_pods


def test_a_mount_over_the_files_is_refused():
    mounts = [{"name": "mine", "mountPath": f"{FOLDER}/"}]
    taken = template(TRAINER | {"volumeMounts": mounts}, volumes=[{"name": "mine", "emptyDir": {}}])
    refused = plan_of(large_job(template=taken), Observed())
    assert message(refused).startswith(
        f"spec.template.spec.containers[estimator].volumeMounts: {FOLDER} is where"
    )
    assert plan_of(make_job(template=taken), Observed()).create_pods, (
        "a job without files has the path for itself"
    )


@pytest.mark.parametrize("env", ["text", [1, {"value": "x"}, {"name": 5}, {"name": "N", "value": 7}]])
def test_what_is_no_environment_is_left_to_the_api_server(env):
    container = {"name": "side", "image": "i", "env": env, "args": "text", "volumeMounts": 7}
    job = make_job(chief={"template": {"spec": {"containers": [container]}}})
    assert plan_of(job, Observed()).create_pods


@pytest.mark.parametrize(
    ("spec", "small"),
    [
        ({}, True),
        ({"workers": 100, "ps": 10}, True),
        ({"workers": 1000, "ps": 1000}, False),
        ({"estimator": WORDS}, False),
        (
            {
                "template": {
                    "spec": {"containers": [{"name": "estimator", "env": [{"name": "A", "value": "1"}]}]}
                }
            },
            False,
        ),
        ({"modelDir": {"uri": "gs://models/$(ESTIMATOR_JOB_NAME)"}}, False),
    ],
    ids=["ordinary", "many replicas", "very many", "large parameters", "template", "reference"],
)
def test_the_strings_of_a_small_environment_are_not_measured(monkeypatch, spec, small):
    measured = []
    monkeypatch.setattr(
        environment, "parts_of", lambda *one: measured.append(one) or kernel_limits.parts_of(*one)
    )
    job = make_job(**spec)
    factory = PodFactory(job, SETTINGS)
    fault, file = factory.fault(), factory.environment_file
    assert (measured == []) == small
    monkeypatch.setattr(JobEnvironment, "is_small", False)
    again = PodFactory(job, SETTINGS)
    assert (again.fault(), again.environment_file) == (fault, file)


def test_the_evaluator_of_a_synchronous_job_is_told_its_own_cluster_beside_the_file():
    _, pods = made_of(large_job(ps=0, strategy={"kind": "MultiWorkerMirrored"}))
    configs = {
        one["metadata"]["labels"]["estimator.dev/role"]: json.loads(env(one)["TF_CONFIG"]) for one in pods
    }
    assert configs["chief"]["cluster"] == configs["worker"]["cluster"] == f"{FOLDER}/TF_CONFIG"
    roles = configs["evaluator"]["cluster"]
    assert {role: len(addresses) for role, addresses in roles.items()} == {"chief": 1, "evaluator": 1}
