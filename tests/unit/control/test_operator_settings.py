"""Flags and their environment: the ones about what is asked for progress and how much of it is shown."""

from __future__ import annotations

import pytest

from estimator_operator.errors import SettingsError
from estimator_operator.kube.pod_address import parse_network
from estimator_operator.settings import read_settings


@pytest.mark.parametrize(
    ("arguments", "environment", "networks"),
    [
        ([], {}, []),
        (["--progress-networks=10.244.0.0/16"], {}, ["10.244.0.0/16"]),
        (["--progress-networks=10.244.0.0/16,fd00::/8"], {}, ["10.244.0.0/16", "fd00::/8"]),
        ([], {"ESTIMATOR_OPERATOR_PROGRESS_NETWORKS": "10.0.0.0/8 fd00::/8"}, ["10.0.0.0/8", "fd00::/8"]),
        (["--progress-networks="], {"ESTIMATOR_OPERATOR_PROGRESS_NETWORKS": "10.0.0.0/8"}, []),
    ],
)
def test_networks_are_read(arguments, environment, networks):
    assert list(read_settings(arguments, environment).progress_networks) == list(map(parse_network, networks))


def test_the_limit_of_series_is_read():
    assert read_settings([], {}).progress_metrics_limit == 200
    assert read_settings(["--progress-metrics-limit=0"], {}).progress_metrics_limit == 0
    limited = read_settings([], {"ESTIMATOR_OPERATOR_PROGRESS_METRICS_LIMIT": "7"})
    assert limited.progress_metrics_limit == 7


@pytest.mark.parametrize("flag", ["assign-user", "leader-elect"])
def test_switches_are_read_from_both_places(flag):
    name = flag.replace("-", "_")

    def read(arguments, environment):
        settings = read_settings(arguments, environment)
        return settings.plan.assign_user if name == "assign_user" else settings.leader_elect

    off = {f"ESTIMATOR_OPERATOR_{name.upper()}": "false"}
    assert read([], {}) is True
    assert read([], off) is False
    assert read([f"--no-{flag}"], {}) is False
    assert read([f"--{flag}"], off) is True


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PROGRESS_NETWORKS", "10.0.0.1/8"),
        ("PROGRESS_NETWORKS", "pods"),
        ("PROGRESS_METRICS_LIMIT", "-1"),
        ("ASSIGN_USER", "1000"),
    ],
)
def test_nonsense_is_named(variable, value):
    with pytest.raises(SettingsError, match=f"ESTIMATOR_OPERATOR_{variable}={value}"):
        read_settings([], {f"ESTIMATOR_OPERATOR_{variable}": value})
