"""Nodes are asked for only where a pod on them is past its grace, and rarely; what is not known is not lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fake_api import FakeApi, status_error
from fake_clock import FakeClock

from estimator_operator.control.nodes import KNOWN_FOR, Nodes
from estimator_operator.kube.resources import NODES
from estimator_operator.plan import Pod, Replica


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def api(clock: FakeClock) -> FakeApi:
    return FakeApi(clock)


def put(api: FakeApi, name: str, *taints: str) -> None:
    spec = {"taints": [{"key": one, "effect": "NoExecute"} for one in taints]}
    api.objects[NODES.plural, None, name] = {"metadata": {"name": name}, "spec": spec}


def pod(clock: FakeClock, node: str = "n1", *, past: float = 31.0, deleting: bool = True) -> Pod:
    delete_by = clock.now() - timedelta(seconds=past)
    return Pod(
        name="p",
        uid="u",
        replica=Replica("worker", 0),
        attempt=0,
        node=node,
        deleting=deleting,
        delete_by=delete_by,
    )


async def lost(nodes: Nodes, *pods: Pod) -> frozenset[str]:
    return await nodes.lost(nodes.suspects(pods))


@pytest.mark.parametrize(
    ("taints", "gone"),
    [
        ((), False),
        (("node.kubernetes.io/unreachable",), True),
        (("node.kubernetes.io/out-of-service",), True),
        (("node.kubernetes.io/not-ready", "example.com/gpu"), False),
    ],
)
async def test_a_node_is_lost_when_it_is_marked_so(api, clock, taints, gone):
    put(api, "n1", *taints)
    assert await lost(Nodes(api, clock), pod(clock)) == (frozenset({"n1"}) if gone else frozenset())


async def test_a_node_that_does_not_exist_is_lost(api, clock):
    assert await lost(Nodes(api, clock), pod(clock)) == frozenset({"n1"})


@pytest.mark.parametrize("unsuspicious", [{"past": -1.0}, {"deleting": False}])
async def test_a_pod_within_its_grace_costs_no_call(api, clock, unsuspicious):
    assert await lost(Nodes(api, clock), pod(clock, **unsuspicious)) == frozenset()
    assert api.calls.total() == 0


async def test_a_node_is_asked_for_once_in_a_while_whoever_needs_it(api, clock):
    nodes = Nodes(api, clock)
    put(api, "n1")
    for _ in range(5):
        await lost(nodes, pod(clock), pod(clock))
    assert api.calls["get nodes"] == 1
    clock.pass_(KNOWN_FOR)
    put(api, "n1", "node.kubernetes.io/unreachable")
    assert await lost(nodes, pod(clock)) == frozenset({"n1"})
    assert api.calls["get nodes"] == 2


async def test_who_may_not_read_nodes_knows_of_none_and_seldom_asks(api, clock):
    nodes = Nodes(api, clock)
    api.fail("get", "nodes", status_error(403, "Forbidden"), times=10**6)
    for _ in range(10):
        assert await lost(nodes, pod(clock)) == frozenset()
        clock.pass_(KNOWN_FOR)
    assert api.calls["get nodes"] == 1
    clock.pass_(300)
    await lost(nodes, pod(clock))
    assert api.calls["get nodes"] == 2


async def test_an_error_is_no_evidence(api, clock):
    api.fail("get", "nodes", status_error(500, "InternalError"))
    assert await lost(Nodes(api, clock), pod(clock)) == frozenset()
