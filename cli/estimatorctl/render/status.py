"""A job's status as a page of text: what `status` prints, `watch` and `run` show live, and `run` ends with.

Pure: from the document of an EstimatorJob and the time to a rich renderable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from estimator_api import EstimatorJobStatus
from estimator_api.status import Checkpoint, ExportStatus, TrainingProgress
from estimator_operator.plain_text import one_line
from estimatorctl.render import words
from estimatorctl.render.restarts import incident_lines, next_try, restarts_text

DEFAULT_MODE: Final = "TrainAndEvaluate"
"""What needs no mention."""
_FAILURES_SHOWN: Final = 5
_BAR: Final = 30


def status_of(document: Mapping[str, Any]) -> EstimatorJobStatus:
    """The status of a job's document, without what a terminal would act on: replicas and webhooks write into it."""
    return EstimatorJobStatus.model_validate(_plain(document.get("status") or {}))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def status_page(document: Mapping[str, Any], *, now: datetime) -> RenderableType:
    """Everything the status says.

    Args:
        document: The EstimatorJob.
        now: The present, for running times.
    """
    status = status_of(document)
    parts: list[RenderableType] = [_headline(document, status, now)]
    if status.roles:
        parts += [Text(), _roles(status)]
    if status.progress is not None:
        parts += [Text(), _progress(status.progress, at_work=words.is_at_work(status))]
    facts = [*_facts(status), *_troubles(document, status, now), *_surroundings(document, status)]
    if facts:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for label, value in facts:
            # What replicas say is text, whatever brackets are in it.
            grid.add_row(label, Text(value) if isinstance(value, str) else value)
        parts += [Text(), grid]
    return Group(*parts)


def _headline(document: Mapping[str, Any], status: EstimatorJobStatus, now: datetime) -> RenderableType:
    metadata = document["metadata"]
    word, message = words.state(status)
    line = Text(f"{metadata.get('namespace', 'default')}/{metadata['name']}", style="bold")
    line.append("  ")
    line.append(word, style=words.state_style(status))
    running = words.running_time(status, now)
    if running is not None:
        line.append(f"  {'after' if words.is_final(status) else 'for'} {running}", style="dim")
    return Group(line, Text(message, overflow="fold")) if message else line


def _roles(status: EstimatorJobStatus) -> RenderableType:
    restarts: dict[str, int] = {}
    for one in status.restarts.by_replica:
        name = one.replica.rpartition("-")[0]
        restarts[name] = restarts.get(name, 0) + one.count
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("ROLE")
    for name in ("READY", "DONE", "FAILED", "RESTARTS"):
        table.add_column(name, justify="right")
    for role in status.roles:
        table.add_row(
            role.role,
            f"{role.ready}/{role.desired}",
            str(role.succeeded),
            Text(str(role.failed), style=words.BAD if role.failed else ""),
            str(restarts.get(role.role, 0)),
        )
    return table


def _progress(progress: TrainingProgress, *, at_work: bool) -> RenderableType:
    step = 0 if progress.global_step is None else progress.global_step
    if not progress.max_steps:
        return Text(f"step {step}")
    bar = ProgressBar(
        total=progress.max_steps,
        completed=min(step, progress.max_steps),
        width=_BAR,
        complete_style="cyan",
        finished_style=words.GOOD,
    )
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_row(
        f"step {step}/{progress.max_steps}",
        bar,
        f"{progress.percent or 0} %",
        words.time_left(progress, at_work=at_work),
    )
    return row


def _facts(status: EstimatorJobStatus) -> Iterator[tuple[str, RenderableType]]:
    if status.progress is not None:
        pace = words.pace(status.progress, at_work=words.is_at_work(status))
        if pace:
            yield "Training", "  ".join(pace)
    if status.evaluation is not None:
        one = status.evaluation
        yield "Evaluation", f"step {one.global_step}  {words.metrics_text(one.metrics)}"
    if status.checkpoints is not None:
        known = status.checkpoints
        if known.latest is not None:
            kept = f" ({known.kept} kept)" if known.kept else ""
            yield "Checkpoint", f"step {known.latest.global_step}{kept}  {_where(known.latest)}"
        if known.restored_from is not None:
            yield "Restored from", f"step {known.restored_from.global_step}  {_where(known.restored_from)}"
    if status.predictions is not None:
        made = status.predictions
        yield "Predictions", f"{made.examples} in {made.uri or made.path}"
    for number, export in enumerate(status.exports):
        yield "" if number else "Exports", _export(export)


def _troubles(
    document: Mapping[str, Any], status: EstimatorJobStatus, now: datetime
) -> Iterator[tuple[str, RenderableType]]:
    """What went wrong, what is not as it should be, and when the next try is."""
    if status.restarts.total:
        yield "Restarts", restarts_text(document, status.restarts)
    for number, line in enumerate(incident_lines(status.restarts)):
        yield "" if number else "Incidents", line
    for number, failure in enumerate(reversed(status.failures[-_FAILURES_SHOWN:])):
        yield "" if number else "Failures", f"{failure.time}  {words.failure_text(failure)}"
    for label, text in words.abnormal(status).items():
        yield label, Text(text, style=words.BUSY)
    wait = next_try(document, status, now)
    if wait:
        yield "Next try", wait


def _surroundings(
    document: Mapping[str, Any], status: EstimatorJobStatus
) -> Iterator[tuple[str, RenderableType]]:
    """What the job is and has beside its training: its mode, bounds for its workers, TensorBoard."""
    mode = (document.get("spec", {}).get("estimator") or {}).get("mode", DEFAULT_MODE)
    if mode != DEFAULT_MODE:
        yield "Mode", str(mode)
    workers = words.elastic_workers(document, status)
    if workers is not None:
        yield "Workers", workers
    board = status.tensor_board
    if board is not None:
        told = f"{board.url}{'' if board.ready else ' (starting)'}"
        yield "TensorBoard", f"{told}  {words.port_forward(document, board)}"


def _export(export: ExportStatus) -> RenderableType:
    step = "" if export.global_step is None else f"  step {export.global_step}"
    metrics = words.metrics_text(export.metrics)
    first = f"{export.name}{step}" + (f"  {metrics}" if metrics else "")
    return Group(Text(first), Padding(Text(_where(export), overflow="fold"), (0, 0, 0, 2)))


def _where(thing: Checkpoint | ExportStatus) -> str:
    """Where it is from outside; a local run's path is that already."""
    return thing.uri or thing.path
