"""The operator's rights as the chart grants them: rendered by helm, applied to the API server, read as a set."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml
from api_server import REPOSITORY, ApiServer
from helm_program import helm_program

Json = dict[str, Any]
CHART: Final = REPOSITORY / "charts" / "estimator-operator"
RELEASE: Final = "estimator-operator"
_RIGHTS: Final = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource (with subresource)."""

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{'.' + self.group if self.group else ''}"


@dataclass(frozen=True, slots=True)
class Chart:
    """What the chart renders for one namespace."""

    namespace: str
    objects: Sequence[Json]

    @classmethod
    def render(cls, namespace: str, *flags: str) -> Chart:
        """Runs `helm template`; hooks (the chart's own test) are left out."""
        answer = subprocess.run(
            [
                helm_program(),
                "template",
                RELEASE,
                str(CHART),
                "--namespace",
                namespace,
                *flags,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert answer.returncode == 0, answer.stderr
        objects = [one for one in yaml.safe_load_all(answer.stdout) if one]
        hook = "helm.sh/hook"
        return cls(namespace, [one for one in objects if hook not in one["metadata"].get("annotations", {})])

    def apply_rights(self, server: ApiServer) -> None:
        """Applies the ServiceAccount, roles and bindings."""
        rights = [one for one in self.objects if one["kind"] in _RIGHTS]
        server.apply(*rights, namespace=self.namespace)

    def delete_cluster_rights(self, server: ApiServer) -> None:
        """Deletes what the namespace does not take along."""
        for one in self.objects:
            if one["kind"] in ("ClusterRole", "ClusterRoleBinding"):
                server.kubectl("delete", one["kind"], one["metadata"]["name"], "--ignore-not-found")

    @property
    def account(self) -> str:
        """Name of the operator's ServiceAccount."""
        pods = [one["spec"]["template"]["spec"] for one in self.objects if one["kind"] == "Deployment"]
        (name,) = (one["serviceAccountName"] for one in pods)
        return str(name)

    @property
    def operator_container(self) -> Json:
        """The container of the operator."""
        pods = [one["spec"]["template"]["spec"] for one in self.objects if one["kind"] == "Deployment"]
        (container,) = (one for pod in pods for one in pod["containers"])
        return dict(container)

    def granted(self) -> set[Right]:
        """Every right that some binding gives to the operator's ServiceAccount."""
        return {
            right for role in self._roles() for rule in role.get("rules") or () for right in _rights(rule)
        }

    def _roles(self) -> Iterator[Json]:
        roles = {(one["kind"], one["metadata"]["name"]): one for one in self.objects}
        for one in self.objects:
            subjects = one.get("subjects") or ()
            if any((who["kind"], who["name"]) == ("ServiceAccount", self.account) for who in subjects):
                yield roles[one["roleRef"]["kind"], one["roleRef"]["name"]]


def _rights(rule: Json) -> Iterator[Right]:
    assert "nonResourceURLs" not in rule, rule
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                yield Right(group, resource, verb)
