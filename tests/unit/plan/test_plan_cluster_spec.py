"""TF_CONFIG: Estimator's own rules of who is in the cluster."""

from __future__ import annotations

import json
import re

import pytest
from job_builder import SETTINGS, make_job, replica

from estimator_operator.plan import Settings, address_in_cluster, replicas_of
from estimator_operator.plan.cluster_spec import cluster_of, compact_json
from estimator_operator.plan.environment import JobEnvironment


def config(job, name):
    """TF_CONFIG of a replica, with names of replicas as their addresses."""
    text = JobEnvironment(job, SETTINGS).contract(replica(name), 0)["TF_CONFIG"]
    return json.loads(re.sub(r'"digits-([a-z]+-[0-9]+)\.digits\.team\.svc:2222"', r'"\1"', text))


def test_replicas_in_order():
    listed = [str(one) for one in replicas_of(make_job(workers=2, ps=1).spec)]
    assert listed == ["chief-0", "worker-0", "worker-1", "ps-0", "evaluator-0"]


@pytest.mark.parametrize("name", ["chief-0", "worker-1", "ps-0", "evaluator-0"])
def test_everyone_knows_the_cluster_and_nobody_the_evaluator(name):
    found = config(make_job(), name)
    assert found == {
        "cluster": {"chief": ["chief-0"], "worker": ["worker-0", "worker-1"], "ps": ["ps-0"]},
        "task": {"type": name.rsplit("-", 1)[0], "index": int(name[-1])},
        "model_dir": "/models/digits",
    }


def test_chief_alone_has_no_cluster():
    job = make_job(workers=0, ps=0, evaluator=0)
    assert config(job, "chief-0") == {"model_dir": "/models/digits"}
    assert cluster_of(job.spec, str) == {}


def test_chief_with_an_evaluator_has_one():
    assert config(make_job(workers=0, ps=0), "evaluator-0")["cluster"] == {"chief": ["chief-0"]}


@pytest.mark.parametrize("workers", [0, 2])
def test_the_evaluator_of_a_synchronous_job_is_in_its_own_cluster_alone(workers):
    job = make_job(workers=workers, ps=0, strategy={"kind": "MultiWorkerMirrored"})
    training = {"chief": ["chief-0"]} | ({"worker": ["worker-0", "worker-1"]} if workers else {})
    assert config(job, "chief-0")["cluster"] == training
    found = config(job, "evaluator-0")
    assert found["cluster"] == training | {"evaluator": ["evaluator-0"]}
    assert found["task"] == {"type": "evaluator", "index": 0}
    assert config(make_job(ps=0, strategy={"kind": "ParameterServer"}), "evaluator-0")["cluster"] == {
        "chief": ["chief-0"],
        "worker": ["worker-0", "worker-1"],
    }


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (SETTINGS, "digits-worker-1.digits.team.svc:2222"),
        (Settings(cluster_domain="cluster.local"), "digits-worker-1.digits.team.svc.cluster.local:2222"),
    ],
)
def test_addresses_are_the_services(settings, address):
    assert address_in_cluster(make_job(), replica("worker-1"), settings) == address


def test_compact_json_keeps_every_letter():
    assert compact_json({"a": ["é", 1]}) == '{"a":["é",1]}'
    assert json.loads(compact_json({"a": ["é", 1]})) == {"a": ["é", 1]}
