"""The chart's values: what is refused, and that each is explained."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from rendered_chart import CHART, Object, RenderError, render, render_as_dependency, the


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replica": 2}, "replica"),
        ({"replicas": "two"}, "replicas"),
        ({"replicas": -1}, "replicas"),
        ({"image": {"tagg": "1"}}, "tagg"),
        ({"image": {"tag": "a tag"}}, "image.tag"),
        ({"image": {"digest": "latest"}}, "image.digest"),
        ({"image": {"pullPolicy": "Sometimes"}}, "image.pullPolicy"),
        ({"watchNamespaces": "team-a"}, "watchNamespaces"),
        ({"watchNamespaces": ["Team A"]}, "watchNamespaces"),
        ({"watchNamespaces": ["a", "a"]}, "watchNamespaces"),
        ({"operator": {"logLevel": "LOUD"}}, "operator.logLevel"),
        ({"operator": {"workers": 0}}, "operator.workers"),
        ({"operator": {"progressInterval": 0}}, "operator.progressInterval"),
        ({"operator": {"progressMetricsLimit": -1}}, "operator.progressMetricsLimit"),
        ({"operator": {"progressNetworks": ["10.0.0.0"]}}, "operator.progressNetworks"),
        ({"grafana": {"dashboards": {"labels": {"grafana_dashboard": 1}}}}, "grafana.dashboards.labels"),
        (
            {"metrics": {"prometheusRule": {"enabled": True}}},
            "metrics.prometheusRule.enabled needs the CRDs of the Prometheus operator",
        ),
        ({"metrics": {"port": 80}}, "metrics.port"),
        ({"metrics": {"serviceMonitor": {"interval": "often"}}}, "metrics.serviceMonitor.interval"),
        ({"podAnnotations": {"count": 1}}, "podAnnotations"),
        ({"resources": {"memory": "1Gi"}}, "memory"),
        ({"networkPolicy": {"apiServerPorts": []}}, "networkPolicy.apiServerPorts"),
        (
            {"networkPolicy": {"metricsFrom": [{"podSelector": {}}]}},
            "networkPolicy.metricsFrom needs networkPolicy.enabled",
        ),
        ({"jobs": {"assignUsers": False}}, "assignUsers"),
        ({"rbac": {"readNodes": "no"}}, "rbac.readNodes"),
        ({"test": {"activeDeadlineSeconds": 0}}, "test.activeDeadlineSeconds"),
        (
            {"leaderElection": {"enabled": False}},
            "replicas must be at most 1 when leaderElection.enabled is false",
        ),
        (
            {"serviceAccount": {"create": False}},
            "serviceAccount.name is needed when serviceAccount.create is false",
        ),
        ({"metrics": {"serviceMonitor": {"enabled": True}}}, "needs the CRDs of the Prometheus operator"),
        (
            {"metrics": {"service": {"enabled": False}, "serviceMonitor": {"enabled": True}}},
            "needs metrics.service.enabled",
        ),
    ],
)
def test_refused_values(values: Object, words: str) -> None:
    with pytest.raises(RenderError) as caught:
        render(values)
    assert words in str(caught.value)


@pytest.mark.parametrize("enabled", [True, False])
def test_a_parent_chart_turns_it_on_and_off_by_condition(tmp_path: Path, enabled: bool) -> None:
    values = {"global": {"region": "eu"}, "estimator-operator": {"enabled": enabled, "replicas": 1}}
    objects = render_as_dependency(tmp_path, values)
    assert bool(objects) is enabled
    if enabled:
        assert the("Deployment", objects)["spec"]["replicas"] == 1


@pytest.mark.parametrize("name", ["serviceMonitor", "prometheusRule"])
def test_a_render_without_a_cluster_is_told_what_it_needs(name: str) -> None:
    values = {"metrics": {name: {"enabled": True}}}
    with pytest.raises(RenderError, match="helm template asks none and needs (--api-versions.*v1)") as caught:
        render(values)
    assert "--api-versions monitoring.coreos.com/v1" in str(caught.value)
    assert render(values, "--api-versions", "monitoring.coreos.com/v1")


def leaves(values: Object, path: str = "") -> list[str]:
    """Paths of all values."""
    return [
        one
        for name, value in values.items()
        for one in (
            leaves(value, f"{path}{name}.") if isinstance(value, dict) and value else [f"{path}{name}"]
        )
    ]


def test_every_value_is_commented_and_in_the_schema() -> None:
    text = (CHART / "values.yaml").read_text()
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    explained: set[str] = set()
    path: list[str] = []
    comment = False
    for line in text.splitlines():
        key = re.match(r"( *)([A-Za-z]+):", line)
        if key and not line.lstrip().startswith("- "):
            path = [*path[: len(key[1]) // 2], key[2]]
            if comment:
                explained.add(".".join(path))
        comment = "# --" in line or (comment and line.lstrip().startswith("#"))
    values = yaml.safe_load(text)
    for leaf in leaves(values):
        parts = leaf.split(".")
        assert any(".".join(parts[:depth]) in explained for depth in range(1, len(parts) + 1)), leaf
        assert known(schema, parts), leaf


def known(schema: Object, path: list[str]) -> bool:
    """Whether the schema of the values has the path."""
    node: Any = schema
    for part in path:
        if "$ref" in node:
            node = schema["definitions"][node["$ref"].rpartition("/")[2]]
        if "properties" not in node:
            return True
        assert node["additionalProperties"] is False
        node = node["properties"].get(part)
        if node is None:
            return False
    return True
