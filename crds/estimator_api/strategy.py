"""How the tasks of a training work together: what `spec.strategy` says of a declarative job, a program or an image.

The field is beside `estimator` and `program`, not inside of one, for it says the same of both: the operator has to know
of every job whether its tasks make each step together, since then none of them can be restarted alone.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from estimator_api.base import ApiModel, Rule
from estimator_api.estimator import Seconds

MULTI_WORKER: Final = "MultiWorkerMirrored"
ONE_TASK: Final = "Mirrored"


class Communication(ApiModel):
    """How gradients are summed over tasks: tf.distribute.experimental.CommunicationOptions."""

    implementation: Literal["Auto", "Ring", "NCCL"] = "Auto"
    """Auto: TensorFlow chooses, NCCL on GPUs. Ring: rings over gRPC, on any device. NCCL: between GPUs."""
    timeout_seconds: Annotated[Seconds, Field(ge=1)] | None = None
    """End a task whose all-reduce takes longer, and with it the step of all. Longer than the slowest of input, hooks
    and saving on any task. Absent: none; lost tasks are noticed without."""


class Strategy(ApiModel):
    """How chief, workers and parameter servers make training steps."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"self.kind == '{MULTI_WORKER}' || !has(self.communication)",
            message=f"belongs to kind {MULTI_WORKER}: remove it or change the kind",
            field_path=".communication",
            holds=lambda s: s.kind == MULTI_WORKER or s.communication is None,
            reason="FieldValueForbidden",
        ),
    )

    kind: Literal["ParameterServer", "Mirrored", "MultiWorkerMirrored"] = "ParameterServer"
    """ParameterServer: each task makes steps of its own, and variables are on parameter servers if there are any.
    Mirrored: all GPUs of the chief's pod make each step together. MultiWorkerMirrored: all GPUs (or CPUs) of chief and
    workers do; when one of these pods fails, is evicted or deleted, all of them start again from the newest
    checkpoint. A declarative job makes the strategy; a program makes its own and says here which."""
    communication: Communication | None = None
    """How gradients are summed over tasks; declarative jobs of kind MultiWorkerMirrored."""
