"""Loopback ports of replicas."""

from __future__ import annotations

import socket

import pytest

from estimator_operator.plan import Replica
from estimatorctl.errors import CommandError
from estimatorctl.local.ports import Ports, is_free

CHIEF = Replica("chief", 0)


def test_a_replica_keeps_its_ports():
    ports = Ports(job="moths")

    assert ports.grpc(CHIEF) == ports.grpc(CHIEF)
    assert len({ports.grpc(CHIEF), ports.progress(CHIEF), ports.grpc(Replica("ps", 0))}) == 3


def test_ports_in_use_and_ports_handed_out_are_passed_over():
    choices = iter([20000, 20001, 20001, 20002])
    ports = Ports(job="moths", free=lambda port: port != 20000, choose=lambda span: next(choices))

    assert (ports.grpc(CHIEF), ports.progress(CHIEF)) == (20001, 20002)


def test_no_free_port_is_said():
    with pytest.raises(CommandError, match="no free loopback port"):
        Ports(job="moths", free=lambda port: False).grpc(CHIEF)


def test_a_bound_port_is_not_free():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


@pytest.mark.parametrize(
    "address",
    ["moths-chief-0.moths.team.svc:2222", "moths-chief-0.moths.team.svc.cluster.local:2222"],
)
def test_cluster_names_of_replicas_become_loopback(address):
    ports = Ports(job="moths")
    assert ports.local_address(address) == f"127.0.0.1:{ports.grpc(CHIEF)}"


@pytest.mark.parametrize("address", ["bees-chief-0.bees.team.svc:2222", "db.team.svc:5432", "10.0.0.1:2222"])
def test_other_addresses_stay(address):
    assert Ports(job="moths").local_address(address) == address
