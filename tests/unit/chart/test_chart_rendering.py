"""The chart's objects over the matrix of its values."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from rendered_chart import (
    CHART,
    REPOSITORY,
    Object,
    is_hook,
    kinds,
    notes,
    render,
    render_as_dependency,
    run,
    the,
)

from estimator_api import crd, parse_job
from estimator_api.strict import unknown_fields
from estimator_operator.kube.lease import LeaseTiming
from estimator_operator.settings import read_settings

PROMETHEUS = "--api-versions=monitoring.coreos.com/v1"
VARIANTS: dict[str, Object] = {
    "defaults": {},
    "one-replica": {"replicas": 1, "leaderElection": {"enabled": False}},
    "namespaced": {"watchNamespaces": ["team-a", "team-b"]},
    "namespaced-without-crd": {"watchNamespaces": ["team-a"], "crds": {"enabled": False}},
    "everything": {
        "fullnameOverride": "trainer",
        "commonLabels": {"team": "platform"},
        "replicas": 3,
        "image": {"digest": "sha256:" + "0" * 64},
        "imagePullSecrets": [{"name": "registry"}],
        "operator": {
            "clusterDomain": "cluster.local",
            "progressNetworks": ["10.244.0.0/16", "fd00:10:244::/56"],
            "progressMetricsLimit": 0,
            "logFormat": "json",
            "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com"}],
        },
        "serviceAccount": {"name": "trainer", "annotations": {"a": "b"}},
        "metrics": {
            "service": {"annotations": {"a": "b"}},
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        },
        "grafana": {"dashboards": {"enabled": True, "annotations": {"folder": "Training"}}},
        "networkPolicy": {"enabled": True, "metricsFrom": [{"namespaceSelector": {}}]},
        "podAnnotations": {"image-id": "sha256:1"},
        "podLabels": {"sidecar": "no"},
        "nodeSelector": {"disk": "ssd"},
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "priorityClassName": "system-cluster-critical",
    },
    "bare": {
        "rbac": {"create": False},
        "serviceAccount": {"create": False, "name": "mine"},
        "crds": {"enabled": False},
        "metrics": {"service": {"enabled": False}},
        "podDisruptionBudget": {"enabled": False},
        "tolerations": [],
    },
}


@pytest.fixture(scope="module", params=VARIANTS)
def objects(request: pytest.FixtureRequest) -> list[Object]:
    """The objects of one variant."""
    return render(VARIANTS[request.param], PROMETHEUS)


@pytest.fixture(scope="module")
def defaults() -> list[Object]:
    """The objects with all values at their defaults."""
    return render()


def pods(objects: list[Object]) -> list[Object]:
    """Pod specs of the release, the test's among them."""
    return [
        one["spec"]["template"]["spec"] if one["kind"] == "Deployment" else one["spec"]
        for one in objects
        if one["kind"] in ("Deployment", "Pod")
    ]


def test_objects_are_complete_and_distinct(objects: list[Object]) -> None:
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects]
    assert len(set(names)) == len(names)
    for one in objects:
        labels = one["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "estimator-operator"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        cluster_wide = one["kind"] in ("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")
        assert ("namespace" in one["metadata"]) is not cluster_wide


def test_pods_are_restricted(objects: list[Object]) -> None:
    assert len(pods(objects)) == 2
    for pod in pods(objects):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        assert all(volume.keys() & {"emptyDir", "configMap"} for volume in pod["volumes"])
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"]
            assert container["resources"]["limits"]["memory"]


def test_images_are_pinned(objects: list[Object]) -> None:
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    images = [container["image"] for pod in pods(objects) for container in pod["containers"]]
    arguments = the("Deployment", objects)["spec"]["template"]["spec"]["containers"][0]["args"]
    images += [one.partition("=")[2] for one in arguments if one.startswith("--runtime-image")]
    assert len(images) == 4
    for image in images:
        assert re.fullmatch(rf"estimator-operator/[a-z-]+(:{re.escape(version)}|@sha256:0{{64}})", image)


def test_operator_understands_its_arguments(objects: list[Object]) -> None:
    arguments = the("Deployment", objects)["spec"]["template"]["spec"]["containers"][0]["args"]
    settings = read_settings(arguments, {})
    assert settings.health_address.port == 8081
    assert settings.metrics_address.port == 8080
    if settings.namespaces:
        assert settings.namespaces in (("team-a", "team-b"), ("team-a",))


def test_selectors_select_the_operator_and_nothing_else(objects: list[Object]) -> None:
    deployment = the("Deployment", objects)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "estimator-operator"
    selectors = [
        (one["spec"].get("podSelector") or one["spec"]["selector"])["matchLabels"]
        for one in objects
        if one["kind"] in ("Deployment", "PodDisruptionBudget", "NetworkPolicy")
    ]
    selectors += [one["spec"]["selector"] for one in objects if one["kind"] == "Service"]
    selectors += [
        one["labelSelector"]["matchLabels"]
        for one in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        if "labelSelector" in one
    ]
    tested = the("Pod", objects)["metadata"]["labels"]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= tested.items()


def test_test_job_is_valid(objects: list[Object]) -> None:
    job = the("EstimatorJob", objects)
    assert unknown_fields(job) == ()
    parsed = parse_job(job)
    assert parsed.spec.run_policy.active_deadline_seconds == 200
    code = the("ConfigMap", objects, parsed.spec.code.config_map.name)
    module = parsed.spec.estimator.model_fn.partition(":")[0]
    compile(code["data"][f"{module}.py"], "line.py", "exec")
    pod = the("Pod", objects)
    script = the("ConfigMap", objects, pod["spec"]["volumes"][0]["configMap"]["name"])["data"]
    compile(script["wait_for_job.py"], "wait_for_job.py", "exec")
    assert pod["spec"]["containers"][0]["args"][:2] == [job["metadata"]["namespace"], job["metadata"]["name"]]


def test_default_objects(defaults: list[Object]) -> None:
    installed = sorted((one["kind"], one["metadata"]["name"]) for one in defaults if not is_hook(one))
    assert installed == [
        ("ClusterRole", "estimator-operator"),
        ("ClusterRole", "estimator-operator-edit"),
        ("ClusterRole", "estimator-operator-view"),
        ("ClusterRoleBinding", "estimator-operator"),
        ("CustomResourceDefinition", "estimatorjobs.estimator.dev"),
        ("Deployment", "estimator-operator"),
        ("PodDisruptionBudget", "estimator-operator"),
        ("Role", "estimator-operator-election"),
        ("RoleBinding", "estimator-operator-election"),
        ("Service", "estimator-operator-metrics"),
        ("ServiceAccount", "estimator-operator"),
    ]


def test_default_settings_are_the_operator_s_own(defaults: list[Object]) -> None:
    arguments = the("Deployment", defaults)["spec"]["template"]["spec"]["containers"][0]["args"]
    images = [one for one in arguments if one.startswith("--runtime-image")]
    assert read_settings(arguments, {}) == read_settings(images, {})


def test_deployment_survives_the_loss_of_a_node(defaults: list[Object]) -> None:
    deployment = the("Deployment", defaults)["spec"]
    pod = deployment["template"]["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert {one["tolerationSeconds"] for one in pod["tolerations"]} == {30}
    assert pod["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"
    assert pod["terminationGracePeriodSeconds"] > LeaseTiming().renew_deadline


def test_probes_ask_the_health_port(defaults: list[Object]) -> None:
    container = the("Deployment", defaults)["spec"]["template"]["spec"]["containers"][0]
    asked = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {
        "startupProbe": {"path": "/livez", "port": "health"},
        "livenessProbe": {"path": "/livez", "port": "health"},
        "readinessProbe": {"path": "/readyz", "port": "health"},
    }
    assert {one["name"]: one["containerPort"] for one in container["ports"]} == {
        "metrics": 8080,
        "health": 8081,
    }
    assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]


def test_crd_is_the_generated_one_and_is_kept(defaults: list[Object]) -> None:
    rendered = the("CustomResourceDefinition", defaults)
    assert rendered["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    del rendered["metadata"]["labels"]
    assert rendered == crd.definition()


def test_crd_can_go_with_the_release() -> None:
    rendered = the("CustomResourceDefinition", render({"crds": {"keep": False}}))
    assert "annotations" not in rendered["metadata"]


def test_without_election_there_is_one_at_a_time() -> None:
    objects = render(VARIANTS["one-replica"])
    deployment = the("Deployment", objects)["spec"]
    assert deployment["strategy"] == {"type": "Recreate"}
    assert "--no-leader-elect" in deployment["template"]["spec"]["containers"][0]["args"]
    assert "PodDisruptionBudget" not in kinds(objects)
    assert "coordination.k8s.io" not in json.dumps(objects)


def test_everything() -> None:
    objects = render(VARIANTS["everything"], PROMETHEUS)
    deployment = the("Deployment", objects)
    template = deployment["spec"]["template"]
    assert deployment["metadata"]["name"] == "trainer"
    assert template["metadata"]["annotations"]["image-id"] == "sha256:1"
    assert template["metadata"]["labels"].items() >= {"sidecar": "no", "team": "platform"}.items()
    pod = template["spec"]
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["nodeSelector"] == {"disk": "ssd"}
    assert pod["topologySpreadConstraints"][0]["topologyKey"] == "zone"
    assert pod["serviceAccountName"] == "trainer"
    assert pod["containers"][0]["env"][0]["name"] == "HTTPS_PROXY"
    assert all(one["metadata"]["labels"]["team"] == "platform" for one in objects)
    monitor, service = the("ServiceMonitor", objects), the("Service", objects)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]


def test_network_policy_lets_through_what_the_operator_does() -> None:
    spec = the("NetworkPolicy", render({"networkPolicy": {"enabled": True}}))["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == [{"ports": [{"port": "health"}]}, {"ports": [{"port": "metrics"}]}]
    ports = [one["port"] for rule in spec["egress"] for one in rule.get("ports", ())]
    assert ports == [53, 53, 443, 6443]
    (progress,) = (rule for rule in spec["egress"] if "to" in rule)
    assert progress["to"][0]["podSelector"]["matchExpressions"][0]["key"] == "estimator.dev/job-name"


def test_network_policy_can_be_about_who_scrapes_alone() -> None:
    scraper = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    values = {"networkPolicy": {"enabled": True, "egress": False, "metricsFrom": [scraper]}}
    spec = the("NetworkPolicy", render(values))["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    assert "egress" not in spec
    assert spec["ingress"][1] == {"ports": [{"port": "metrics"}], "from": [scraper]}


def test_user_and_group_can_be_left_to_the_platform() -> None:
    nobody = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    objects = render({"podSecurityContext": nobody, "jobs": {"assignUser": False}})
    for pod in pods(objects):
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    (container,) = the("Deployment", objects)["spec"]["template"]["spec"]["containers"]
    assert read_settings(container["args"], {}).plan.assign_user is False
    assert {"capabilities": {"drop": ["ALL"]}}.items() <= container["securityContext"].items()


def test_a_platform_may_want_another_security_context() -> None:
    values = {"podSecurityContext": {"fsGroup": 7}, "containerSecurityContext": {"runAsUser": 7}}
    pod = the("Deployment", render(values))["spec"]["template"]["spec"]
    assert pod["securityContext"]["fsGroup"] == 7
    assert pod["containers"][0]["securityContext"]["runAsUser"] == 7


def test_user_and_group_left_to_the_platform_as_a_dependency_too(tmp_path: Path) -> None:
    nobody = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    objects = render_as_dependency(tmp_path, {"estimator-operator": {"podSecurityContext": nobody}})
    pod = the("Deployment", objects)["spec"]["template"]["spec"]
    assert not pod["securityContext"].keys() & nobody.keys()


def test_a_release_that_would_take_the_crd_with_it_is_marked() -> None:
    """By the mark an upgrade that turns crds.enabled off is refused; see the integration test of the chart."""

    def mark(values: Object) -> object:
        return the("Deployment", render({"crds": values}))["metadata"].get("annotations")

    assert mark({"keep": False}) == {"estimator.dev/crd": "goes-with-the-release"}
    assert mark({}) is None
    assert mark({"keep": False, "enabled": False}) is None


def test_names_of_other_releases() -> None:
    names = {one["metadata"]["name"] for one in render(release="prod") if one["kind"] == "Deployment"}
    assert names == {"prod-estimator-operator"}
    long = render({"fullnameOverride": "x" * 60})
    assert all(len(one["metadata"]["name"]) <= 63 for one in long)
    assert len(the("EstimatorJob", long)["metadata"]["name"]) <= 40


def test_test_hooks_run_in_order_and_leave_the_log(defaults: list[Object]) -> None:
    hooks = [one for one in defaults if is_hook(one)]
    assert {one["metadata"]["annotations"]["helm.sh/hook"] for one in hooks} == {"test"}
    weight = {one["kind"]: int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) for one in hooks}
    assert weight["ConfigMap"] == weight["Role"] < weight["EstimatorJob"] < weight["Pod"]
    kept = [
        one["kind"]
        for one in hooks
        if "hook-succeeded" not in one["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    ]
    assert kept == ["Pod"], "its log stays to be read"


@pytest.mark.parametrize("name", ["estimator-operator", "team-a-operator"])
def test_lease_is_the_release_s(name: str) -> None:
    objects = [one for one in render({"fullnameOverride": name}) if not is_hook(one)]
    role, deployment = the("Role", objects), the("Deployment", objects)
    assert [one.get("resourceNames") for one in role["rules"]] == [None, [name]]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert read_settings(container["args"], {}).lease_name == name


def test_notes_hold_a_first_job(tmp_path: Path) -> None:
    text = notes(tmp_path)
    head, manifest, rest = re.split(r"^(?:kubectl apply .*<<'MANIFEST'|MANIFEST)\n", text, flags=re.MULTILINE)
    assert "helm test estimator-operator --namespace estimator-operator" in head
    code, job = yaml.safe_load_all(manifest)
    assert unknown_fields(job) == ()
    parsed = parse_job(job)
    assert parsed.spec.code.config_map.name == code["metadata"]["name"]
    assert list(code["data"]) == ["line.py"]
    assert f"kubectl get estimatorjob {parsed.metadata.name} --watch" in rest
    assert "kubectl delete crd estimatorjobs.estimator.dev" in rest
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


def test_notes_name_the_namespaces_served(tmp_path: Path) -> None:
    text = notes(tmp_path, {"watchNamespaces": ["team-a", "team-b"], "crds": {"enabled": False}})
    assert text.startswith("EstimatorJobs are now served in team-a, team-b.\n")
    assert "kubectl apply --namespace team-a -f -" in text
    assert "delete crd" not in text


def test_lint() -> None:
    assert "0 chart(s) failed" in run("lint", "--strict", str(CHART))


def test_version_is_the_project_s() -> None:
    import tomllib

    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)
