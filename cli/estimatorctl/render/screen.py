"""Where a job is shown while it runs: a page that is redrawn on a terminal, a log elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from estimatorctl.render.changes import ChangeLog
from estimatorctl.render.status import status_page


def utc_now() -> datetime:
    """The time of day in UTC."""
    return datetime.now(UTC)


class Screen:
    """Shows one job; a context manager.

    Args:
        console: Where to.
        now: The time of day.
    """

    def __init__(self, console: Console, now: Callable[[], datetime] = utc_now) -> None:
        self._console = console
        self._now = now
        self._log = ChangeLog()
        self._live: Live | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, document: Mapping[str, Any]) -> None:
        """The job as it is now."""
        if self._live is not None:
            self._live.update(status_page(document, now=self._now()), refresh=True)
            return
        for line in self._log.lines(document, now=self._now()):
            self.note(line)

    def note(self, line: str, *, style: str = "") -> None:
        """A line that stays."""
        self._console.print(Text(line, style=style), soft_wrap=True)

    def page(self, document: Mapping[str, Any]) -> None:
        """The whole status, to stay."""
        self._console.print(status_page(document, now=self._now()))
