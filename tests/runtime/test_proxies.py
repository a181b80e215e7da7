"""Tasks reach each other though a proxy is named for whatever else a pod connects to."""

import json
import os
import subprocess
import sys
import textwrap

import pytest
from cluster_tasks import free_ports

from estimator_runtime.cluster import proxies

NAMES = ("grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy")
CLUSTER = {
    "chief": ["digits-chief-0.digits-chief.team.svc:2222"],
    "worker": {"1": "digits-worker-1.digits-worker.team.svc:2222"},
    "ps": ["10.0.0.7:2222", "[fd00::7]:2222", "localhost:2222", "one.com:2222"],
}
HOSTS = ".digits-chief.team.svc,.digits-worker.team.svc,10.0.0.7,fd00::7,localhost,one.com"


@pytest.fixture
def left_out(monkeypatch):
    """The exceptions after `proxies.leave_out` in an environment."""

    def exceptions(tf_config, **environment):
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("TF_CONFIG", tf_config if isinstance(tf_config, str) else json.dumps(tf_config))
        # What is set in the test is to go with it.
        if "no_grpc_proxy" not in environment:
            monkeypatch.setenv("no_grpc_proxy", "")
            monkeypatch.delenv("no_grpc_proxy")
        proxies.leave_out()
        proxies.leave_out()
        return os.environ.get(NAMES[3])

    return exceptions


@pytest.mark.parametrize("proxy", ["grpc_proxy", "https_proxy", "http_proxy"])
def test_the_hosts_of_the_cluster_are_left_out(proxy, left_out):
    assert left_out({"cluster": CLUSTER}, **{proxy: "http://proxy:3128"}) == HOSTS


def test_exceptions_that_are_there_stay(left_out):
    cluster = {"cluster": {"chief": ["localhost:1"]}}
    proxy = {"http_proxy": "http://proxy:3128"}
    assert left_out(cluster, **proxy, no_proxy="mine,10.0.0.0/8") == "mine,10.0.0.0/8,localhost"
    assert left_out(cluster, **proxy, no_proxy="mine", no_grpc_proxy="other") == "other,localhost"
    assert left_out(cluster, **proxy, no_proxy="mine", no_grpc_proxy="") == "localhost"


def test_without_a_proxy_or_a_cluster_nothing_changes(left_out):
    assert left_out({"cluster": CLUSTER}) is None
    assert left_out({"cluster": CLUSTER}, http_proxy="") is None
    for none in ({}, {"cluster": None}, "", "[1]", "{broken", {"cluster": {"chief": [7]}}):
        assert left_out(none, http_proxy="http://proxy:3128") is None


def test_a_thousand_replicas_stay_short(left_out):
    workers = [f"big-worker-{index}.big-worker.team.svc:2222" for index in range(1000)]
    assert left_out({"cluster": {"worker": workers}}, http_proxy="http://proxy") == ".big-worker.team.svc"


PROGRAM = textwrap.dedent(
    """
    import tensorflow as tf
    from estimator_runtime import RunConfig

    cluster = RunConfig().cluster_spec
    servers = [tf.distribute.Server(cluster, job_name=job, task_index=0) for job in ("chief", "worker")]
    with tf.Graph().as_default():
        with tf.device("/job:worker/task:0"):
            sum = tf.add(1, 2)
        config = tf.compat.v1.ConfigProto(operation_timeout_in_ms=60_000)
        with tf.compat.v1.Session(servers[0].target, config=config) as session:
            print("sum", session.run(sum))
    """
)


def test_servers_connect_though_the_proxy_is_dead():
    chief, worker = free_ports(2)
    document = {
        "cluster": {"chief": [f"localhost:{chief}"], "worker": [f"localhost:{worker}"]},
        "task": {"type": "chief", "index": 0},
    }
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    environment |= {"TF_CONFIG": json.dumps(document), "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert "sum 3" in done.stdout, done.stderr
