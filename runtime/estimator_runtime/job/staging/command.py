"""The command: what the environment says is to be brought, in order, and what it ends with.

Exit codes are those of the job runner: 0 done, 78 for what no retry can mend, 143 after SIGTERM, 1 when a source fails.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from estimator_api.constants import (
    DEFAULT_TERMINATION_LOG,
    ENV_ATTEMPT,
    ENV_INPUTS,
    ENV_TERMINATION_LOG,
    EXIT_CONFIG,
)
from estimator_runtime.job.progress.endpoint import Endpoint
from estimator_runtime.job.progress.recorder import Recorder
from estimator_runtime.job.settings import environment
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.staging.sources import SettingsError, source_of
from estimator_runtime.job.staging.stager import Stager
from estimator_runtime.job.staging.tally import Tally
from estimator_runtime.mirror import plain_words

_MESSAGE_MOST: Final = 1000


def main(variables: Mapping[str, str]) -> int:
    """Brings all inputs; returns the exit code."""
    # The first process of a container would not even be ended by a signal that it does not handle.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    tally = Tally(_say)
    endpoint = None
    try:
        endpoint = _served(tally, variables)
        stagers = [
            (plain_words.of_uri(one["uri"]), _stager(one, tally, variables)) for one in _inputs(variables)
        ]
        # All are looked at first: by then the total is known, and what is missing ends this before anything is brought.
        for _, stager in stagers:
            stager.look()
        for uri, stager in stagers:
            staged = stager.run()
            _say(f"{uri}: {staged.files} files, {staged.size} bytes, {staged.brought} of them brought now")
    except JobConfigError as error:
        return _ended(EXIT_CONFIG, f"inputs: {error}", variables)
    except SettingsError as error:
        # At a later attempt it may be a secret that was changed, which the next pod reads anew.
        is_first = variables.get(ENV_ATTEMPT, "0") == "0"
        return _ended(EXIT_CONFIG if is_first else 1, f"inputs: {error}", variables)
    except OSError as error:
        return _ended(1, f"inputs: {error}", variables)
    finally:
        if endpoint is not None:
            endpoint.stop()
    return 0


def _stager(one: Mapping[str, Any], tally: Tally, variables: Mapping[str, str]) -> Stager:
    return Stager(
        source_of(one["uri"], variables),
        Path(one["folder"]),
        most=one.get("sizeLimit"),
        tell=_say,
        share=tally.share(),
    )


def _served(tally: Tally, variables: Mapping[str, str]) -> Endpoint | None:
    """The endpoint of the main container, at its address, for as long as this is what runs; None when nobody asks."""
    settings = environment.read(variables)
    if settings.progress_port is None:
        return None
    recorder = Recorder(settings.role, settings.index)
    recorder.tell_through(lambda document: document.model_copy(update={"inputs": tally.progress()}))
    endpoint = Endpoint(recorder.document)
    endpoint.start(settings.progress_host, settings.progress_port)
    return endpoint


def _inputs(variables: Mapping[str, str]) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads(variables.get(ENV_INPUTS, ""))
        if all(isinstance(one["uri"], str) and isinstance(one["folder"], str) for one in found):
            return found
        wrong = "uri and folder are texts"
    except (ValueError, KeyError, TypeError) as error:
        wrong = str(error)
    raise JobConfigError(f"{ENV_INPUTS} does not say what to bring: {wrong}")


def _ended(code: int, reason: str, variables: Mapping[str, str]) -> int:
    line = " ".join(reason.split())[:_MESSAGE_MOST]
    _say(line)
    try:
        Path(variables.get(ENV_TERMINATION_LOG) or DEFAULT_TERMINATION_LOG).write_text(line, encoding="utf-8")
    except OSError:
        # Outside of a container there is none; the line is in the log.
        return code
    return code


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the log of the init container


def _stop(number: int, *_: object) -> NoReturn:
    sys.stderr.flush()
    # Threads that read are not waited for; what they have written is continued by the next attempt.
    os._exit(128 + number)
