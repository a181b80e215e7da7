"""The options that say which job of which cluster, named as kubectl names them, and numbers among options."""

from __future__ import annotations

import argparse


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Adds NAME and the options."""
    parser.add_argument("name", metavar="NAME", help="name of the EstimatorJob")
    parser.add_argument("-n", "--namespace", help="its namespace (default: the context's)")
    parser.add_argument("--context", help="context of the kubeconfig (default: the current one)")
    parser.add_argument(
        "--kubeconfig",
        metavar="FILE",
        help="default: KUBECONFIG or else ~/.kube/config; in a pod without them, its account",
    )


def whole_number(text: str) -> int:
    """A number of zero or more.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of zero or more")
    return int(text)
