"""The commands of `hack/stores`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from localcluster.failure import ClusterError
from localcluster.layout import CACHE, RUN
from localcluster.shell_words import assignments

from localstores import programs
from localstores.servers import LOOPBACK, SERVERS, Place

USAGE = """\
usage: hack/stores COMMAND [NAME...]

Object stores on loopback, each with the bucket or container `models`; NAME is s3 or azure, by default both:
  up [--address IP]  start them, wait until they answer, print `env`
  env                print shell assignments for clients: AWS_..., AZURE_STORAGE_...
  down [--keep-data] end them and wait for it; drop the data
  tools              build or download what `up` needs, start nothing
    up, env and down take --state-dir DIR, so that several can run at once. IP is that of a network of this machine, for
    clients in containers; whoever reaches it has all rights.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments or ["help"])
    try:
        options.run(options)
    except ClusterError as error:
        print(f"stores: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stores: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hack/stores", usage=USAGE, add_help=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in ("help", "--help", "-h"):
        commands.add_parser(name, add_help=False).set_defaults(run=_help)
    for name, run in (("up", _up), ("env", _env), ("down", _down), ("tools", _tools)):
        verb = commands.add_parser(name, usage=USAGE)
        verb.add_argument("names", nargs="*", metavar="NAME", choices=[*SERVERS, []])
        verb.add_argument("--keep-data", action="store_true")
        verb.add_argument("--address", default=LOOPBACK)
        verb.add_argument(
            "--state-dir", type=Path, default=Path(os.environ.get("STORES_STATE_DIR") or RUN / "stores")
        )
        verb.set_defaults(run=run)
    return parser


def _help(_: argparse.Namespace) -> None:
    print(USAGE + f"\nEverything is cached in {CACHE}.")


def _places(options: argparse.Namespace) -> list[Place]:
    root = options.state_dir.expanduser().absolute()
    return [Place(root, SERVERS[name]) for name in options.names or SERVERS]


def _up(options: argparse.Namespace) -> None:
    for place in _places(options):
        print(assignments(place.up(options.address)))


def _env(options: argparse.Namespace) -> None:
    for place in _places(options):
        if values := place.environment():
            print(assignments(values))


def _down(options: argparse.Namespace) -> None:
    for place in _places(options):
        place.down(keep_data=options.keep_data)


def _tools(options: argparse.Namespace) -> None:
    made = {"s3": programs.versitygw, "azure": programs.azurite}
    for name in options.names or SERVERS:
        print(made[name]())
