"""End-to-end tests: a kind cluster with the operator installed by its chart (`hack/deploy` brings it up)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from kubectl import Kubectl
from two_nodes import claim_of_both_nodes, two_nodes

OPERATOR_NAMESPACE = "estimator-operator"


@pytest.fixture(scope="session", autouse=True)
def deployed_operator() -> None:
    """The operator is there, or the run ends with one line that says how to bring it up."""
    if not os.environ.get("KUBECONFIG"):
        pytest.exit("KUBECONFIG is not set: run `make e2e`, which brings the cluster up", returncode=2)
    answer = subprocess.run(
        ["kubectl", "-n", OPERATOR_NAMESPACE, "rollout", "status", "deployment", "--timeout=120s"],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        pytest.exit(f"the operator is not running: {answer.stderr or answer.stdout}", returncode=2)


@pytest.fixture
def kubectl(request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl in a namespace of the test's own, which is deleted afterwards; on failure its state is printed."""
    name = "e2e-" + request.node.name.removeprefix("test_").replace("_", "-").split("[")[0][:40].strip("-")
    cluster = Kubectl(namespace=name)
    cluster.run("delete", "namespace", name, "--ignore-not-found", "--wait")
    cluster.run("create", "namespace", name)
    # The namespace asks for the strictest pod security there is: jobs must pass it without help.
    cluster.run("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    failures = request.session.testsfailed
    yield cluster
    if request.session.testsfailed > failures:
        print(cluster.describe_everything())
    cluster.run("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def operator() -> Kubectl:
    """kubectl in the operator's namespace."""
    return Kubectl(namespace=OPERATOR_NAMESPACE)


@pytest.fixture
def nodes(kubectl: Kubectl) -> tuple[str, str]:
    """The node of everybody, and the node that is taken from the workers."""
    return two_nodes(kubectl)


@pytest.fixture
def shared_claim(kubectl: Kubectl, nodes: tuple[str, str]) -> Iterator[str]:
    """A claim that pods of all nodes can write to."""
    with claim_of_both_nodes(kubectl, nodes[0]) as claim:
        yield claim
