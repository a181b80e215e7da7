"""Dashboard and alerts: whole, off by default, and about metrics that the operator has, with labels that they have."""

from __future__ import annotations

import asyncio
import json
import re
from functools import cache

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rendered_chart import CHART, RELEASE, REPOSITORY, Object, kinds, render, the

from estimator_operator.control.job_record import JobKey, JobRecord
from estimator_operator.observe.metrics import Metrics

PROMETHEUS = "--api-versions=monitoring.coreos.com/v1"
ON = {
    "metrics": {
        "serviceMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    },
    "grafana": {"dashboards": {"enabled": True, "annotations": {"folder": "Training"}}},
}
FUNCTIONS = frozenset(
    [
        "absent",
        "by",
        "changes",
        "clamp_min",
        "count",
        "group_left",
        "histogram_quantile",
        "increase",
        "max",
        "min",
        "on",
        "rate",
        "sum",
        "time",
    ]
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?")
_LABEL_LISTS = re.compile(r"\b(?:by|on|group_left)\s*\(([^)]*)\)")
_VARIABLES = frozenset({"instance", "namespace", "job", "release"})
"""Labels that the scrape adds."""


@cache
def numbers() -> str:
    """Metrics with a sample of every kind that the operator can have."""
    conditions = [{"type": "Ready", "status": "True", "reason": "Training"}]
    moment = "2026-01-01T00:00:00Z"
    progress = {"globalStep": 1, "percent": 1, "stepsPerSecond": "1", "loss": "1", "lastUpdateTime": moment}
    manifest = {
        "metadata": {"name": "a", "uid": "u"},
        "spec": {},
        "status": {"conditions": conditions, "progress": progress, "checkpoints": {"behindSince": moment}},
    }
    job = JobRecord(key=JobKey("team-a", "a"), manifest=manifest)
    metrics = Metrics(jobs=lambda: [job], queue_depth=lambda: 0, progress_limit=1)
    metrics.reconciled("success", 1.0)
    metrics.waited(1.0)
    metrics.retried()
    metrics.called("get", "pods", 200, 1.0)
    metrics.throttled(1.0)
    metrics.told("pods", None)
    metrics.skipped("pods", "unreadable")
    metrics.surveyed("start", "success")
    metrics.recorded("written")
    metrics.polled("ok")
    metrics.restarted("worker", "Error")
    metrics.ended("Failed", "InvalidSpec", 1.0)
    return asyncio.run(metrics.text()).decode()


@cache
def exposition() -> dict[str, frozenset[str]]:
    """Every sample that the operator can have, with its labels."""
    return {
        sample.name: frozenset(sample.labels)
        for family in text_string_to_metric_families(numbers())
        for sample in family.samples
    }


def families() -> set[str]:
    """Names as the documentation has them: of histograms without their suffixes; those without a sample, too."""
    return set(re.findall(r"^# HELP (estimator_\w+)", numbers(), re.MULTILINE))


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    """The chart with both turned on."""
    return render(ON, PROMETHEUS)


def alerts(objects: list[Object]) -> list[Object]:
    return [rule for group in the("PrometheusRule", objects)["spec"]["groups"] for rule in group["rules"]]


def dashboard(objects: list[Object]) -> Object:
    found = the("ConfigMap", objects, "estimator-operator-dashboard")
    return json.loads(found["data"]["estimator-operator.json"])


def expressions() -> list[str]:
    """All PromQL of the chart."""
    document = json.loads((CHART / "files/dashboard.json").read_text())
    shown = [one["expr"] for panel in document["panels"] for one in panel.get("targets", ())]
    return shown + [rule["expr"] for rule in alerts(render(ON, PROMETHEUS))]


def test_both_are_off_by_default() -> None:
    assert "PrometheusRule" not in kinds(render({}, PROMETHEUS))
    assert not any("dashboard" in one["metadata"]["name"] for one in render())


def test_dashboard_is_found_by_grafana_s_sidecar(objects: list[Object]) -> None:
    found = the("ConfigMap", objects, "estimator-operator-dashboard")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"folder": "Training"}
    assert found["metadata"]["namespace"] == "estimator-operator"
    elsewhere = render({"grafana": {"dashboards": {"enabled": True, "namespace": "monitoring"}}})
    assert (
        the("ConfigMap", elsewhere, "estimator-operator-dashboard")["metadata"]["namespace"] == "monitoring"
    )


def test_dashboard_is_the_file(objects: list[Object]) -> None:
    assert dashboard(objects) == json.loads((CHART / "files/dashboard.json").read_text())


def test_panels_are_whole_and_do_not_overlap(objects: list[Object]) -> None:
    panels = dashboard(objects)["panels"]
    assert len({one["id"] for one in panels}) == len(panels) > 20
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"].endswith(".")
            assert panel["datasource"]["uid"] == "${datasource}"
            assert [one["refId"] for one in panel["targets"]] == list("ABC"[: len(panel["targets"])])


def test_alerts_are_whole(objects: list[Object]) -> None:
    rules = alerts(objects)
    assert len({one["alert"] for one in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["annotations"]["description"].endswith(".")
        named = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        available = set(re.findall(r"\w+", " ".join(_LABEL_LISTS.findall(rule["expr"]))))
        for name in metrics_in(rule["expr"]):
            available |= exposition()[name] if not _LABEL_LISTS.search(rule["expr"]) else set()
        assert named <= available, rule["alert"]
    assert the("PrometheusRule", objects)["metadata"]["labels"]["release"] == "prometheus"


def test_alerts_cover_what_can_go_wrong(objects: list[Object]) -> None:
    assert {one["alert"] for one in alerts(objects)} == {
        "EstimatorOperatorDown",
        "EstimatorOperatorNoLeader",
        "EstimatorOperatorTwoLeaders",
        "EstimatorNamespaceServedTwice",
        "EstimatorOperatorReconcileErrors",
        "EstimatorOperatorQueueSlow",
        "EstimatorOperatorApiErrors",
        "EstimatorJobsFailing",
        "EstimatorReplicasRestarting",
        "EstimatorTrainingStalled",
        "EstimatorModelDirBehind",
        "EstimatorPodsForbidden",
        "EstimatorProgressUnknown",
    }


def test_series_of_jobs_keep_the_jobs_labels_and_get_the_release(objects: list[Object]) -> None:
    (endpoint,) = the("ServiceMonitor", objects)["spec"]["endpoints"]
    assert endpoint["honorLabels"] is True
    assert endpoint["relabelings"] == [{"targetLabel": "release", "replacement": f"{RELEASE}/{RELEASE}"}]
    assert all("release" not in labels for labels in exposition().values()), "no label of the operator's own"


@pytest.mark.parametrize("release", [RELEASE, "team-a"])
def test_alerts_are_about_their_own_release(release: str) -> None:
    for rule in alerts(render(ON, PROMETHEUS, release=release)):
        named = len(re.findall(r"estimator_operator_\w+", rule["expr"]))
        own = rule["expr"].count(f'release="{RELEASE}/{release}"')
        assert own == (0 if rule["alert"] == "EstimatorNamespaceServedTwice" else named), rule["alert"]


def test_alerts_without_the_service_monitor_ask_for_no_label_of_it() -> None:
    rules = alerts(render({"metrics": {"prometheusRule": {"enabled": True}}}, PROMETHEUS))
    across = {one["alert"] for one in rules if re.search(r"release *[!=]|%", one["expr"])}
    assert across == {"EstimatorNamespaceServedTwice"}
    assert len(metrics_in(rules[0]["expr"])) == 1


def test_leaders_are_counted_for_each_release(objects: list[Object]) -> None:
    counted = {one["alert"]: one["expr"] for one in alerts(objects)}
    own = f'(estimator_operator_leader{{release="{RELEASE}/{RELEASE}"}})'
    assert counted["EstimatorOperatorNoLeader"] == f"sum by (release, namespace, job) {own} == 0"
    assert counted["EstimatorOperatorTwoLeaders"] == f"sum by (release, namespace, job) {own} > 1"


def test_dashboard_tells_releases_apart(objects: list[Object]) -> None:
    shown = dashboard(objects)
    assert [one["name"] for one in shown["templating"]["list"]] == ["datasource", "release", "namespace"]
    for panel in shown["panels"]:
        for target in panel.get("targets", ()):
            named = re.findall(r"estimator_operator_\w+", target["expr"])
            assert target["expr"].count('release=~"$release"') == len(named) > 0, panel["title"]


def metrics_in(expression: str) -> dict[str, str]:
    """Metrics of an expression, each with its selector; everything else must be a known function."""
    bare = re.sub(r"\[[^]]*\]", "", _LABEL_LISTS.sub("", expression))
    found = {}
    for name, selector in _SELECTOR.findall(re.sub(r"\b\d[\d.e]*\b", "", bare)):
        if name in FUNCTIONS:
            assert not selector
        else:
            found[name] = selector
    return found


@pytest.mark.parametrize("expression", expressions())
def test_expressions_are_about_metrics_that_exist(expression: str) -> None:
    quoted = _QUOTED.sub('""', expression)
    for opening, closing in ("()", "[]", "{}"):
        assert quoted.count(opening) == quoted.count(closing)
    found = metrics_in(expression)
    assert found
    for name, selector in found.items():
        assert name in exposition(), name
        labels = exposition()[name]
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", _QUOTED.sub("", selector)):
            assert label in labels | _VARIABLES, f"{name} has no label {label}"
        grouped = set(re.findall(r"\w+", " ".join(_LABEL_LISTS.findall(expression))))
        assert grouped <= labels | _VARIABLES, f"{name} has no label {grouped - labels}"
        if name.endswith("_total"):
            assert re.search(rf"(rate|increase)\({name}", expression), "a counter is a rate or nothing"
        if name.endswith("_bucket"):
            assert "histogram_quantile" in expression


def test_every_metric_is_documented_and_no_other() -> None:
    guide = (REPOSITORY / "docs/operations.md").read_text()
    documented = set(re.findall(r"^\| `(estimator_operator_\w+)", guide, re.MULTILINE))
    assert documented == families()
    assert families() == {
        re.sub(r"_(bucket|sum|count)$", "", one) for one in exposition() if one.startswith("estimator_")
    }


def test_every_alert_is_documented(objects: list[Object]) -> None:
    text = (REPOSITORY / "docs/operations.md").read_text()
    documented = set(re.findall(r"^\| `(Estimator\w+)`", text, re.MULTILINE))
    assert documented == {one["alert"] for one in alerts(objects)}


def test_every_flag_is_documented_and_has_a_value() -> None:
    from estimator_operator.settings import _parser

    text = (REPOSITORY / "docs/operations.md").read_text()
    flags = {
        option
        for action in _parser({})._actions
        for option in action.option_strings
        if option.startswith("--") and not option.startswith(("--help", "--no-"))
    }
    assert set(re.findall(r"^\| `(--[a-z-]+)", text, re.MULTILINE)) == flags
    arguments = "".join((CHART / f"templates/{name}").read_text() for name in ("deployment.yaml",))
    outside = {"--kubeconfig", "--context", "--lease-namespace"}
    assert {one for one in flags if f"{one}=" not in arguments and one not in arguments} == outside
