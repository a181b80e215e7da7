"""What measures share: a row of a table with its target, and what a process uses."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `most` None is for information."""

    name: str
    measured: float
    most: float | None = None
    unit: str = ""

    @property
    def ok(self) -> bool:
        """The target is met."""
        return self.most is None or self.measured <= self.most

    def __str__(self) -> str:
        target = "" if self.most is None else f"<= {self.most:g}"
        verdict = "" if self.most is None else "ok" if self.ok else "MISSED"
        return f"{self.name:58} {self.measured:10.3f} {self.unit:6} {target:>10}  {verdict}"


def conclude(rows: Iterable[Row]) -> int:
    """Prints which targets are missed; returns the exit status."""
    missed = [row.name.strip() for row in rows if not row.ok]
    print(f"missed: {', '.join(missed)}" if missed else "all targets are met")
    return 1 if missed else 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far.

    Attributes:
        cpu: Seconds of CPU.
        resident: MiB in memory.
        peak: The most of it so far.
    """

    cpu: float
    resident: float
    peak: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Of a running process."""
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        sizes = {
            name: text.split()[0] for name, _, text in (line.partition(":") for line in lines) if text.split()
        }
        # The name in parentheses may hold spaces: the fields start after the last one.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return cls(cpu, int(sizes["VmRSS"]) / 1024, int(sizes["VmHWM"]) / 1024)
