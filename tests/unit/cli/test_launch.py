"""From a pod's manifest to a process: command, environment, addresses, paths."""

from __future__ import annotations

import json
import sys

import pytest
from local_jobs import local_job

from estimator_api import parse_job
from estimator_operator.plan import Observed, Settings, plan
from estimatorctl.errors import ManifestError
from estimatorctl.local.clock import Clock
from estimatorctl.local.launch import Place, launch_of, not_run_locally
from estimatorctl.local.ports import Ports

PORTS = {"chief": 20001, "worker": 20002, "ps": 20003}


def pod(replica="chief-0", **fields):
    """The manifest that the plan makes of one replica."""
    made = plan(parse_job(local_job(**fields)), Observed(), Clock().now(), Settings())
    return next(one for one in made.create_pods if one["metadata"]["name"] == f"moths-{replica}")


def main_container(manifest):
    return manifest["spec"]["containers"][0]


def place(**fields):
    ports = iter(PORTS.values())
    known = Ports(job="moths", free=lambda port: True, choose=lambda span: next(ports))
    values = {
        "folders": {"/models/moths": "/home/me/moths", "/code": "/home/me/code"},
        "host": known.local_address,
        "progress_port": 20009,
        "termination_log": "/tmp/message",
        "environment": {"PATH": "/bin", "HOME": "/home/me"},
    }
    return Place(**(values | fields))


def test_tf_config_has_loopback_addresses_and_the_local_model_directory():
    launch = launch_of(pod("worker-0"), place())

    assert json.loads(launch.environment["TF_CONFIG"]) == {
        "cluster": {"chief": ["127.0.0.1:20001"], "worker": ["127.0.0.1:20002"], "ps": ["127.0.0.1:20003"]},
        "task": {"type": "worker", "index": 0},
        "model_dir": "/home/me/moths",
    }


ESTIMATOR = {
    "modelFn": "m:f",
    "train": {"inputFn": "m:i", "maxSteps": 1},
    "evaluate": {"inputFn": "m:i"},
}


def test_variables_that_are_files_in_a_pod_are_files_of_this_machine():
    words = {"words": "é" * 70_000, "home": "/models/moths/words"}
    job = parse_job(local_job(estimator=ESTIMATOR | {"params": words}, worker={"replicas": 1}))
    pods = plan(job, Observed(), Clock().now(), Settings()).create_pods
    shared = pods.environment_file["data"] | {
        "TF_CONFIG": json.dumps({"cluster": {"chief": ["moths-chief-0.moths.default.svc:2222"]}})
    }
    chief = pods[0]
    config = next(one for one in main_container(chief)["env"] if one["name"] == "TF_CONFIG")
    config["value"] = json.dumps(json.loads(config["value"]) | {"cluster": "/path/TF_CONFIG"})
    launch = launch_of(chief, place(shared=shared, environment_folder="/runs/chief.environment"))

    assert launch.environment["ESTIMATOR_ENVIRONMENT_DIR"] == "/runs/chief.environment"
    assert "ESTIMATOR_SPEC" not in launch.environment
    spec = json.loads(launch.files["/runs/chief.environment/ESTIMATOR_SPEC"])
    assert spec["params"] == words | {"home": "/home/me/moths/words"}
    own = json.loads(launch.environment["TF_CONFIG"])
    assert own == {
        "cluster": "/runs/chief.environment/TF_CONFIG",
        "task": {"type": "chief", "index": 0},
        "model_dir": "/home/me/moths",
    }
    assert json.loads(launch.files["/runs/chief.environment/TF_CONFIG"]) == {
        "cluster": {"chief": ["127.0.0.1:20001"]}
    }
    assert not_run_locally(pods[0]) == []


def test_a_cluster_of_its_own_is_kept_beside_that_of_all():
    """That of the evaluator of a job whose tasks make every step together."""
    spec = {"estimator": ESTIMATOR, "worker": {"replicas": 1}, "ps": None, "evaluator": {}}
    job = parse_job(local_job(**spec, strategy={"kind": "MultiWorkerMirrored"}))
    made = list(plan(job, Observed(), Clock().now(), Settings()).create_pods)
    evaluator = next(one for one in made if one["metadata"]["name"] == "moths-evaluator-0")
    shared = {"TF_CONFIG": json.dumps({"cluster": {"chief": ["c:2222"], "worker": ["w:2222"]}})}
    launch = launch_of(evaluator, place(shared=shared, environment_folder="/runs/evaluator"))
    cluster = json.loads(launch.files["/runs/evaluator/TF_CONFIG"])["cluster"]
    assert list(cluster) == ["chief", "worker", "evaluator"]
    assert cluster["evaluator"][0].startswith("127.0.0.1:")


def test_a_variable_that_is_too_large_only_here_is_a_file():
    """Paths of this machine may be longer than those of the pod."""
    job = local_job(estimator=ESTIMATOR | {"params": {"paths": ["/models/moths"] * 5000}})
    made = plan(parse_job(job), Observed(), Clock().now(), Settings()).create_pods
    assert made.environment_file is None
    folders = {"/models/moths": f"/home/{'x' * 50}"}
    launch = launch_of(made[0], place(folders=folders, environment_folder="/runs/e"))
    assert launch.environment["ESTIMATOR_ENVIRONMENT_DIR"] == "/runs/e"
    assert list(launch.files) == ["/runs/e/ESTIMATOR_SPEC"]
    assert json.loads(launch.environment["TF_CONFIG"])["cluster"]["chief"] == ["127.0.0.1:20001"]


def test_an_ordinary_process_has_no_files():
    launch = launch_of(pod(), place())
    assert launch.files == {}
    assert "ESTIMATOR_ENVIRONMENT_DIR" not in launch.environment


def test_a_chief_alone_has_no_cluster():
    launch = launch_of(pod(worker=None, ps=None, evaluator=None), place())

    assert json.loads(launch.environment["TF_CONFIG"]) == {"model_dir": "/home/me/moths"}


def test_a_folder_with_quotes_and_dollars_stays_whole():
    odd = '/home/me/"$(HOME)"'
    launch = launch_of(pod(), place(folders={"/models/moths": odd}))

    assert json.loads(launch.environment["TF_CONFIG"])["model_dir"] == odd
    assert launch.environment["ESTIMATOR_MODEL_DIR"] == odd


def test_the_contract_is_kept_and_the_caller_s_environment_stays_beneath_it():
    launch = launch_of(pod("worker-0", env=[("HOME", "/models/moths/home")]), place())

    got = launch.environment
    assert (got["ESTIMATOR_ROLE"], got["ESTIMATOR_INDEX"], got["ESTIMATOR_ATTEMPT"]) == ("worker", "0", "0")
    assert (got["ESTIMATOR_PROGRESS_HOST"], got["ESTIMATOR_PROGRESS_PORT"]) == ("127.0.0.1", "20009")
    assert got["ESTIMATOR_TERMINATION_LOG"] == "/tmp/message"
    assert (got["PATH"], got["HOME"]) == ("/bin", "/home/me/moths/home")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("--job=$(ESTIMATOR_JOB_NAME)", "--job=moths"),
        ("$(ESTIMATOR_ROLE)-$(ESTIMATOR_INDEX)", "chief-0"),
        ("$(NO_SUCH_VARIABLE)", "$(NO_SUCH_VARIABLE)"),
        ("$$(ESTIMATOR_ROLE)", "$(ESTIMATOR_ROLE)"),
        ("$(ESTIMATOR_MODEL_DIR)/data", "/home/me/moths/data"),
        ("/models/moths/data", "/home/me/moths/data"),
        ("--out=/models/moths", "--out=/home/me/moths"),
        ("/models/moths-old", "/models/moths-old"),
        ("/old/models/moths", "/old/models/moths"),
        ("/code/train.py", "/home/me/code/train.py"),
    ],
)
def test_arguments_are_expanded_and_moved(written, meant):
    assert launch_of(pod(command=["train", written]), place()).argv == ("train", meant)


@pytest.mark.parametrize("name", ["python", "python3", "/usr/local/bin/python"])
def test_python_is_this_python(name):
    assert launch_of(pod(command=[name, "-V"]), place()).argv == (sys.executable, "-V")


def test_another_interpreter_is_left_alone():
    assert launch_of(pod(command=["python2", "-V"]), place()).argv[0] == "python2"


def test_pythonpath_begins_with_the_job_s_code():
    manifest = pod(code={"configMap": {"name": "c"}})
    launch = launch_of(manifest, place(environment={"PYTHONPATH": "/mine"}))

    assert launch.environment["PYTHONPATH"] == "/home/me/code:/mine"
    assert launch.folder == "/home/me/code"


def test_grace_and_readiness_come_from_the_pod():
    manifest = pod(template={"terminationGracePeriodSeconds": 7})
    assert launch_of(manifest, place()).grace_seconds == 7
    assert launch_of(manifest, place()).serves_progress
    del main_container(manifest)["readinessProbe"]
    assert not launch_of(manifest, place()).serves_progress


def test_what_only_a_cluster_has_is_named_unless_the_environment_has_it():
    manifest = pod()
    secret = {"secretKeyRef": {"name": "s", "key": "k"}}
    main_container(manifest)["env"] += [
        {"name": "TOKEN", "valueFrom": secret},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "MAYBE", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k", "optional": True}}},
    ]

    with pytest.raises(ManifestError, match="export TOKEN before a local run"):
        launch_of(manifest, place())
    got = launch_of(manifest, place(environment={"TOKEN": "t"})).environment
    assert (got["TOKEN"], got["POD"], "MAYBE" in got) == ("t", "moths-chief-0", False)


def test_env_from_is_refused_by_name():
    manifest = pod()
    main_container(manifest)["envFrom"] = [{"configMapRef": {"name": "settings"}}]

    with pytest.raises(ManifestError, match="envFrom.configMapRef: settings is in the cluster"):
        launch_of(manifest, place())


def test_an_image_s_own_command_cannot_run_here():
    manifest = pod()
    del main_container(manifest)["command"]

    with pytest.raises(ManifestError, match="has no image, so the main container needs a command"):
        launch_of(manifest, place())


def test_what_a_pod_has_beyond_its_main_container_is_told():
    manifest = pod(
        template={
            "initContainers": [{"name": "fetch", "image": "i"}],
            "volumes": [{"name": "data", "emptyDir": {}}],
        }
    )
    manifest["spec"]["containers"].append({"name": "logger"})
    main_container(manifest)["volumeMounts"] = [
        {"name": "data", "mountPath": "/data"},
        {"name": "tmp", "mountPath": "/tmp"},
    ]

    assert not_run_locally(manifest) == [
        "init container fetch is not run",
        "container logger is not run",
        "volume data is not mounted: /data is this machine's own",
    ]
