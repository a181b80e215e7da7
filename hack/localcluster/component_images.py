"""The container images inside a kind node, made from programs built here.

kubeadm's images (API server, controller manager, scheduler, proxy, etcd) are one image under several names: its layers
are stored once. CoreDNS, the sandbox and what kind's manifests name hold one static program each.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from localcluster import versions
from localcluster.failure import ClusterError
from localcluster.layout import HACK
from localcluster.work import output

CALL_NAMES = (
    "etcd",
    "kindnetd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
)
NETWORK_PROGRAMS = ("xtables-nft-multi", "nft", "conntrack")
IPTABLES_NAMES = (
    "iptables",
    "iptables-restore",
    "iptables-save",
    "ip6tables",
    "ip6tables-restore",
    "ip6tables-save",
)
SHELL_NAMES = ("sh", "mkdir", "rm", "ls", "cat", "sleep")
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True)
class ComponentImages:
    """Makes the images of one node image.

    Attributes:
        scaffold: image with the node's system, from which iptables and its libraries are taken.
        work: a folder to lay things out in.
        kubernetes: the one Kubernetes program.
        programs: coredns, pause and local-path-provisioner.
    """

    scaffold: str
    work: Path
    kubernetes: Path
    programs: dict[str, Path]

    def make(self, *, sandbox: str, manifest_images: dict[str, str]) -> list[str]:
        """Make all images; returns their names.

        Args:
            sandbox: name of the image that holds a pod's namespaces, as containerd's configuration has it.
            manifest_images: names of images by the constants of kind's manifests.
        """
        system = self._take_system()
        components = self._components(system)
        names = []
        for image in self._kubeadm_images():
            repository = image.rpartition(":")[0].rpartition("/")[2]
            if repository == "pause":
                name = sandbox
                self._single(name, "/pause", {"pause": self.programs["pause"]})
            elif repository == "coredns":
                name = image
                files = {"coredns": self.programs["coredns"], AUTHORITIES: system / AUTHORITIES}
                self._single(name, "/coredns", files)
            else:
                name = image
                output(["docker", "tag", components, name])
            names.append(name)
        for constant, name in manifest_images.items():
            self._manifest_image(constant, name, components, system)
            names.append(name)
        output(["docker", "rmi", components])
        return names

    def _manifest_image(self, constant: str, name: str, components: str, system: Path) -> None:
        match constant:
            case "kindnetdImage":
                dockerfile = f'FROM {components}\nENTRYPOINT ["/usr/local/bin/kindnetd"]\n'
                output(
                    ["env", "DOCKER_BUILDKIT=0", "docker", "build", "-q", "-t", name, "-"], text=dockerfile
                )
            case "storageProvisionerImage":
                program = "usr/local/bin/local-path-provisioner"
                self._single(name, f"/{program}", {program: self.programs["local-path-provisioner"]})
            case "storageHelperImage":
                self._single(name, "/bin/sh", {"bin/busybox": system / "usr/bin/busybox"}, links=SHELL_NAMES)
            case _:
                raise ClusterError(
                    f"kind {versions.KIND} wants {constant}: component_images.py has to follow"
                )

    def _kubeadm_images(self) -> list[str]:
        command = ["docker", "run", "--rm", "--entrypoint=kubeadm", self.scaffold]
        return output(
            [*command, "config", "images", "list", f"--kubernetes-version={versions.KUBERNETES}"]
        ).split()

    def _take_system(self) -> Path:
        """Copy iptables, everything it loads and the certificates out of the node's system."""
        script = (
            "set -e; cd /; "
            f"programs='{' '.join(f'usr/sbin/{name}' for name in NETWORK_PROGRAMS)}'; "
            "plugins=$(find usr/lib/*/xtables -name '*.so'); "
            # The loader and the libraries, as files under the very names by which they are looked up.
            "libraries=$(ldd $programs $plugins 2>/dev/null | grep '(0x' | grep -oE '/[^ ]+' | sort -u); "
            f"tar -ch --hard-dereference $libraries $programs $plugins usr/bin/busybox {AUTHORITIES}"
        )
        root = self.work / "system"
        root.mkdir()
        container = ["docker", "run", "--rm", "--entrypoint=sh", self.scaffold, "-c", script]
        with subprocess.Popen(container, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as pack:
            unpacked = subprocess.run(["tar", "-C", root, "-x"], stdin=pack.stdout, check=False)
        if pack.returncode != 0 or unpacked.returncode != 0:
            raise ClusterError("copying iptables out of the node's system failed")
        return root

    def _components(self, system: Path) -> str:
        context = self.work / "components"
        root = context / "root"
        shutil.copytree(system, root, symlinks=True)
        (root / "usr/bin/busybox").unlink()
        for name in IPTABLES_NAMES:
            (root / "usr/sbin" / name).symlink_to("xtables-nft-multi")
        programs = root / "usr/local/bin"
        programs.mkdir(parents=True)
        shutil.copy(self.kubernetes, programs / "kubernetes")
        for name in CALL_NAMES:
            (programs / name).symlink_to("kubernetes")
        for folder in ("tmp", "run"):
            (root / folder).mkdir(exist_ok=True)
        (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n", encoding="utf-8")
        tag = re.sub("-scaffold$", "-components", self.scaffold)
        dockerfile = HACK / "node" / "components.Dockerfile"
        output(["env", "DOCKER_BUILDKIT=0", "docker", "build", "-q", "-t", tag, "-f", dockerfile, context])
        shutil.rmtree(context)
        return tag

    def _single(
        self, name: str, entrypoint: str, files: dict[str, Path], *, links: tuple[str, ...] = ()
    ) -> None:
        root = self.work / "single"
        for inside, source in files.items():
            (root / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, root / inside)
        for link in links:
            (root / "bin" / link).symlink_to("busybox")
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as pack:
            ended = subprocess.run(
                ["docker", "import", "-c", f'ENTRYPOINT ["{entrypoint}"]', "-", name],
                stdin=pack.stdout,
                capture_output=True,
                text=True,
                check=False,
            )
        if ended.returncode != 0 or pack.returncode != 0:
            raise ClusterError(f"making {name} failed: {ended.stderr.strip()}")
        shutil.rmtree(root)
