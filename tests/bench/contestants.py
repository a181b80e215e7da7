"""Who is measured: the operator, its peer at its defaults and tuned, and a script that only posts the same objects.

Each is a process of its own with the rights of an administrator, beside this one, which posts the jobs.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

from api_server import ApiServer
from live_jobs import condition, five_pod_job
from live_namespace import PATHS, LiveNamespace
from operator_process import ACCOUNT, OperatorProcess, account_user, make_account, service_account_token
from peer_process import PeerProcess, tf_job

Json = dict[str, Any]
WORKERS: Final = 10
"""Jobs that are posted, and worked on, at once: the operator's default."""
BINDING: Final = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"


class Contestant(ABC):
    """One of them, at work in a namespace.

    Args:
        server: The API server.
        live: The namespace.
    """

    title: ClassVar[str]
    plural: ClassVar[str] = "estimatorjobs"
    alone: ClassVar[bool] = False
    """Nobody is at work but the script that posts the jobs, which makes their objects as well; so jobs do not end."""
    container: ClassVar[str] = "estimator"

    def __init__(self, server: ApiServer, live: LiveNamespace) -> None:
        self.server = server
        self.live = live
        self.user = account_user(live.name)
        self.pid: int | None = None

    @classmethod
    @asynccontextmanager
    async def at_work(cls, server: ApiServer, namespace: str) -> AsyncIterator[Contestant]:
        """A new one in a new namespace."""
        server.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        with tempfile.TemporaryDirectory() as folder:
            async with LiveNamespace.connect(server, namespace) as live:
                await live.until("serviceaccounts", "default", bool, "default account")
                # The same rights for all: the API server looks at them with every call.
                kubeconfig = await make_account(live, server, Path(folder))
                one = cls(server, live)
                async with one.running(kubeconfig, Path(folder)):
                    yield one

    @asynccontextmanager
    async def running(self, kubeconfig: Path, folder: Path) -> AsyncIterator[None]:
        """Its process, as long as the context lasts."""
        yield

    @abstractmethod
    def job(self, name: str) -> Json:
        """A job of a chief, two workers, a ps and an evaluator."""

    def is_over(self, job: Json) -> bool:
        """The job has ended well."""
        return condition(job, "Complete").get("status") == "True"

    async def post(self, names: Sequence[str], at_once: int) -> None:
        """Posts jobs, so many at a time, by a process of its own: this one plays the kubelet."""
        orders = {
            "url": self.server.url,
            "authority": str(self.server.authority),
            "token": await service_account_token(self.live, ACCOUNT) if self.alone else self.server.token,
            "namespace": self.live.name,
            "path": f"{PATHS[self.plural]}/namespaces/{{}}/{self.plural}",
            "objects": self.alone,
            "workers": at_once,
            "jobs": [self.job(name) for name in names],
        }
        script = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("bare_script.py")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        await script.communicate(json.dumps(orders).encode())
        assert script.returncode == 0, "the bare script failed, see above"


class Ours(Contestant):
    """The operator of this project."""

    title = "operator"

    @asynccontextmanager
    async def running(self, kubeconfig: Path, folder: Path) -> AsyncIterator[None]:
        operator = await OperatorProcess.start(
            f"--namespace={self.live.name}",
            "--no-leader-elect",
            f"--workers={WORKERS}",
            kubeconfig=kubeconfig,
            log=folder / "operator.log",
        )
        try:
            await operator.ready()
            self.operator, self.pid = operator, operator.pid
            yield
        finally:
            await operator.kill()

    def job(self, name: str) -> Json:
        return five_pod_job(name)


class Peer(Contestant):
    """Kubeflow's training-operator with as many threads and calls as it may want."""

    title = "training-operator, tuned"
    plural = "tfjobs"
    container = "tensorflow"
    flags: ClassVar[Sequence[str]] = (
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--controller-threads=10",
    )

    @asynccontextmanager
    async def running(self, kubeconfig: Path, folder: Path) -> AsyncIterator[None]:
        binding: Json = {
            "metadata": {"name": f"peer-{self.live.name}"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.live.name}],
        }
        self.server.call("POST", BINDING, binding)
        async with PeerProcess.running(self.live, self.flags, kubeconfig, folder / "peer.log") as process:
            self.pid = process.pid
            yield

    def job(self, name: str) -> Json:
        return tf_job(name)

    def is_over(self, job: Json) -> bool:
        return condition(job, "Succeeded").get("status") == "True"


class PeerAtDefaults(Peer):
    """The same as it is installed."""

    title = "training-operator, defaults"
    flags = ()


class BareScript(Contestant):
    """Posts the jobs and the objects that the operator would make for them: what the API server takes at most."""

    title = "bare script"
    alone = True

    def job(self, name: str) -> Json:
        return five_pod_job(name)
