"""The progress document in Prometheus' text format."""

from collections.abc import Iterator, Sequence
from typing import get_args

from estimator_api.progress import Progress, State

_PREFIX = "estimator_job_"


def to_text(progress: Progress) -> str:
    """Renders what is known; a family without a known value is left out."""
    return "".join(f"{line}\n" for family in _families(progress) for line in family)


def _families(progress: Progress) -> Iterator[list[str]]:
    states = [({"state": state}, float(state == progress.state)) for state in get_args(State)]
    yield _family("state", "1 for what the replica is doing.", states)
    evaluation, checkpoint = progress.evaluation, progress.checkpoint
    single: tuple[tuple[str, str, float | None], ...] = (
        ("global_step", "Global step of the training.", progress.global_step),
        ("max_steps", "Global step at which training ends.", progress.max_steps),
        ("steps_per_second", "Global steps per second.", progress.steps_per_second),
        ("loss", "Loss of the latest step looked at.", progress.loss),
        (
            "checkpoint_global_step",
            "Global step of the latest checkpoint.",
            checkpoint.global_step if checkpoint else None,
        ),
        (
            "checkpoints_kept",
            "Checkpoints in the model directory.",
            checkpoint.kept if checkpoint else None,
        ),
        (
            "restored_global_step",
            "Global step of the checkpoint that training went on from.",
            progress.restored_from.global_step if progress.restored_from else None,
        ),
        (
            "evaluation_global_step",
            "Global step of the last evaluation.",
            evaluation.global_step if evaluation else None,
        ),
        (
            "predicted_examples",
            "Predictions written.",
            progress.predictions.examples if progress.predictions else None,
        ),
    )
    mirror = progress.mirror
    single += (
        (
            "mirror_uploaded_bytes",
            "Bytes put into the object store that holds the model directory.",
            mirror.uploaded_bytes if mirror else None,
        ),
        (
            "mirror_lag_seconds",
            "For how long something has been waiting to be put there; 0 when nothing is.",
            mirror.lag_seconds if mirror else None,
        ),
    )
    inputs = progress.inputs
    single += (
        (
            "inputs_staged_bytes",
            "Bytes of the inputs that have been brought.",
            inputs.staged_bytes if inputs else None,
        ),
        (
            "inputs_total_bytes",
            "Bytes of all inputs, archives as they come.",
            inputs.total_bytes if inputs else None,
        ),
    )
    for name, text, value in single:
        if value is not None:
            yield _family(name, text, [({}, value)])
    if evaluation is not None and evaluation.metrics:
        metrics = [
            ({"metric": name}, value) for name, value in evaluation.metrics.items() if value is not None
        ]
        yield _family("evaluation_metric", "Metrics of the last evaluation.", metrics)
    exports = [
        ({"export": one.name}, one.global_step) for one in progress.exports if one.global_step is not None
    ]
    if exports:
        yield _family("export_global_step", "Global step of the newest export of each name.", exports)


def _family(name: str, text: str, samples: Sequence[tuple[dict[str, str], float]]) -> list[str]:
    lines = [f"# HELP {_PREFIX}{name} {text}", f"# TYPE {_PREFIX}{name} gauge"]
    for labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        lines.append(f"{_PREFIX}{name}{{{inside}}} {value}" if inside else f"{_PREFIX}{name} {value}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
