"""A real API server as three host processes on loopback: etcd, kube-apiserver, kube-controller-manager.

No container, no root. Pods are accepted but nothing runs them: whoever tests patches their status as a kubelet would.
The controller manager runs what an operator's tests meet: garbage collection by owner reference, namespaces with
their default ServiceAccount and root certificate, the end of claims, and quotas. Durability is switched off
(`--unsafe-no-fsync`).
"""

import http.client
import secrets
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from localcluster import kubeconfig, kubernetes_build
from localcluster.apiserver_state import Folder, Ports, State, free_ports
from localcluster.failure import ClusterError
from localcluster.layout import BIN
from localcluster.processes import spawn, tail
from localcluster.work import duration, locked, output, say

ETCD, APISERVER, CONTROLLERS = "etcd", "kube-apiserver", "kube-controller-manager"
ORDER = (ETCD, APISERVER, CONTROLLERS)
"""Order of starting; stopping goes the other way."""

ADMIN = "cluster-admin"
SERVICE_RANGE = "10.96.0.0/16"
GRACE_SECONDS = {ETCD: 30.0, APISERVER: 0.5, CONTROLLERS: 5.0}
"""How long each may take to end. An API server whose clients watch would take half a minute; its data is in etcd."""
READY_SECONDS = 90.0
START_ATTEMPTS = 3

AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Metadata
"""

ENABLED_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "persistentvolumeclaim-protection-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
)


def up(folder: Folder, *, port: int) -> Mapping[str, object]:
    """Start what is not running, wait until it is ready, and return what `env` prints.

    Ports and data of an earlier run of this folder are kept. `port` 0 lets the kernel choose.

    Raises:
        ClusterError: a component ends or does not become ready; the message holds the end of its log.
    """
    programs = kubernetes_build.folder()
    with locked(folder.lock, purpose="changing this API server"):
        begun = time.monotonic()
        state = State.read(folder)
        if state is not None and port not in {0, state.ports.apiserver}:
            raise ClusterError(
                f"{folder.root} holds an API server of port {state.ports.apiserver}; "
                "run `down` first, or name another --state-dir"
            )
        if state is None:
            state = _create(folder, programs, port=port)
        else:
            state = _start(folder, programs, state, ORDER)
        say(f"API server {_url(state.ports)} is ready after {duration(time.monotonic() - begun)}")
    return environment(folder)


def down(folder: Folder, *, keep_data: bool) -> None:
    """Stop all processes and wait for their end; drop data and logs unless `keep_data`."""
    with locked(folder.lock, purpose="changing this API server"):
        state = State.read(folder)
        if state is not None:
            _stop(folder, state, tuple(reversed(ORDER)))
        if not keep_data and folder.state.exists():
            shutil.rmtree(folder.root)


def stop(folder: Folder, component: str) -> None:
    """End one component, data and the others kept: what clients see is an outage."""
    with locked(folder.lock, purpose="changing this API server"):
        _stop(folder, _existing(folder), (component,))


def start(folder: Folder, component: str) -> None:
    """Start one component again at its address, and wait until it is ready."""
    programs = kubernetes_build.folder()
    with locked(folder.lock, purpose="changing this API server"):
        _start(folder, programs, _existing(folder), (component,))


def restart(folder: Folder, component: str) -> None:
    """`stop`, then `start`."""
    programs = kubernetes_build.folder()
    with locked(folder.lock, purpose="changing this API server"):
        state = _stop(folder, _existing(folder), (component,))
        _start(folder, programs, state, (component,))


def environment(folder: Folder) -> Mapping[str, object]:
    """What a client needs to know.

    Raises:
        ClusterError: there is no API server in this folder.
    """
    state = _existing(folder)
    return {
        "KUBECONFIG": folder.kubeconfig,
        "KUBECTL": BIN / "kubectl",
        "APISERVER_URL": _url(state.ports),
        "APISERVER_CA": folder.authority,
        "APISERVER_TOKEN": _admin_token(folder),
        "APISERVER_DIR": folder.root,
        "AUDIT_LOG": folder.audit_log,
    }


def status(folder: Folder) -> tuple[bool, str]:
    """Whether everything runs and answers, and a line for each component."""
    state = State.read(folder)
    if state is None:
        return False, f"no API server in {folder.root}"
    ready = state.running(APISERVER) and _answers(folder, state.ports)
    lines = []
    for name in ORDER:
        daemon = state.processes.get(name)
        running = f"runs as process {daemon.pid}" if daemon is not None else "stopped"
        lines.append(f"{name:24} {running}{', ready' if name == APISERVER and ready else ''}")
    lines.append(f"{'address':24} {_url(state.ports)}")
    return ready and len(state.processes) == len(ORDER), "\n".join(lines)


def _existing(folder: Folder) -> State:
    state = State.read(folder)
    if state is None:
        raise ClusterError(f"no API server in {folder.root}: `hack/cluster apiserver up` makes one")
    return state


def _create(folder: Folder, programs: Path, *, port: int) -> State:
    for attempt in range(1, START_ATTEMPTS + 1):
        if folder.root.exists() and any(folder.root.iterdir()):
            # Only an interrupted creation leaves a folder without state; anything else is not ours to delete.
            if not folder.tokens.exists():
                raise ClusterError(f"{folder.root} holds other files: name another --state-dir")
            shutil.rmtree(folder.root)
        _write_files(folder, programs)
        state = State(ports=free_ports(apiserver=port))
        try:
            state = _start(folder, programs, state, ORDER)
        except ClusterError as error:
            _stop(folder, State.read(folder) or state, tuple(reversed(ORDER)))
            # Between choosing a port and listening on it somebody else may take it.
            if attempt == START_ATTEMPTS or "address already in use" not in str(error) or port:
                folder.state.unlink(missing_ok=True)
                raise
            say("a port was taken meanwhile: trying others")
            folder.state.unlink(missing_ok=True)
        else:
            return state
    raise AssertionError("unreachable")


def _write_files(folder: Folder, programs: Path) -> None:
    folder.root.mkdir(parents=True, exist_ok=True)
    folder.root.chmod(0o700)
    folder.tokens.write_text(f"{secrets.token_hex(24)},{ADMIN},{ADMIN},system:masters\n", encoding="utf-8")
    folder.audit_policy.write_text(AUDIT_POLICY, encoding="utf-8")
    output(
        [
            programs / "kubeadm", "init", "phase", "certs", "sa",
            "--cert-dir", folder.certificates, "--kubernetes-version", _version(programs),
        ]
    )  # fmt: skip


def _version(programs: Path) -> str:
    return output([programs / "kubeadm", "version", "--output", "short"])


def _start(folder: Folder, programs: Path, state: State, components: tuple[str, ...]) -> State:
    for name in components:
        if not state.running(name):
            daemon = spawn(
                _command(name, folder, programs, state.ports), log=folder.log(name), directory=folder.root
            )
            state = state.with_process(name, daemon)
            state.write(folder)
        if name == ETCD:
            _wait(folder, state, name, partial(_listens, state.ports), what="ready")
        if name == APISERVER:
            _wait(folder, state, name, partial(_answers, folder, state.ports), what="ready")
            kubeconfig.write(
                folder.kubeconfig,
                name="apiserver",
                server=_url(state.ports),
                authority=folder.authority,
                token=_admin_token(folder),
            )
        if name == CONTROLLERS:
            # Its first visible deed: pods are refused in a namespace before it has this account.
            _wait(folder, state, name, partial(_has_accounts, folder, state.ports), what="at work")
    return state


def _stop(folder: Folder, state: State, components: tuple[str, ...]) -> State:
    for name in components:
        daemon = state.processes.get(name)
        if daemon is not None:
            daemon.stop(grace=GRACE_SECONDS[name])
            state = state.with_process(name, None)
            state.write(folder)
    return state


def _wait(folder: Folder, state: State, name: str, condition: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        if not state.running(name):
            raise ClusterError(f"{name} ended before it was {what}:{tail(folder.log(name), 12)}")
        if time.monotonic() > deadline:
            raise ClusterError(f"{name} is not {what} after {READY_SECONDS:g} s:{tail(folder.log(name), 12)}")
        time.sleep(0.05)


def _listens(ports: Ports) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", ports.etcd)) == 0


def _answers(folder: Folder, ports: Ports) -> bool:
    return _get(folder, ports, "/readyz") == 200


def _has_accounts(folder: Folder, ports: Ports) -> bool:
    return _get(folder, ports, "/api/v1/namespaces/default/serviceaccounts/default") == 200


def _get(folder: Folder, ports: Ports, path: str) -> int | None:
    """Status of a GET as administrator; None when nobody answers yet."""
    if not folder.authority.exists():
        return None
    try:
        trust = ssl.create_default_context(cafile=str(folder.authority))
        connection = http.client.HTTPSConnection("127.0.0.1", ports.apiserver, context=trust, timeout=5)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {_admin_token(folder)}"})
            return connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return None


def _admin_token(folder: Folder) -> str:
    return folder.tokens.read_text(encoding="utf-8").split(",", 1)[0]


def _url(ports: Ports) -> str:
    return f"https://127.0.0.1:{ports.apiserver}"


def _command(name: str, folder: Folder, programs: Path, ports: Ports) -> list[str | Path]:
    key, public = folder.certificates / "sa.key", folder.certificates / "sa.pub"
    client, peer = f"http://127.0.0.1:{ports.etcd}", f"http://127.0.0.1:{ports.etcd_peer}"
    flags: dict[str, dict[str, str | Path]] = {
        ETCD: {
            "data-dir": folder.data,
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "log-level": "warn",
            "unsafe-no-fsync": "true",
        },
        APISERVER: {
            "etcd-servers": client,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            # The address of the Service `kubernetes` would be loopback, which endpoints must not be.
            "endpoint-reconciler-type": "none",
            "secure-port": str(ports.apiserver),
            "cert-dir": folder.certificates,
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": public,
            "service-account-signing-key-file": key,
            "service-cluster-ip-range": SERVICE_RANGE,
            "token-auth-file": folder.tokens,
            "authorization-mode": "RBAC",
            # As on OpenShift: whoever owns objects needs the right to the owner's finalizers.
            "enable-admission-plugins": "OwnerReferencesPermissionEnforcement",
            "audit-policy-file": folder.audit_policy,
            "audit-log-path": folder.audit_log,
            # A request is in the log before its handler ends: no batches to wait for.
            "audit-log-mode": "blocking",
            # A stop that waits for watches to end would last as long as they do.
            "shutdown-delay-duration": "0s",
        },
        CONTROLLERS: {
            "kubeconfig": folder.kubeconfig,
            "controllers": ",".join(ENABLED_CONTROLLERS),
            "leader-elect": "false",
            "service-account-private-key-file": key,
            "root-ca-file": folder.authority,
            # Nothing asks it for anything, and the default port would be a second server's too.
            "secure-port": "0",
        },
    }
    return [programs / name, *(f"--{flag}={value}" for flag, value in flags[name].items())]
