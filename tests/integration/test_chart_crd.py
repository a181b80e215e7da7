"""The CRD across releases: another release can take it over, and no change of values deletes it and all jobs with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from api_server import REPOSITORY, ApiServer
from helm_program import helm_program

CHART = str(REPOSITORY / "charts/estimator-operator")
NAME = "estimatorjobs.estimator.dev"
OWNER = "meta.helm.sh/release-name"
KEPT = "helm.sh/resource-policy"


class HelmError(AssertionError):
    """helm refused; the text is its error."""


def helm(server: ApiServer, namespace: str, *args: str) -> None:
    answer = subprocess.run(
        [helm_program(), *args, "--namespace", namespace],
        env={**os.environ, "KUBECONFIG": str(server.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    if answer.returncode:
        raise HelmError(answer.stderr)


def annotations(server: ApiServer) -> dict[str, str]:
    """Those of the CRD."""
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{NAME}"
    return dict(server.call("GET", path)["metadata"].get("annotations") or {})


@pytest.fixture
def installed(api_server: ApiServer, namespace: str) -> Iterator[str]:
    """The namespace of a release `first`, which took over the CRD that was there."""
    helm(api_server, namespace, "install", "first", CHART, "--take-ownership")
    yield namespace
    helm(api_server, namespace, "uninstall", "first", "--ignore-not-found")


def test_a_kept_crd_is_taken_over_by_another_release(api_server: ApiServer, installed: str) -> None:
    helm(api_server, installed, "uninstall", "first")
    assert annotations(api_server)[OWNER] == "first", "kept"
    with pytest.raises(HelmError, match="cannot be imported into the current release"):
        helm(api_server, installed, "install", "second", CHART)
    helm(api_server, installed, "install", "second", CHART, "--take-ownership")
    assert annotations(api_server)[OWNER] == "second"
    helm(api_server, installed, "uninstall", "second")
    assert annotations(api_server)[KEPT] == "keep"


def test_a_release_without_the_crd_leaves_another_s_alone(api_server: ApiServer, installed: str) -> None:
    flags = ("--set", "crds.enabled=false", "--set", f"watchNamespaces={{{installed}}}")
    helm(api_server, installed, "install", "beside", CHART, *flags)
    helm(api_server, installed, "uninstall", "beside")
    assert annotations(api_server)[OWNER] == "first"


def test_turning_the_crd_off_never_deletes_the_jobs(api_server: ApiServer, installed: str) -> None:
    upgrade = ("upgrade", "first", CHART)
    helm(api_server, installed, *upgrade, "--set", "crds.keep=false")
    assert KEPT not in annotations(api_server)
    for keep in ("false", "true"):
        with pytest.raises(HelmError, match=r"would delete the CRD and with it all jobs.*crds\.keep=true"):
            helm(api_server, installed, *upgrade, "--set", f"crds.enabled=false,crds.keep={keep}")
    helm(api_server, installed, *upgrade, "--set", "crds.keep=true")
    helm(api_server, installed, *upgrade, "--set", "crds.enabled=false")
    assert annotations(api_server)[KEPT] == "keep"
