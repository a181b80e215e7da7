"""Kubernetes as one program: control plane, etcd, kubelet, kube-proxy, kubeadm, kubectl and the network agent.

Built once and used by both kinds of cluster. Which component it is follows from the name it is called by.
"""

import os
from pathlib import Path

from localcluster import golang, versions
from localcluster.layout import BIN, BUILDS, HACK
from localcluster.work import once

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubeadm", "kubectl")
"""The names under which it is used on the host."""


def folder() -> Path:
    """The folder of the program and its links, one per name; builds it when it is not there."""
    target = once(
        _target(),
        title=f"building Kubernetes {versions.KUBERNETES} from source",
        expect=8 * 60 * 2 / min(os.cpu_count() or 2, 8),
        make=_build,
    )
    publish(target / "kubernetes")
    publish(target / "kubectl")
    return target


def is_built() -> bool:
    """Whether the build of these sources is in the cache."""
    return _target().is_dir()


def _target() -> Path:
    return BUILDS / f"kubernetes-{versions.KUBERNETES}-{golang.digest(HACK / 'kube')}"


def publish(program: Path) -> None:
    """Let `layout.BIN` point to the current build of a program."""
    BIN.mkdir(parents=True, exist_ok=True)
    link = BIN / program.name
    if link.is_symlink() and link.readlink() == program:
        return
    fresh = BIN / f".{program.name}.{os.getpid()}"
    fresh.symlink_to(program)
    fresh.replace(link)


def _build(target: Path) -> None:
    golang.build(HACK / "kube", target / "kubernetes", linker_flags=_stamps(), log="build-kubernetes.log")
    for name in COMPONENTS:
        (target / name).symlink_to("kubernetes")


def _stamps() -> list[str]:
    # Without a version of its own kubeadm does not know which cluster it makes, and clients compare versions.
    minor = versions.KUBERNETES.split(".")[1]
    values = {
        "gitVersion": versions.KUBERNETES,
        "gitMajor": "1",
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "0" * 40,
        "buildDate": "1970-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return [f"-X {package}.{name}={value}" for package in packages for name, value in values.items()]
