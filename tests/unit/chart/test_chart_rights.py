"""What the operator's account may do: these verbs and no others. That each is used is an integration test."""

from __future__ import annotations

import pytest
from rendered_chart import Object, is_hook, render, the

OPERATOR = {
    *{("estimator.dev", "estimatorjobs", verb) for verb in ("get", "list", "watch", "delete")},
    ("estimator.dev", "estimatorjobs/status", "patch"),
    ("estimator.dev", "estimatorjobs/finalizers", "update"),
    *{("", "pods", verb) for verb in ("get", "list", "watch", "create", "delete")},
    *{("", "services", verb) for verb in ("get", "list", "watch", "create", "delete")},
    *{("", "persistentvolumeclaims", verb) for verb in ("get", "list", "watch", "create")},
    *{("", "configmaps", verb) for verb in ("get", "create", "delete")},
    ("", "events", "list"),
    ("events.k8s.io", "events", "create"),
}
NODES = {("", "nodes", "get")}
ELECTION = {
    ("coordination.k8s.io", "leases", "create"),
    ("coordination.k8s.io", "leases", "get"),
    ("coordination.k8s.io", "leases", "update"),
}


def rights(role: Object) -> set[tuple[str, str, str]]:
    """Group, resource and verb of everything a role grants."""
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def bound(objects: list[Object]) -> dict[str | None, set[tuple[str, str, str]]]:
    """What the operator's account may do, by namespace (None: everywhere)."""
    roles = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in objects}
    found: dict[str | None, set[tuple[str, str, str]]] = {}
    for one in objects:
        if one["kind"] not in ("RoleBinding", "ClusterRoleBinding") or is_hook(one):
            continue
        namespace = one["metadata"].get("namespace")
        (subject,) = one["subjects"]
        assert (subject["kind"], subject["namespace"]) == ("ServiceAccount", "estimator-operator")
        assert subject["name"] == the("Deployment", objects)["spec"]["template"]["spec"]["serviceAccountName"]
        role = roles[one["roleRef"]["kind"], namespace, one["roleRef"]["name"]]
        found[namespace] = found.get(namespace, set()) | rights(role)
    return found


def test_all_namespaces() -> None:
    assert bound(render()) == {None: OPERATOR | NODES, "estimator-operator": ELECTION}


def test_some_namespaces() -> None:
    objects = render({"watchNamespaces": ["team-a", "team-b"]})
    served = {"team-a": OPERATOR, "team-b": OPERATOR, "estimator-operator": ELECTION}
    assert bound(objects) == {None: NODES, **served}


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ({}, True),
        ({"crds": {"enabled": False}}, True),
        ({"rbac": {"readNodes": False}}, False),
        ({"watchNamespaces": ["team-a"]}, True),
        ({"watchNamespaces": ["team-a"], "rbac": {"readNodes": False}}, False),
        ({"watchNamespaces": ["team-a"], "crds": {"enabled": False}}, False),
        ({"watchNamespaces": ["team-a"], "crds": {"enabled": False}, "rbac": {"readNodes": True}}, True),
    ],
)
def test_nodes_are_read_where_the_installer_may_grant_it(values: Object, read: bool) -> None:
    assert (bound(render(values)).get(None, set()) >= NODES) is read


def test_own_namespace_among_those_served() -> None:
    objects = render({"watchNamespaces": ["estimator-operator"]})
    assert bound(objects) == {None: NODES, "estimator-operator": OPERATOR | ELECTION}


def test_nothing_is_cluster_wide_where_an_administrator_installed_the_crd() -> None:
    objects = render({"watchNamespaces": ["team-a"], "crds": {"enabled": False}})
    assert all("namespace" in one["metadata"] for one in objects)


def test_no_right_reaches_beyond_the_namespaces_served() -> None:
    """Not the account's, not by a binding of anybody else to it, and the lease is in the release's namespace alone.

    The exception, which can be refused, is a look at a Node by name.
    """
    assert bound(render({"watchNamespaces": ["team-a"]}))[None] == NODES
    objects = render({"watchNamespaces": ["team-a"], "rbac": {"readNodes": False}})
    assert "ClusterRoleBinding" not in {one["kind"] for one in objects}
    for one in objects:
        if one["kind"] == "Role" and not is_hook(one):
            leases = any("leases" in rule["resources"] for rule in one["rules"])
            assert one["metadata"]["namespace"] == ("estimator-operator" if leases else "team-a")


def test_without_election_there_are_no_leases() -> None:
    objects = render({"replicas": 1, "leaderElection": {"enabled": False}})
    assert bound(objects) == {None: OPERATOR | NODES}


def test_no_wildcards_and_no_secrets() -> None:
    granted = {right for one in render() if one["kind"] in ("Role", "ClusterRole") for right in rights(one)}
    assert not any("*" in part for right in granted for part in right)
    assert "secrets" not in {resource for _, resource, _ in granted}


@pytest.mark.parametrize(
    ("name", "aggregates", "verbs"),
    [
        ("estimator-operator-view", {"view"}, {"get", "list", "watch"}),
        (
            "estimator-operator-edit",
            {"edit", "admin"},
            {"create", "update", "patch", "delete", "deletecollection"},
        ),
    ],
)
def test_people_s_roles(name: str, aggregates: set[str], verbs: set[str]) -> None:
    role = the("ClusterRole", render(), name)
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    labels = {key.removeprefix(prefix) for key in role["metadata"]["labels"] if key.startswith(prefix)}
    assert labels == aggregates
    assert {verb for _, _, verb in rights(role)} == verbs
    assert {group for group, _, _ in rights(role)} == {"estimator.dev"}
    scaling = {verb for _, resource, verb in rights(role) if resource == "estimatorjobs/scale"}
    assert scaling == verbs & {"get", "list", "watch", "update", "patch"}, (
        "kubectl scale, and seeing what it did"
    )


def test_people_s_roles_can_be_left_out() -> None:
    names = {one["metadata"]["name"] for one in render({"rbac": {"aggregateRoles": False}})}
    assert "estimator-operator-view" not in names


def test_tests_may_only_watch_their_own_job() -> None:
    objects = render({"watchNamespaces": ["team-a"]})
    role = next(one for one in objects if one["kind"] == "Role" and is_hook(one))
    job = the("EstimatorJob", objects)
    assert role["metadata"]["namespace"] == job["metadata"]["namespace"] == "team-a"
    assert role["rules"] == [
        {
            "apiGroups": ["estimator.dev"],
            "resources": ["estimatorjobs"],
            "resourceNames": [job["metadata"]["name"]],
            "verbs": ["watch"],
        }
    ]
