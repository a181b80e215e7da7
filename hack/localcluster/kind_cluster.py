"""A kind cluster: made, found again, filled with images, deleted.

Its kubeconfig is a file of its own below `layout.RUN`; the user's is left alone.
"""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcluster import bounded_runtime, docker_engine, node_image, tools
from localcluster.failure import ClusterError
from localcluster.image_transfer import transfer
from localcluster.layout import BIN, LOCKS, RUN
from localcluster.work import duration, locked, logged, output, say, step, succeeds

READY_SECONDS = 240
SHARED = "/shared"
"""A folder that all nodes of a cluster with several of them have in common, for ReadWriteMany volumes."""
NODE_LABEL = "io.x-k8s.kind.cluster"


@dataclass(frozen=True, slots=True)
class KindCluster:
    """A cluster by its name."""

    name: str

    @property
    def kubeconfig(self) -> Path:
        """Credentials of the administrator."""
        return RUN / "kind" / f"{self.name}.kubeconfig"

    @property
    def shared(self) -> Path:
        """What the nodes see as `SHARED`."""
        return RUN / "kind" / f"{self.name}.shared"

    def up(self, *, workers: int) -> Mapping[str, object]:
        """Make the cluster unless it is there, wait until its nodes are ready, return what `env` prints.

        Raises:
            ClusterError: something is missing or fails; the message says what.
        """
        docker_engine.up()
        with locked(LOCKS / f"kind-{self.name}", purpose="changing this cluster"):
            begun = time.monotonic()
            nodes = self._nodes(all_states=True)
            if nodes:
                self._resume(nodes)
            else:
                self._create(workers)
            self._wait()
            say(f"cluster {self.name} is ready after {duration(time.monotonic() - begun)}")
        return self.environment()

    def down(self) -> None:
        """Delete the cluster; images and what was built stay."""
        if not docker_engine.running():
            say("no Docker engine is running, so no cluster is")
            return
        with locked(LOCKS / f"kind-{self.name}", purpose="changing this cluster"):
            if self._nodes(all_states=True):
                with step(f"deleting cluster {self.name}", expect=4):
                    logged(
                        [
                            tools.kind(),
                            "delete",
                            "cluster",
                            "--name",
                            self.name,
                            "--kubeconfig",
                            self.kubeconfig,
                        ],
                        log="kind.log",
                    )
            self.kubeconfig.unlink(missing_ok=True)
            shutil.rmtree(self.shared, ignore_errors=True)  # pods may have left files of other users

    def load(self, images: Sequence[str]) -> None:
        """Put images of the engine into every node that does not have them yet."""
        nodes = self._nodes(all_states=False)
        if not nodes:
            raise ClusterError(f"cluster {self.name} is not running: `hack/cluster kind up` starts it")
        for node in nodes:
            transfer(images, node)

    def environment(self) -> Mapping[str, object]:
        """What a client needs to know."""
        if not self.kubeconfig.exists():
            raise ClusterError(f"there is no cluster {self.name}: `hack/cluster kind up` makes it")
        return {
            "KUBECONFIG": self.kubeconfig,
            "KUBECTL": BIN / "kubectl",
            "KIND_CLUSTER_NAME": self.name,
        }

    def status(self) -> tuple[bool, str]:
        """Whether the API server answers, and a line each for engine, cluster and nodes."""
        lines = [docker_engine.status()]
        nodes = self._nodes(all_states=True) if docker_engine.running() else []
        if not nodes or not self.kubeconfig.exists():
            return False, "\n".join([*lines, f"cluster {self.name}: not there"])
        ready = self._answers()
        lines.append(f"cluster {self.name}: {'ready' if ready else 'does not answer'}")
        if ready:
            lines.append(output(self._kubectl("get", "nodes", "-o", "wide", "--no-headers")))
        return ready, "\n".join(lines)

    def _nodes(self, *, all_states: bool) -> list[str]:
        everything = ["--all"] if all_states else []
        return output(
            [
                "docker",
                "ps",
                *everything,
                "--filter",
                f"label={NODE_LABEL}={self.name}",
                "--format",
                "{{.Names}}",
            ]
        ).split()

    def _create(self, workers: int) -> None:
        kind = tools.kind()
        image = node_image.ensure()
        docker_engine.require_privileged(image)
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        config = self.kubeconfig.with_suffix(".json")
        self.shared.mkdir(exist_ok=True)
        document = configuration(workers=workers, shared=self.shared)
        config.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        with step(f"creating cluster {self.name} from {image.partition('@')[0]}", expect=25 + 8 * workers):
            logged(
                [
                    kind, "create", "cluster", "--name", self.name, "--image", image,
                    "--config", config, "--kubeconfig", self.kubeconfig,
                ],
                log="kind.log",
                describe=lambda _, last: last.strip()[:80],
            )  # fmt: skip

    def _resume(self, nodes: Sequence[str]) -> None:
        running = set(self._nodes(all_states=False))
        stopped = [node for node in nodes if node not in running]
        if stopped:
            with step(f"starting {', '.join(stopped)} again", expect=20):
                output(["docker", "start", *stopped])
        if not self.kubeconfig.exists():
            self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
            output(
                [tools.kind(), "export", "kubeconfig", "--name", self.name, "--kubeconfig", self.kubeconfig]
            )

    def _wait(self) -> None:
        tools.host_kubectl()
        tools.helm()
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"the API server of {self.name} does not answer after {READY_SECONDS} s; "
                    f"look with `docker exec {self.name}-control-plane journalctl -u kubelet`, "
                    "or start anew with `hack/cluster kind down`"
                )
            time.sleep(0.5)
        for subject in ("nodes", "pods --namespace=kube-system", "pods --namespace=local-path-storage"):
            output(
                self._kubectl(
                    "wait", "--for=condition=Ready", *subject.split(), "--all", f"--timeout={READY_SECONDS}s"
                )
            )

    def _answers(self) -> bool:
        return succeeds(self._kubectl("get", "--raw=/readyz", "--request-timeout=5s"))

    def _kubectl(self, *arguments: str) -> list[str | Path]:
        return [BIN / "kubectl", "--kubeconfig", self.kubeconfig, *arguments]


def configuration(*, workers: int, shared: Path) -> dict[str, object]:
    """The configuration for kind on this machine."""
    document: dict[str, object] = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4"}
    nodes: list[dict[str, object]] = [
        {"role": "control-plane"},
        *({"role": "worker"} for _ in range(workers)),
    ]
    patches = []
    if workers:
        for node in nodes:
            node["extraMounts"] = [{"hostPath": str(shared), "containerPath": SHARED}]
        # Without other nodes kind lets pods onto this one by itself.
        patches.append("kind: InitConfiguration\nnodeRegistration: {taints: []}\n")
    document["nodes"] = nodes
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        # The machine has the first version of cgroups, which the kubelet takes only when told so.
        patches.append("kind: KubeletConfiguration\nfailCgroupV1: false\n")
    document["kubeadmConfigPatches"] = patches
    if "CAP_SYS_RESOURCE" in bounded_runtime.missing_capabilities():
        # Without it nothing may lower an OOM score, and every pod's first process would fail.
        patch = '[plugins."io.containerd.grpc.v1.cri"]\n  restrict_oom_score_adj = true\n'
        document["containerdConfigPatches"] = [patch]
    return document
