"""The log: one line for people, or one JSON object a line for machines.

A line about a job says which: it is logged with `extra=about_job(...)`, and both formats show it. In text the job
comes before the message; in JSON it is the fields `namespace`, `name` and `uid`, beside whatever else was given.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from estimator_operator.plain_text import escaped, one_line, visible

_TEXT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_OWN: Final = "estimator_operator"
_CHATTY: Final = ("aiohttp.access", "asyncio", "kubernetes")
_ATTRIBUTE: Final = "job"
_MESSAGE_MOST: Final = 4096
"""Characters of a message: an admission webhook may refuse each of many pods with a book."""
_RESERVED: Final = frozenset({"time", "level", "logger", "message", "namespace", "name", "uid", "exception"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutJob:
    """Which job a line is about.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        uid: Its uid, where it is known.
        fields: What else a machine may want to select by.
    """

    namespace: str
    name: str
    uid: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def about_job(key: tuple[str, str], uid: str | None = None, **fields: Any) -> dict[str, Any]:
    """The `extra` of a line about a job.

    Args:
        key: Namespace and name.
        uid: Its uid, if it is known.
        fields: Further fields of the JSON form.

    Raises:
        ValueError: A field has the name of one that every line has.
    """
    taken = fields.keys() & _RESERVED
    if taken:
        raise ValueError(f"fields of every line cannot be given another meaning: {', '.join(sorted(taken))}")
    return {_ATTRIBUTE: AboutJob(namespace=key[0], name=key[1], uid=uid, fields=fields)}


class TextFormatter(logging.Formatter):
    """Formats a record as a line for people."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        """The line without what follows of an exception."""
        job = getattr(record, _ATTRIBUTE, None)
        if isinstance(job, AboutJob):
            record.message = f"{job.namespace}/{job.name}: {record.message}"
        # Foreign text must not act on the reader's terminal, nor look like another line of the log.
        record.message = _bounded(one_line(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802  (logging's name)
        """The traceback, which has lines of its own."""
        return visible(super().formatException(ei))


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _bounded(record.getMessage()),
        }
        job = getattr(record, _ATTRIBUTE, None)
        if isinstance(job, AboutJob):
            line |= {"namespace": job.namespace, "name": job.name}
            if job.uid is not None:
                line["uid"] = job.uid
            line |= job.fields
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return escaped(json.dumps(line, ensure_ascii=False, default=str))


def _bounded(message: str) -> str:
    return message if len(message) <= _MESSAGE_MOST else f"{message[: _MESSAGE_MOST - 1]}…"


def set_up_logging(style: Literal["text", "json"], level: str) -> None:
    """Logs to standard error from now on.

    Args:
        style: text or json.
        level: Lowest level of the operator's own loggers; libraries speak up from WARNING.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(_OWN).setLevel(level)
    if level == "DEBUG":
        logging.getLogger("kopf").setLevel(logging.INFO)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
