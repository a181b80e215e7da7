"""What was measured, side by side: ratios with their targets, and the page that shows them."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmark_page import machine, write_section
from burst import Burst
from contestants import BareScript, Contestant, Ours, Peer, PeerAtDefaults
from measurements import Row

KINDS: Final = (Ours, Peer, PeerAtDefaults, BareScript)
EVENTS: Final = "create events"
PLOT: Final = "benchmark-operator.png"


@dataclass(slots=True)
class Figures:
    """Everything that was measured.

    Attributes:
        bursts: Sizes of the bursts.
        found: What came of each contestant's bursts, by kind of burst.
    """

    bursts: tuple[int, ...]
    found: dict[tuple[type[Contestant], str], list[Burst]] = field(default_factory=lambda: defaultdict(list))

    def note(self, kind: type[Contestant], what: str, burst: Burst) -> None:
        """One burst."""
        self.found[kind, what].append(burst)

    def of(self, kind: type[Contestant], what: str) -> list[Burst]:
        """Those of a contestant; none where it was not asked for them."""
        return self.found.get((kind, what), [])

    @property
    def what(self) -> list[str]:
        """The kinds of bursts."""
        return [
            "one job",
            *(f"burst of {size}" for size in self.bursts),
            f"burst of {self.bursts[-1]}, still",
        ]

    def seconds(self, kind: type[Contestant], what: str) -> float:
        """Median seconds to the last pod."""
        return statistics.median(one.last_pod for one in self.of(kind, what))

    def cpu(self, kind: type[Contestant]) -> float:
        """Median milliseconds of CPU for a job of the largest burst that lives."""
        bursts = self.of(kind, f"burst of {self.bursts[-1]}")
        return 1000 * statistics.median(one.cpu for one in bursts if one.cpu is not None)

    def peak(self, kind: type[Contestant]) -> float:
        """Median of the rounds: most memory in MiB until the largest burst that lives was over."""
        bursts = self.of(kind, f"burst of {self.bursts[-1]}")
        return statistics.median(one.peak for one in bursts if one.peak is not None)

    def idle(self, kind: type[Contestant]) -> float:
        """Median of the memory in MiB before the first jobs."""
        bursts = self.of(kind, "one job")
        return statistics.median(one.resident for one in bursts if one.resident is not None)

    def calls(self, kind: type[Contestant]) -> Counter[str]:
        """What the first job that came by itself cost."""
        bursts = self.of(kind, "one job")
        return bursts[0].calls if bursts else Counter()


def rows(figures: Figures) -> list[Row]:
    """Ratios and counts with their targets."""
    calls = figures.calls(Ours)
    found = [
        Row("API calls of one job, events apart", calls.total() - calls[EVENTS], 12),
        Row("events of one job", calls[EVENTS], 2),
    ]
    for what in figures.what:
        ours = figures.seconds(Ours, what)
        single = what == "one job"
        # A script that knows beforehand what a single job needs is no limit for one that is told of it.
        found.append(
            Row(
                f"{what}: last pod / bare script",
                ours / figures.seconds(BareScript, what),
                None if single else 1.4,
            )
        )
        found.append(
            Row(f"{what}: last pod / peer tuned", ours / figures.seconds(Peer, what), 0.3 if single else 0.6)
        )
        if figures.of(PeerAtDefaults, what) and not single:
            found.append(
                Row(
                    f"{what}: last pod / peer at defaults",
                    ours / figures.seconds(PeerAtDefaults, what),
                    1 / 30,
                )
            )
    found.append(Row("CPU a job / peer tuned", figures.cpu(Ours) / figures.cpu(Peer), 0.6))
    found.append(Row("peak memory / peer tuned", figures.peak(Ours) / figures.peak(Peer), 1.1))
    return found


def write(page: Path, figures: Figures, table: Iterable[Row], *, rounds: int, minutes: float) -> None:
    """Writes this bench's section of a page, and the plot beside it."""
    write_section(page, "bench-operator", section(figures, table, rounds=rounds, minutes=minutes))
    plot(page.parent / PLOT, figures)


def section(figures: Figures, table: Iterable[Row], *, rounds: int, minutes: float) -> list[str]:
    """The section of docs/benchmarks.md, as lines."""
    lines = [
        "## The operator beside Kubeflow's training-operator",
        "",
        "`make bench-operator`. What a figure means, why it is what it is, and what was tried where a target is missed, is",
        "in [decisions/burst.md](decisions/burst.md).",
        "",
        f"{rounds} rounds in turn, {minutes:.0f} minutes in all, on {machine()}; API server, etcd, fake kubelet and operator",
        "share it. Medians of the rounds, least and most in brackets.",
        "",
        f"![Seconds from POST to the last pod, by contestant]({PLOT})",
        "",
        "### Targets",
        "",
        "| | measured | target | |",
        "|---|---|---|---|",
        *(_target(row) for row in table),
        "",
        "### Measured",
        "",
        _header("seconds"),
        _rule(),
    ]
    for what in figures.what:
        lines += [
            _line(figures, f"{what}: POST to last pod", what, lambda one: one.last_pod),
            _line(
                figures,
                f"{what}: each job to its last pod, p50",
                what,
                lambda one: _quantile(one.to_last_pod, 50),
            ),
            _line(
                figures,
                f"{what}: each job to its last pod, p99",
                what,
                lambda one: _quantile(one.to_last_pod, 99),
            ),
        ]
        if not what.endswith("still"):
            lines += [
                _line(
                    figures, f"{what}: each job to its end, p50", what, lambda one: _quantile(one.to_end, 50)
                ),
                _line(
                    figures, f"{what}: each job to its end, p99", what, lambda one: _quantile(one.to_end, 99)
                ),
            ]
    largest = f"burst of {figures.bursts[-1]}"
    lines += [
        _line(
            figures,
            "CPU a job, ms",
            largest,
            lambda one: None if one.cpu is None else 1000 * one.cpu,
            digits=0,
        ),
        _line(figures, "memory before the first job, MiB", "one job", lambda one: one.resident, digits=0),
        _line(
            figures, f"memory, most until the {largest} is over, MiB", largest, lambda one: one.peak, digits=0
        ),
        "",
        "### API calls of one job",
        "",
        "From POST to clean-up, by the audit log; watches, and lists that nothing of one job selects, apart.",
        "",
        _header("call"),
        _rule(),
    ]
    counts = [figures.calls(kind) for kind in KINDS]
    lines += [
        f"| {name} | " + " | ".join(str(one[name]) for one in counts) + " |"
        for name in sorted(set().union(*counts))
    ]
    lines.append("| all | " + " | ".join(f"**{one.total()}**" for one in counts) + " |")
    return lines


def plot(path: Path, figures: Figures) -> None:
    """A group of bars a burst: seconds from POST to the last pod, on a logarithmic axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(KINDS)
    for place, kind in enumerate(KINDS):
        known = [(group, what) for group, what in enumerate(figures.what) if figures.of(kind, what)]
        seconds = [figures.seconds(kind, what) for _, what in known]
        bars = axes.bar([group + place * width for group, _ in known], seconds, width, label=kind.title)
        axes.bar_label(bars, [f"{one:.2g}" if one < 10 else f"{one:.0f}" for one in seconds], fontsize=8)
    axes.set_yscale("log")
    axes.set_ylabel("seconds from POST to the last pod")
    axes.set_xticks([group + 0.4 - width / 2 for group in range(len(figures.what))], figures.what)
    figure.legend(loc="outside upper center", ncols=len(KINDS), frameon=False)
    figure.savefig(path, dpi=110)


def _target(row: Row) -> str:
    verdict = "" if row.most is None else "met" if row.ok else "**missed**"
    return f"| {row.name} | {row.measured:.3g} | {'' if row.most is None else f'<= {row.most:.3g}'} | {verdict} |"


def _header(what: str) -> str:
    return f"| {what} | " + " | ".join(kind.title for kind in KINDS) + " |"


def _rule() -> str:
    return "|---|" + "---|" * len(KINDS)


def _line(
    figures: Figures, title: str, what: str, value: Callable[[Burst], float | None], *, digits: int = 2
) -> str:
    cells = [_spread([value(one) for one in figures.of(kind, what)], digits) for kind in KINDS]
    return f"| {title} | " + " | ".join(cells) + " |"


def _spread(values: Sequence[float | None], digits: int) -> str:
    known = [one for one in values if one is not None]
    if not known:
        return ""
    middle = f"{statistics.median(known):.{digits}f}"
    return middle if len(known) == 1 else f"{middle} ({min(known):.{digits}f}-{max(known):.{digits}f})"


def _quantile(values: Sequence[float], percent: int) -> float | None:
    """The value that so many of hundred are not above."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, len(ranked) * percent // 100)] if ranked else None
