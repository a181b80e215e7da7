"""What the bench of the runtime measured: cells, their targets, the table, the plot, the section of docs/benchmarks.md."""

import dataclasses
import pathlib
import statistics

from benchmark_page import machine, write_section

PLOT = "benchmark-runtime.png"


@dataclasses.dataclass(frozen=True)
class Cell:
    """Something that is measured on both sides, and what its ratio `ours / peer` is to be; None for information.

    `fewer`: seconds or MiB, of which fewer are better; otherwise a speed.
    """

    name: str
    unit: str
    target: float | None
    fewer: bool = False


@dataclasses.dataclass
class Measured:
    """Figures of the pairs of one cell, in their order; `limits`: name of a bare program -> its figures."""

    cell: Cell
    ours: list = dataclasses.field(default_factory=list)
    peer: list = dataclasses.field(default_factory=list)
    limits: dict = dataclasses.field(default_factory=dict)

    def add(self, ours, peer):
        self.ours.append(ours)
        self.peer.append(peer)

    def add_limit(self, name, value):
        self.limits.setdefault(name, []).append(value)

    def ratios(self):
        return [mine / other for mine, other in zip(self.ours, self.peer, strict=True)]

    def ratio(self):
        return statistics.median(self.ratios())

    def met(self):
        if self.cell.target is None:
            return True
        return self.ratio() <= self.cell.target if self.cell.fewer else self.ratio() >= self.cell.target

    def columns(self):
        """Texts: name, ours, peer, ratio with spread, target, whether met, limits with their ratios to the peer."""
        ratios, target = self.ratios(), self.cell.target
        limits = "; ".join(
            f"{name} {_short(statistics.median(values))}"
            f" ({statistics.median(a / b for a, b in zip(values, self.peer, strict=True)):.2f})"
            for name, values in self.limits.items()
        )
        return (
            f"{self.cell.name}, {self.cell.unit}",
            _short(statistics.median(self.ours)),
            _short(statistics.median(self.peer)),
            f"{self.ratio():.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
            "-" if target is None else f"{'<=' if self.cell.fewer else '>='} {target:g}",
            "-" if target is None else "yes" if self.met() else "no",
            limits or "-",
        )


HEADER = ("what", "ours", "peer", "ratio (spread)", "target", "met", "limits: figure (over the peer)")


def table(results):
    """The figures for a terminal."""
    rows = [HEADER, *(one.columns() for one in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def section(results, versions, pairs, minutes):
    """The section of docs/benchmarks.md, as lines."""
    rows = [HEADER, ("---",) * len(HEADER), *(one.columns() for one in results)]
    return [
        "## The runtime beside tf.estimator",
        "",
        f"`make bench-runtime`: TensorFlow {versions['ours']} here, tf.estimator on TensorFlow {versions['peer']},",
        f"{pairs} {'pair' if pairs == 1 else 'pairs'} of processes in alternating order in {minutes:.0f} minutes on {machine()}.",
        "",
        "Medians; of the ratios also the smallest and the largest. Limits are bare programs over the same graph on the",
        "same machine: a callable (`Session.make_callable`) or `Session.run` in a loop, without hooks, checkpoints and",
        "summaries; for a cluster a MonitoredTrainingSession without hooks.",
        "",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
        f"![Ratios to tf.estimator, with their targets and limits]({PLOT})",
    ]


def write(page, results, versions, pairs, minutes):
    """Writes this bench's section of the page at `page`, leaving the others, and the plot beside it."""
    page = pathlib.Path(page)
    write_section(page, "bench-runtime", section(results, versions, pairs, minutes))
    plot(page.parent / PLOT, results)


def plot(path, results):
    """A line a cell: how many times better than the peer, with spread, target and limits, on a logarithmic axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.6 + 0.42 * len(results)), layout="constrained")
    axes = figure.subplots()
    limits_named = False
    for row, one in enumerate(reversed(results)):
        better = [1 / ratio if one.cell.fewer else ratio for ratio in one.ratios()]
        target = 1 / one.cell.target if one.cell.fewer else one.cell.target
        middle = statistics.median(better)
        axes.barh(row, middle - 1, left=1, color="tab:green" if one.met() else "tab:orange", height=0.6)
        axes.plot([min(better), max(better)], [row, row], color="black", linewidth=1)
        axes.plot(target, row, marker="|", color="tab:red", markersize=16, markeredgewidth=2, linestyle="")
        for values in one.limits.values():
            ratios = [bare / peer for bare, peer in zip(values, one.peer, strict=True)]
            bare = statistics.median(1 / ratio if one.cell.fewer else ratio for ratio in ratios)
            name = None if limits_named else "limit: a bare program"
            limits_named = True
            axes.plot(bare, row, "D", color="tab:blue", markersize=5, label=name)
    axes.plot([], [], marker="|", color="tab:red", markersize=12, linestyle="", label="target")
    axes.plot([], [], color="black", linewidth=1, label="smallest to largest of the pairs")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}x")
    axes.xaxis.set_minor_formatter("")
    axes.set_xticks([0.5, 1, 2, 3, 5, 10])
    axes.set_yticks(range(len(results)), [one.cell.name for one in reversed(results)])
    axes.set_xlabel("times as good as tf.estimator 2.15 (speed, or the inverse of seconds and MiB)")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, dpi=110)


def _short(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
