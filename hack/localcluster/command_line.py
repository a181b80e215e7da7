"""The commands of `hack/cluster`."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from localcluster import apiserver, base_image, docker_engine, kubernetes_build, peer_operator, tools
from localcluster.apiserver_state import Folder
from localcluster.failure import ClusterError
from localcluster.kind_cluster import KindCluster
from localcluster.layout import BIN, CACHE, RUN
from localcluster.shell_words import assignments, search_path
from localcluster.work import say

USAGE = """\
usage: hack/cluster COMMAND

An API server as host processes (needs Go; no Docker, no root):
  apiserver up [--port N]       start etcd, kube-apiserver and kube-controller-manager, wait until ready, print `env`
  apiserver env                 print shell assignments: KUBECONFIG, KUBECTL, AUDIT_LOG, APISERVER_URL, ...
  apiserver status              print what runs; exit status 1 unless all of it does
  apiserver stop [COMPONENT]    end kube-apiserver (or COMPONENT) alone: an outage; data and address are kept
  apiserver start [COMPONENT]   start it again
  apiserver restart [COMPONENT] stop and start
  apiserver down [--keep-data]  end everything and wait for it; drop the data
  apiserver tools               build what `up` needs, start nothing
    All take --state-dir DIR (or APISERVER_STATE_DIR) so that several can run at once.

A kind cluster in Docker (pulls what it can, else builds all of it; installs Docker when root on Debian):
  kind up [--workers N]         make the cluster or start it again, wait until it is ready, print `env`
  kind load IMAGE...            put images of the Docker engine into the nodes that do not have them
  kind env                      print shell assignments: KUBECONFIG, KUBECTL, KIND_CLUSTER_NAME, PATH
  kind status                   print what runs; exit status 1 unless it answers
  kind down [--docker]          delete the cluster; --docker also stops an engine that was started here
    All take --name NAME (or KIND_CLUSTER_NAME), by default estimator-operator.

  tools                         get or build kubectl, kind and helm; print the folder for PATH
  base-image                    print the image to build Python images from, pulled or made from Debian packages
  peer-operator                 build Kubeflow's training-operator for `make bench-operator`; print its folder
  docker up|down|status         the Docker engine; `down` stops only one that was started here
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments or ["help"])
    try:
        status: int = options.run(options) or 0
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cluster: interrupted; what was finished is kept, the rest starts again", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hack/cluster", usage=USAGE, add_help=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in ("help", "--help", "-h"):
        commands.add_parser(name, add_help=False).set_defaults(run=_help)
    _add_apiserver(commands.add_parser("apiserver", usage=USAGE))
    _add_kind(commands.add_parser("kind", usage=USAGE))
    _add_docker(commands.add_parser("docker", usage=USAGE))
    commands.add_parser("tools", usage=USAGE).set_defaults(run=_tools)
    commands.add_parser("base-image", usage=USAGE).set_defaults(
        run=lambda _: print(base_image.python_image())
    )
    commands.add_parser("peer-operator", usage=USAGE).set_defaults(
        run=lambda _: print(peer_operator.folder())
    )
    return parser


def _help(_: argparse.Namespace) -> None:
    print(USAGE + f"\nEverything is cached in {CACHE}.")


def _add_apiserver(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def add(name: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, usage=USAGE)
        verb.add_argument(
            "--state-dir",
            type=Path,
            default=Path(os.environ.get("APISERVER_STATE_DIR") or RUN / "apiserver"),
        )
        return verb

    start = add("up")
    start.add_argument("--port", type=int, default=0)
    start.set_defaults(run=lambda o: print(assignments(apiserver.up(_folder(o), port=o.port))))
    end = add("down")
    end.add_argument("--keep-data", action="store_true")
    end.set_defaults(run=lambda o: apiserver.down(_folder(o), keep_data=o.keep_data))
    add("tools").set_defaults(run=lambda _: print(kubernetes_build.folder()))
    add("env").set_defaults(run=lambda o: print(assignments(apiserver.environment(_folder(o)))))
    add("status").set_defaults(run=_apiserver_status)
    for name, action in (
        ("stop", apiserver.stop),
        ("start", apiserver.start),
        ("restart", apiserver.restart),
    ):
        verb = add(name)
        verb.add_argument("component", nargs="?", choices=apiserver.ORDER, default=apiserver.APISERVER)
        verb.set_defaults(run=lambda o, action=action: action(_folder(o), o.component))


def _folder(options: argparse.Namespace) -> Folder:
    return Folder(options.state_dir.expanduser().absolute())


def _apiserver_status(options: argparse.Namespace) -> int:
    ready, text = apiserver.status(_folder(options))
    print(text)
    return 0 if ready else 1


def _add_kind(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def add(name: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, usage=USAGE)
        verb.add_argument("--name", default=os.environ.get("KIND_CLUSTER_NAME") or "estimator-operator")
        return verb

    start = add("up")
    start.add_argument("--workers", type=int, default=0)
    start.set_defaults(run=lambda o: _print_kind(KindCluster(o.name).up(workers=o.workers)))
    end = add("down")
    end.add_argument("--docker", action="store_true")
    end.set_defaults(run=_kind_down)
    load = add("load")
    load.add_argument("images", nargs="+", metavar="IMAGE")
    load.set_defaults(run=lambda o: KindCluster(o.name).load(o.images))
    add("env").set_defaults(run=lambda o: _print_kind(KindCluster(o.name).environment()))
    add("status").set_defaults(run=_kind_status)


def _print_kind(values: Mapping[str, object]) -> None:
    print(assignments(values))
    print(search_path(BIN))


def _kind_down(options: argparse.Namespace) -> None:
    KindCluster(options.name).down()
    if options.docker:
        docker_engine.down()


def _kind_status(options: argparse.Namespace) -> int:
    ready, text = KindCluster(options.name).status()
    print(text)
    return 0 if ready else 1


def _add_docker(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    verbs.add_parser("up", usage=USAGE).set_defaults(run=lambda _: docker_engine.up())
    verbs.add_parser("down", usage=USAGE).set_defaults(run=lambda _: docker_engine.down())
    verbs.add_parser("status", usage=USAGE).set_defaults(run=lambda _: print(docker_engine.status()))


def _tools(_: argparse.Namespace) -> None:
    for program in (tools.host_kubectl(), tools.kind(), tools.helm()):
        say(f"{program.name}: {program}")
    print(BIN)
