"""docs/benchmarks.md: each bench writes its own section and leaves the others as they are."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "benchmarks.md"
END: Final = "<!-- to here -->"


def write_section(page: Path, target: str, lines: list[str]) -> None:
    """Writes the section of a bench in the place of its last one, or at the end.

    Args:
        page: The page; made when it is not there.
        target: The make target that writes the section, by which it is found again.
        lines: The section, in Markdown.
    """
    begin = f"<!-- make {target} writes from here -->"
    text = page.read_text() if page.exists() else "# Benchmarks\n"
    section = "\n".join([begin, *lines, END])
    before, found, rest = text.partition(begin)
    text = before + section + rest.partition(END)[2] if found else f"{text.rstrip()}\n\n{section}\n"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text)


def machine() -> str:
    """Processor, cores, memory and kernel."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    version = ".".join(platform.release().split(".")[:2])
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, Linux {version}"
