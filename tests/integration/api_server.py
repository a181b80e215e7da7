"""A real API server for one test session, brought up and taken down by `hack/cluster apiserver`.

Synchronous on purpose: `kubectl` and plain JSON calls for fixtures and for tests of what the server itself accepts.
Tests that watch use `live_namespace.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

Json = dict[str, Any]
REPOSITORY = Path(__file__).resolve().parents[2]
CRD = REPOSITORY / "crds" / "estimatorjobs.yaml"
CLUSTER = REPOSITORY / "hack" / "cluster"
_RUNS = REPOSITORY / "build" / "integration"


class CallError(AssertionError):
    """The API server refused a call; the text is its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """etcd, kube-apiserver and kube-controller-manager of this session.

    Attributes:
        folder: State directory, as `--state-dir` takes it.
        url: Address of the API server.
        authority: File to verify it with.
        token: Bearer token of the administrator.
        kubeconfig: Kubeconfig of the administrator.
        kubectl_path: kubectl of the server's version.
        audit_log: One JSON document a line for every answered request.
    """

    folder: Path
    url: str
    authority: Path
    token: str
    kubeconfig: Path
    kubectl_path: Path
    audit_log: Path

    @classmethod
    def up(cls) -> ApiServer:
        """Starts a server of this process's own; first ends those that killed runs left behind."""
        _RUNS.mkdir(parents=True, exist_ok=True)
        for folder in _RUNS.iterdir():
            if folder.name.isdecimal() and not Path(f"/proc/{folder.name}").exists():
                _cluster("apiserver", "down", "--state-dir", str(folder))
        folder = _RUNS / str(os.getpid())
        printed = _cluster("apiserver", "up", "--state-dir", str(folder))
        words = (shlex.split(line)[1].partition("=") for line in printed.splitlines())
        env = {name: value for name, _, value in words}
        return cls(
            folder=folder,
            url=env["APISERVER_URL"],
            authority=Path(env["APISERVER_CA"]),
            token=env["APISERVER_TOKEN"],
            kubeconfig=Path(env["KUBECONFIG"]),
            kubectl_path=Path(env["KUBECTL"]),
            audit_log=Path(env["AUDIT_LOG"]),
        )

    def down(self) -> None:
        """Ends all its processes and drops its data."""
        _cluster("apiserver", "down", "--state-dir", str(self.folder))
        self.folder.with_name(self.folder.name + ".lock").unlink(missing_ok=True)

    def stop(self, component: str) -> None:
        """Ends one component; data and address are kept."""
        _cluster("apiserver", "stop", component, "--state-dir", str(self.folder))

    def start(self, component: str) -> None:
        """Starts it again; returns when it is ready."""
        _cluster("apiserver", "start", component, "--state-dir", str(self.folder))

    def restart(self, component: str) -> None:
        """Ends one component and starts it again; returns when that is done."""
        _cluster("apiserver", "restart", component, "--state-dir", str(self.folder))

    def tls(self) -> ssl.SSLContext:
        """Trusts this server and no other."""
        return ssl.create_default_context(cafile=str(self.authority))

    def connector(self, limit: int) -> aiohttp.TCPConnector:
        """Makes at most `limit` connections to this server at once (0: any number).

        Before Python 3.12.7 a connection that is broken off in the middle lingers in its farewell of TLS, longer than
        the event loop of a test lives.
        """
        return aiohttp.TCPConnector(
            ssl=self.tls(), limit=limit, enable_cleanup_closed=sys.version_info < (3, 12, 7)
        )

    def call(
        self, method: str, path: str, body: Json | None = None, *, content_type: str = "application/json"
    ) -> Json:
        """One request as administrator; returns the answer's JSON.

        Raises:
            CallError: The answer is no success.
        """
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": content_type},
        )
        try:
            with urllib.request.urlopen(request, context=self.tls(), timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            with contextlib.suppress(ValueError, KeyError, TypeError):
                text = json.loads(text)["message"]
            raise CallError(error.code, text) from None

    def kubectl(
        self, *args: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl as administrator; AssertionError with its error text unless it succeeds or `check` is off."""
        answer = subprocess.run(
            [str(self.kubectl_path), *args],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=os.environ | {"KUBECONFIG": str(self.kubeconfig)},
        )
        assert not check or answer.returncode == 0, (
            f"kubectl {' '.join(args)}: {answer.stderr or answer.stdout}"
        )
        return answer

    def apply(
        self, *objects: Json, namespace: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """`kubectl apply` of objects."""
        place = [] if namespace is None else ["--namespace", namespace]
        return self.kubectl("apply", *place, "-f", "-", stdin=yaml.safe_dump_all(objects), check=check)

    def install_crd(self) -> None:
        """Applies the generated CRD and waits until the server serves it."""
        self.kubectl("apply", "-f", str(CRD))
        # No condition of the CRD says when its storage is ready: until then a list is refused, 404 first, then 429.
        deadline = time.monotonic() + 30
        while not self._serves_jobs():
            assert time.monotonic() < deadline, (
                "EstimatorJobs are not served 30 s after their CRD was applied"
            )
            time.sleep(0.05)
        # The garbage collector looks for new kinds twice a minute; one that begins now knows this one at once.
        self.restart("kube-controller-manager")

    def _serves_jobs(self) -> bool:
        try:
            self.call("GET", "/apis/estimator.dev/v1alpha1/estimatorjobs")
        except CallError as error:
            if error.status in (404, 429):
                return False
            raise
        return True


def _cluster(*args: str) -> str:
    answer = subprocess.run(
        [str(CLUSTER), *args], stdout=subprocess.PIPE, text=True, check=False, timeout=1800
    )
    assert answer.returncode == 0, f"hack/cluster {' '.join(args)} failed, see above"
    return answer.stdout
