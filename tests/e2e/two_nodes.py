"""The two nodes of the cluster: who lives where, and a claim that both can write to."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from kubectl import Kubectl, Object

HOSTNAME = "kubernetes.io/hostname"
SHARED = "/shared"
"""Where `hack/cluster kind up --workers` mounts one folder into all nodes."""


def two_nodes(kubectl: Kubectl) -> tuple[str, str]:
    """Names of the control plane's node and of the other one."""
    found = {one["metadata"]["name"]: one["metadata"]["labels"] for one in kubectl.list("nodes")}
    first = [name for name, labels in found.items() if "node-role.kubernetes.io/control-plane" in labels]
    others = [name for name in found if name not in first]
    assert len(first) == len(others) == 1, f"two nodes are needed, there are {list(found)}: see hack/e2e"
    return first[0], others[0]


@contextmanager
def claim_of_both_nodes(kubectl: Kubectl, home: str) -> Iterator[str]:
    """A claim that pods of all nodes can write to; the jobs of the namespace are deleted before it is."""
    folder = f"{SHARED}/{kubectl.namespace}"
    in_node(home, "rm", "-rf", folder)
    in_node(home, "install", "-d", "-m", "777", folder)
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": kubectl.namespace}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": kubectl.namespace},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": folder},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "shared"},
        "spec": common | {"resources": {"requests": {"storage": "1Gi"}}},
    }
    kubectl.apply(volume, claim)
    yield "shared"
    kubectl.run("delete", "estimatorjob", "--all", "--wait")
    kubectl.run("delete", "pvc", "shared", "--wait", "--timeout=60s", check=False)
    kubectl.run("delete", "pv", kubectl.namespace, "--wait=false")


def stays_on(node: str) -> Object:
    """What a role says that lives on this node and nowhere else."""
    return {"nodeSelector": {HOSTNAME: node}}


def would_rather(node: str) -> Object:
    """What a role says that lives on this node as long as it may."""
    there = {"matchExpressions": [{"key": HOSTNAME, "operator": "In", "values": [node]}]}
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": there}]}
    return {"affinity": {"nodeAffinity": preferred}}


def in_node(node: str, *command: str) -> None:
    """Runs a command in a node of kind, which is a container."""
    subprocess.run(["docker", "exec", node, *command], check=True, capture_output=True, timeout=60)
