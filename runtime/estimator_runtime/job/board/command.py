"""The command: which store and which directory the environment names, and how often it is looked at.

It ends with SIGTERM alone. Whatever the store says, TensorBoard goes on showing what is there, and this looks again.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from estimator_api.constants import ENV_BOARD_DIR, ENV_MODEL_DIR, EXIT_CONFIG
from estimator_runtime.errors import ModelDirUnavailableError
from estimator_runtime.job.board.event_files import EventFiles
from estimator_runtime.mirror.bucket import open_bucket

PAUSE_SECS: Final = 10.0
"""Between two looks; each lists the model directory once, in one request for a thousand objects."""


def main(variables: Mapping[str, str], left: threading.Event | None = None) -> int:
    """Keeps the directory until it is told to end; returns the exit code.

    Args:
        variables: `ESTIMATOR_MODEL_DIR`, the URI; `ESTIMATOR_BOARD_DIR`, the local directory, which is its own; and those
            of the store.
        left: ends it when it is set; by default SIGTERM does.
    """
    if left is None:
        left = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_, left=left: left.set())
    try:
        root = Path(variables[ENV_BOARD_DIR])
        bucket = open_bucket(variables[ENV_MODEL_DIR], variables)
    except KeyError as error:
        _say(f"cannot begin: {error.args[0]} is not set")
        return EXIT_CONFIG
    except (ValueError, ModelDirUnavailableError) as error:
        _say(f"cannot begin: {error}")
        return EXIT_CONFIG
    event_files = EventFiles(bucket, root)
    before = None
    while True:
        said = None
        try:
            event_files.look()
        except ModelDirUnavailableError as error:
            said = f"{error}. Looking again."
        except OSError as error:
            said = f"{root}: {error.strerror or error}. Looking again."
        if said != before:
            _say(said or f"{bucket.uri} can be read.")
            before = said
        if left.wait(PAUSE_SECS):
            return 0


def _say(line: str) -> None:
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - the log of the container
