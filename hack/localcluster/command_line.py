"""The commands of `hack/cluster`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from localcluster import apiserver
from localcluster.apiserver_state import Folder
from localcluster.failure import ClusterError
from localcluster.layout import CACHE, RUN
from localcluster.shell_words import assignments

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
    All take --state-dir DIR (or APISERVER_STATE_DIR) so that several can run at once.
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
