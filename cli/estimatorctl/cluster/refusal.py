"""What the API server has against a request, as an exception whose message is the server's own words.

Two things are taken out of them: what a terminal would act on, for a webhook may say anything, and the API server's
remark that rules of a CRD were not checked, which comes with every refusal by an object's structure and tells nobody
what to correct.
"""

from __future__ import annotations

import json
import re
from typing import Final

from estimator_api import constants as c
from estimator_operator.plain_text import one_line
from estimatorctl.errors import ClusterError, JobNotFound, ObjectNotFound, Unreachable

JOBS_ROOT: Final = f"/apis/{c.GROUP}/{c.VERSION}"
_TEXT_MOST: Final = 512
_NOT_CHECKED: Final = re.compile(
    r"<nil>: Invalid value: (?:null|\"null\"): some validation rules were not checked because the object was invalid;"
    r" correct the existing errors to complete validation"
)
_LIST: Final = re.compile(r"(?P<before>.* is invalid: )\[(?P<faults>.*)\]")


def refusal(status: int, text: bytes, path: str) -> ClusterError:
    """The exception for an answer that is no success.

    Args:
        status: HTTP status.
        text: Body of the answer.
        path: What was asked for.
    """
    message = text[:_TEXT_MOST].decode(errors="replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    known = isinstance(document, dict) and document.get("kind") == "Status"
    if known:
        message = str(document.get("message") or message)
    message = told(message)
    if status == 404:
        is_job = path.startswith(JOBS_ROOT)
        if known and (document.get("details") or {}).get("name"):
            return JobNotFound(message) if is_job else ObjectNotFound(message)
        if is_job:
            return ClusterError(
                f"the cluster does not know EstimatorJobs ({path}): is the operator installed?"
            )
    if status == 429 or status >= 500:
        return Unreachable(f"the API server answers {status}: {message}")
    return ClusterError(f"the API server refuses ({status}): {message}")


def told(message: str) -> str:
    """The server's words on one line, without the remark on rules that were not checked."""
    line = one_line(message)
    if _NOT_CHECKED.search(line) is None:
        return line
    # Faults of a list are separated by commas, which stand in their own words as well: only the remark's is known.
    rest = re.sub(rf"(?:, )?{_NOT_CHECKED.pattern}|{_NOT_CHECKED.pattern}, ", "", line)
    rest = rest.replace("[, ", "[", 1)
    found = _LIST.fullmatch(rest)
    several = found is None or re.search(r", (?:[a-z][\w.\[\]-]*|<nil>): ", found["faults"]) is not None
    return rest if found is None or several else f"{found['before']}{found['faults']}"
