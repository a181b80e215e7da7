"""The image of a kind node: the one that is there, an archive of an earlier build, a pulled one, or one that is built.

Built only from Debian's packages and Go modules: kind's own files, containerd and its tools, and one Kubernetes program
under the names of all components. The images that kubeadm and kind's manifests name are put into the node's containerd
and pinned, so that a cluster starts without any registry.
"""

import hashlib
import json
import re
import shutil
import subprocess
import time
from pathlib import Path

from localcluster import base_image, debian, docker_engine, golang, kubernetes_build, tools, versions
from localcluster.component_images import ComponentImages
from localcluster.failure import ClusterError
from localcluster.layout import BUILDS, HACK
from localcluster.work import logged, once, output, step, succeeds

ARCHIVE = "image.tar.zst"
SOURCES = ("node_image.py", "component_images.py")


def ensure() -> str:
    """Name of a node image that the engine holds."""
    tag = local_tag()
    if docker_engine.has_image(tag):
        return tag
    folder = BUILDS / f"node-{tag.rpartition(':')[2]}"
    if not folder.is_dir():
        if docker_engine.has_image(versions.NODE_IMAGE) or docker_engine.pull(versions.NODE_IMAGE):
            return versions.NODE_IMAGE
        _build(tag, folder)
    if not docker_engine.has_image(tag):
        with step("loading the node image from the cache", expect=12):
            _load(folder / ARCHIVE)
    return tag


def local_tag() -> str:
    """The name that the image gets when it is built from what is in this checkout."""
    state = hashlib.sha256()
    for folder in ("kube", "coredns", "pause"):
        state.update(golang.digest(HACK / folder).encode())
    for version in (versions.KIND, versions.CONTAINERD, versions.CNI_PLUGINS, versions.CRICTL):
        state.update(version.encode())
    state.update(versions.LOCAL_PATH_PROVISIONER.encode())
    for file in (*sorted((HACK / "node").iterdir()), *(Path(__file__).with_name(name) for name in SOURCES)):
        state.update(file.read_bytes())
    return f"estimator-operator/node:{versions.KUBERNETES}-{state.hexdigest()[:12]}"


def _build(tag: str, folder: Path) -> None:
    debian.require(["zstd"], ["zstd"], purpose="to pack images")
    base = base_image.local()
    docker_engine.require_privileged(base)
    programs = _Programs()
    once(
        folder,
        title=f"making a kind node image of Kubernetes {versions.KUBERNETES}",
        expect=60,
        make=lambda target: _make(tag, base, programs, target),
    )


class _Programs:
    """Everything built from source; the long part, finished piece by piece before the image is begun."""

    def __init__(self) -> None:
        self.kubernetes = kubernetes_build.folder() / "kubernetes"
        self.node = [*tools.containerd(), tools.crictl()]
        self.cni = tools.cni_plugins()
        self.coredns = tools.coredns()
        self.pause = tools.pause()
        self.local_path = tools.local_path_provisioner()
        self.kind_source = tools.module_folder("sigs.k8s.io/kind", versions.KIND)


def _make(tag: str, base: str, programs: _Programs, target: Path) -> None:
    work = target / "work"
    stage = work / "stage"
    manifest_images = _stage(programs, stage)
    scaffold = f"{tag}-scaffold"
    _docker_build(HACK / "node" / "Dockerfile", work, scaffold, f"BASE={base}")
    shutil.rmtree(stage / "usr")
    components = ComponentImages(
        scaffold=scaffold,
        work=work,
        kubernetes=programs.kubernetes,
        programs={
            "coredns": programs.coredns,
            "pause": programs.pause,
            "local-path-provisioner": programs.local_path,
        },
    )
    names = components.make(
        sandbox=_sandbox_image(stage / "etc/containerd/config.toml"), manifest_images=manifest_images
    )
    archive = work / "images.tar"
    logged(["docker", "save", "-o", archive, *names], log="node-image.log")
    _commit(scaffold, archive, tag)
    output(["docker", "rmi", "--no-prune", scaffold])
    output(["docker", "rmi", *names])
    shutil.rmtree(work)
    _save(tag, target / ARCHIVE)


def _docker_build(dockerfile: Path, context: Path, tag: str, *arguments: str) -> None:
    words = [word for argument in arguments for word in ("--build-arg", argument)]
    # The classic builder is in every engine and takes local images; the host's network because of its name servers.
    logged(
        [
            "env",
            "DOCKER_BUILDKIT=0",
            "docker",
            "build",
            "--network=host",
            *words,
            "-t",
            tag,
            "-f",
            dockerfile,
            context,
        ],
        log="node-image.log",
        describe=lambda _, last: last.strip()[:100],
    )


def _stage(programs: _Programs, stage: Path) -> dict[str, str]:
    """Lay out what goes over Debian; returns the images that kind's manifests name, by the name of kind's constant."""
    shutil.copytree(programs.kind_source / "images/base/files", stage, copy_function=shutil.copyfile)
    for path in (stage, *stage.rglob("*")):
        script = path.parent in {stage / "usr/local/bin", stage / "kind/bin"}
        path.chmod(0o755 if path.is_dir() or script else 0o644)
    for folder, files in (
        ("usr/local/bin", programs.node),
        ("opt/cni/bin", programs.cni),
        ("usr/bin", [programs.kubernetes]),
    ):
        (stage / folder).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, stage / folder)
    (stage / "kind/version").write_text(versions.KUBERNETES, encoding="utf-8")
    manifests = stage / "kind/manifests"
    manifests.mkdir()
    images: dict[str, str] = {}
    for source, manifest in (
        ("const_cni.go", "default-cni.yaml"),
        ("const_storage.go", "default-storage.yaml"),
    ):
        text = (programs.kind_source / "pkg/build/nodeimage" / source).read_text(encoding="utf-8")
        found, document = _manifest(text)
        images |= found
        (manifests / manifest).write_text(document, encoding="utf-8")
    return images


def _manifest(source: str) -> tuple[dict[str, str], str]:
    """The image constants and the manifest out of a Go file of kind's node image builder."""
    images = dict(re.findall(r'^const (\w+Image) = "([^"]+)"', source, re.MULTILINE))
    body = re.search(r"^const default\w+Manifest = `(.*)`\s*\Z", source, re.MULTILINE | re.DOTALL)
    if body is None or not images:
        raise ClusterError(f"kind {versions.KIND} keeps its manifests elsewhere: node_image.py has to follow")
    return images, re.sub(r"` \+ (\w+) \+ `", lambda name: images[name.group(1)], body.group(1))


def _sandbox_image(config: Path) -> str:
    found = re.search(r'sandbox_image = "([^"]+)"', config.read_text(encoding="utf-8"))
    if found is None:
        raise ClusterError(f"kind {versions.KIND} names no sandbox image: node_image.py has to follow")
    return found.group(1)


def _commit(scaffold: str, archive: Path, tag: str) -> None:
    """Import the component images with the node's own containerd, and keep the result as the node image."""
    container = output(
        ["docker", "run", "-d", "--security-opt=seccomp=unconfined", "--entrypoint=containerd", scaffold]
    )
    inside = ["docker", "exec", "-i", container, "ctr", "--namespace=k8s.io"]
    try:
        deadline = time.monotonic() + 30
        while not succeeds([*inside, "version"]):
            if time.monotonic() > deadline:
                raise ClusterError(f"containerd does not start in the node image: docker logs {container}")
            time.sleep(0.2)
        with archive.open("rb") as images:
            ended = subprocess.run(
                [
                    *inside, "images", "import", "--label=io.cri-containerd.pinned=pinned",
                    "--all-platforms", "--no-unpack", "--digests", "-",
                ],
                stdin=images,
                capture_output=True,
                text=True,
                check=False,
            )  # fmt: skip
        if ended.returncode != 0:
            raise ClusterError(f"importing images into the node failed: {ended.stderr.strip()}")
        # Not `docker stop`: the image's stop signal is meant for systemd.
        output(["docker", "kill", "--signal=TERM", container])
        output(["docker", "wait", container], timeout=30)
        change = f"ENTRYPOINT {json.dumps(['/usr/local/bin/entrypoint', '/sbin/init'])}"
        output(["docker", "commit", "--change", change, container, tag])
    finally:
        output(["docker", "rm", "--force", "--volumes", container])


def _save(tag: str, archive: Path) -> None:
    with (
        archive.open("wb") as file,
        subprocess.Popen(["docker", "save", tag], stdout=subprocess.PIPE) as save,
    ):
        packed = subprocess.run(["zstd", "-q", "-3", "-T0"], stdin=save.stdout, stdout=file, check=False)
    if save.returncode != 0 or packed.returncode != 0:
        raise ClusterError(f"saving {tag} failed")


def _load(archive: Path) -> None:
    with subprocess.Popen(["zstd", "-dc", str(archive)], stdout=subprocess.PIPE) as unpack:
        ended = subprocess.run(
            ["docker", "load"], stdin=unpack.stdout, capture_output=True, text=True, check=False
        )
    if ended.returncode != 0 or unpack.returncode != 0:
        raise ClusterError(f"loading {archive} failed: {ended.stderr.strip()}")
