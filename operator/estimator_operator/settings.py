"""What the operator is told: flags, each with an environment variable `ESTIMATOR_OPERATOR_<FLAG>`.

A flag given on the command line wins over the environment, the environment over the default.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from estimator_operator.errors import SettingsError
from estimator_operator.kube.pod_address import Network, parse_network
from estimator_operator.plan.observed import Settings

PREFIX: Final = "ESTIMATOR_OPERATOR_"
_PLAN: Final = Settings()
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; an empty host is all interfaces, port 0 lets the kernel choose."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address | None:
        """Reads `host:port` or `:port` (all interfaces); "" means: do not listen.

        Raises:
            ValueError: The text is neither.
        """
        if not text:
            return None
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            raise ValueError(f"{text!r} is not host:port, :port or empty")
        return cls(host=host.strip("[]"), port=int(port))


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """All flags, read and checked.

    Attributes:
        namespaces: Namespaces to serve; empty for all.
        kubeconfig: Path of a kubeconfig file, or None for the usual places.
        context: Context of the kubeconfig, or None for its current one.
        leader_elect: Whether to hold a Lease while working.
        lease_name: Name of the Lease; operators that serve different namespaces need different ones.
        lease_namespace: Where the Lease is; None for the pod's own namespace.
        workers: Jobs worked on at the same time.
        qps: API calls per second on average; 0 for no limit.
        burst: API calls that may come at once.
        plan: What the plan is told: images, cluster domain, progress interval.
        progress_networks: The only networks in which pods are asked for progress; empty for all but addresses that
            no pod of its own has (loopback, link-local, the node's).
        progress_metrics_limit: Jobs whose progress is among the metrics; 0 for none.
        metrics_address: Where /metrics is served, or None.
        health_address: Where /livez and /readyz are served, or None.
        log_format: text or json.
        log_level: Name of the level, upper case.
    """

    namespaces: tuple[str, ...] = ()
    kubeconfig: str | None = None
    context: str | None = None
    leader_elect: bool = True
    lease_name: str = "estimator-operator"
    lease_namespace: str | None = None
    workers: int = 10
    qps: float = 500.0
    burst: int = 1000
    plan: Settings = _PLAN
    progress_networks: tuple[Network, ...] = ()
    progress_metrics_limit: int = 200
    metrics_address: Address | None = None
    health_address: Address | None = None
    log_format: Literal["text", "json"] = "text"
    log_level: str = "INFO"


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> OperatorSettings:
    """Reads the command line over the environment.

    Raises:
        SettingsError: An environment variable has a value that its flag would refuse.
        SystemExit: As argparse does: wrong flags (2) or `--help` (0).
    """
    found = _parser(os.environ if environment is None else environment).parse_args(arguments)
    return OperatorSettings(
        namespaces=tuple(dict.fromkeys(found.namespace)),
        kubeconfig=found.kubeconfig,
        context=found.context,
        leader_elect=found.leader_elect,
        lease_name=found.lease_name,
        lease_namespace=found.lease_namespace,
        workers=found.workers,
        qps=found.qps,
        burst=found.burst,
        plan=Settings(
            runtime_image=found.runtime_image,
            runtime_image_gpu=found.runtime_image_gpu,
            cluster_domain=found.cluster_domain,
            progress_interval=found.progress_interval,
        ),
        progress_networks=found.progress_networks,
        progress_metrics_limit=found.progress_metrics_limit,
        metrics_address=found.metrics_address,
        health_address=found.health_address,
        log_format=found.log_format,
        log_level=found.log_level,
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m estimator_operator",
        description="Turns EstimatorJobs into training pods and reports what they learn.",
        epilog=f"Every flag has an environment variable: --log-level is {PREFIX}LOG_LEVEL.",
    )

    def flag(name: str, kind: Any, default: Any, text: str, **more: Any) -> None:
        variable = PREFIX + name.upper().replace("-", "_")
        if variable in environment:
            default = _from_environment(variable, environment[variable], kind, more.get("choices"))
        shown = " ".join(default) if isinstance(default, list) else default
        note = f" (default: {shown})" if shown not in (None, "", ()) else ""
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{text}{note}", **more)

    spaces = environment.get(f"{PREFIX}NAMESPACE", "").replace(",", " ").split()
    parser.add_argument(
        "--namespace",
        action=_Namespaces,
        default=spaces,
        metavar="NAME",
        help="namespace to serve; may be given several times (default: all)",
    )
    flag(
        "kubeconfig",
        str,
        None,
        "kubeconfig file (default: KUBECONFIG, the pod's own account, ~/.kube/config)",
    )
    flag("context", str, None, "context of the kubeconfig")
    variable = f"{PREFIX}LEADER_ELECT"
    elect = _boolean(environment[variable], variable) if variable in environment else True
    parser.add_argument(
        "--leader-elect",
        action=argparse.BooleanOptionalAction,
        default=elect,
        help=f"work only while holding a Lease (default: {elect})",
    )
    flag("lease-name", str, "estimator-operator", "name of the Lease; one for each set of namespaces served")
    flag("lease-namespace", str, None, "namespace of the Lease (default: the pod's own)")
    flag("workers", _at_least(int, 1), 10, "jobs worked on at the same time")
    flag("qps", _at_least(float, 0), 500.0, "API calls per second on average, 0 for no limit")
    flag("burst", _at_least(int, 1), 1000, "API calls that may come at once")
    flag("runtime-image", str, _PLAN.runtime_image, "default image of training pods")
    flag("runtime-image-gpu", str, _PLAN.runtime_image_gpu, "the same for pods with GPUs")
    flag(
        "cluster-domain",
        str,
        _PLAN.cluster_domain,
        "DNS domain appended to service names, e.g. cluster.local",
    )
    flag(
        "progress-interval",
        _at_least(float, 0.05),
        _PLAN.progress_interval,
        "least seconds between two polls of a pod, and between two status writes that carry nothing but progress",
    )
    flag(
        "progress-networks",
        _networks,
        (),
        "networks (CIDR, separated by commas) in which pods are asked for their progress, nodes among them if they lie "
        "in it (default: everywhere but at loopback, link-local and node addresses)",
    )
    flag(
        "progress-metrics-limit",
        _at_least(int, 0),
        200,
        "jobs whose progress is among the metrics, 0 for none",
    )
    flag("metrics-address", _address, Address.parse(":8080"), "where /metrics is served; empty for nowhere")
    flag(
        "health-address",
        _address,
        Address.parse(":8081"),
        "where /livez and /readyz are served; empty for nowhere",
    )
    flag("log-format", str, "text", "format of the log", choices=("text", "json"))
    flag(
        "log-level",
        str.upper,
        "INFO",
        "lowest level that is logged",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
    )
    return parser


class _Namespaces(argparse.Action):
    """Collects repeated flags; the first one replaces what the environment said."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002  (argparse's signature)
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,  # noqa: ARG002  (argparse's signature)
    ) -> None:
        given = getattr(namespace, "_namespaces_given", [])
        given = [*given, str(values)]
        namespace._namespaces_given = given  # noqa: SLF001  (argparse keeps state in the namespace only)
        namespace.namespace = given


def _from_environment(variable: str, text: str, kind: Any, choices: Sequence[str] | None) -> Any:
    try:
        value = kind(text)
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise SettingsError(f"{variable}={text}: {error}") from error
    if choices and value not in choices:
        raise SettingsError(f"{variable}={text}: must be one of {', '.join(choices)}")
    return value


def _boolean(text: str, variable: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise SettingsError(f"{variable}={text}: must be true or false")


def _address(text: str) -> Address | None:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(parse_network(one) for one in text.replace(",", " ").split())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _at_least(kind: type[int | float], least: float) -> Any:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error
        if not value >= least or value == float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not at least {least:g}")
        return value

    return read
