"""The servers' programs, built or downloaded once."""

import shutil
from pathlib import Path
from typing import Final

from localcluster import golang
from localcluster.failure import ClusterError
from localcluster.layout import BUILDS
from localcluster.work import logged, once

VERSITYGW: Final = "v1.8.0"
AZURITE: Final = "3.37.0"


def versitygw() -> Path:
    """The S3 server: Versity's gateway, which keeps objects as files."""
    folder = once(
        BUILDS / f"versitygw-{VERSITYGW}",
        title=f"building versitygw {VERSITYGW} from source",
        expect=240,
        make=lambda target: golang.install(
            [f"github.com/versity/versitygw/cmd/versitygw@{VERSITYGW}"], target, log="build-versitygw.log"
        ),
    )
    return folder / "versitygw"


def azurite() -> Path:
    """The script of Azurite's blob service, for Node.

    Raises:
        ClusterError: there is no Node.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise ClusterError("missing: node and npm, for Azurite; on Debian: apt-get install nodejs npm")
    folder = once(
        BUILDS / f"azurite-{AZURITE}",
        title=f"installing Azurite {AZURITE}",
        expect=40,
        make=lambda target: logged(
            ["npm", "install", "--no-audit", "--no-fund", "--prefix", target, f"azurite@{AZURITE}"],
            log="install-azurite.log",
        ),
    )
    return folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
