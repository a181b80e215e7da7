"""Whom the poller asks: pods of the job, at addresses of pods, each address for one pod."""

from __future__ import annotations

from typing import Any

import pytest
from fake_operator import FakeOperator
from job_world import FIVE_PODS, World, job_manifest

from estimator_operator.kube.pod_address import may_ask, parse_network
from estimator_operator.kube.resources import PODS
from estimator_operator.observe.targets import targets_of


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("10.244.1.7", True),
        ("192.168.3.4", True),
        ("100.64.0.9", True),
        ("240.0.0.5", True),  # GKE's pods may be in class E
        ("8.8.8.8", True),
        ("fd00::7", True),
        ("2001:db8::7", True),
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("::ffff:10.0.0.1", True),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
        ("metadata.google.internal", False),
        ("10.0.0.1/x", False),
        ("10.0.0.1:80@evil", False),
        ("", False),
    ],
)
def test_which_addresses_are_asked(address, asked):
    assert may_ask(address, host_network=False) is asked
    assert not may_ask(address, host_network=True)


@pytest.mark.parametrize(
    ("address", "host_network", "networks", "asked"),
    [
        ("10.244.1.7", False, ["10.244.0.0/16"], True),
        ("10.96.0.1", False, ["10.244.0.0/16"], False),
        ("10.0.0.5", True, ["10.244.0.0/16", "10.0.0.0/24"], True),
        ("fd00::7", False, ["10.244.0.0/16"], False),
        ("fd00::7", False, ["fd00::/8"], True),
        ("::ffff:10.244.1.7", False, ["10.244.0.0/16"], True),
        ("127.0.0.3", False, ["127.0.0.0/8"], True),
    ],
)
def test_networks_that_are_named_are_the_only_ones(address, host_network, networks, asked):
    parsed = [parse_network(one) for one in networks]
    assert may_ask(address, host_network=host_network, networks=parsed) is asked


async def running(world: World, operator: FakeOperator, **spec: Any) -> None:
    world.submit(**spec)
    await operator.settle()
    world.run()
    await operator.settle()


async def hosts(operator: FakeOperator, *networks: str) -> list[str]:
    return [one.host for one in await targets_of(operator.store, [parse_network(one) for one in networks])]


def set_address(world: World, operator: FakeOperator, name: str, address: str | None, **spec: Any) -> None:
    def change(pod: dict) -> None:
        pod["status"]["podIP"] = address
        pod["spec"] |= spec

    world.api.edit(PODS, name, change)
    operator.watch.tell(operator.controller)


@pytest.mark.parametrize("mode", ["Train", "Evaluate", "Predict", "Export", None])
async def test_the_chief_of_every_mode_is_asked(world, operator, mode):
    spec: dict[str, Any] = {}
    if mode is not None:
        spec["estimator"] = ESTIMATORS[mode]
    await running(world, operator, **spec)
    assert [str(one.replica) for one in await targets_of(operator.store)] == ["chief-0"]


ESTIMATORS = {
    "Train": {"mode": "Train", "modelFn": "m:f", "train": {"inputFn": "m:i", "maxSteps": 1}},
    "Evaluate": {"mode": "Evaluate", "modelFn": "m:f", "evaluate": {"inputFn": "m:i"}},
    "Predict": {"mode": "Predict", "modelFn": "m:f", "predict": {"inputFn": "m:i", "output": "/model/out"}},
    "Export": {
        "mode": "Export",
        "modelFn": "m:f",
        "exports": [{"name": "final", "kind": "Final", "servingInputReceiverFn": "m:s"}],
    },
}


async def test_a_pod_with_its_node_s_address_is_not_asked(world, operator):
    await running(world, operator)
    set_address(world, operator, "mnist-chief-0", "10.0.0.7", hostNetwork=True)
    assert await hosts(operator) == []
    assert await hosts(operator, "10.0.0.0/24") == ["10.0.0.7"]


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", None])
async def test_a_pod_with_a_dangerous_address_or_none_is_not_asked(world, operator, address):
    await running(world, operator)
    set_address(world, operator, "mnist-chief-0", address)
    assert await hosts(operator) == []


async def test_only_pods_that_the_job_controls_are_asked(world, operator):
    """Anybody can set the labels; the owner's uid decides."""
    await running(world, operator)
    stolen = world.api.objects["pods", "default", "mnist-chief-0"]
    for name, owners in (
        ("fake", []),
        ("other", [stolen["metadata"]["ownerReferences"][0] | {"uid": "else"}]),
    ):
        metadata = {"name": name, "labels": stolen["metadata"]["labels"], "ownerReferences": owners}
        world.api.put(PODS, "default", {"metadata": metadata, "spec": {}})
        world.run(name)
        set_address(world, operator, name, "10.0.0.66")
    assert await hosts(operator) == ["10.0.0.1"]


async def test_an_address_that_was_used_again_belongs_to_the_younger_pod(world, operator):
    """A node is lost and its pods' addresses are given away: one job's progress must not be told of another."""
    await running(world, operator)
    world.clock.pass_(60)
    world.submit(job_manifest("younger"))
    await operator.settle()
    world.run("younger-chief-0")
    await operator.settle()
    assert [one.job.name for one in await targets_of(operator.store)] == ["younger"]
    set_address(world, operator, "younger-chief-0", "10.0.0.2")
    assert await hosts(operator) == ["10.0.0.1", "10.0.0.2"]


async def test_an_address_that_a_worker_has_now_is_not_asked_for_the_old_chief(world, operator):
    await running(world, operator)
    world.clock.pass_(60)
    world.submit(job_manifest("younger", **FIVE_PODS))
    await operator.settle()
    world.run("younger-worker-0")
    await operator.settle()
    assert await hosts(operator) == []
