"""By which hook a task of an asynchronous training ends exactly at `max_steps`; see docs/decisions/exact-max-steps.md."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from estimator_runtime.cluster.chief_watch import ChiefWatch
from estimator_runtime.cluster.last_steps import CHIEF_PLACE, LastStepsHook, TicketsHook
from estimator_runtime.cluster.tickets import Tickets
from estimator_runtime.config.run_config import RunConfig, TaskType
from estimator_runtime.loop.steps import step_count
from estimator_runtime.loop.stretches.default_hooks import StopHook


class LastSteps(NamedTuple):
    """What ends a training at its last step, where several tasks make the steps.

    Attributes:
        replaces: the hook that ends it otherwise.
        hook: the one in its place; None where each task ends by the global step alone.
        chief_hooks: hooks of the chief's that come before all others.
    """

    replaces: Any = None
    hook: LastStepsHook | None = None
    chief_hooks: tuple[Any, ...] = ()


def last_steps_of(
    config: RunConfig, hooks: Sequence[Any], train_op: Any, step: Any, watch: ChiefWatch | None
) -> LastSteps:
    """Has the tasks of an asynchronous training with `max_steps` take a ticket for each step.

    Not where something else than the tasks' steps moves the global step, or it is no parameter server's: a ticket is no step
    then. Nor with `steps`, by which each task ends so many steps after its own first.
    """
    stop = next((hook for hook in hooks if type(hook) is StopHook), None)
    if (
        stop is None
        or stop.last_step is None
        or not config.num_ps_replicas
        or config.train_distribute
        or not config.cluster_spec
    ):
        return LastSteps()
    device = tf.DeviceSpec.from_string(getattr(step, "device", None) or "")
    if device.job != TaskType.PS or not step_count.adds_one(train_op, step):
        tf.compat.v1.logging.info(
            "Each task ends by the global step alone: its steps do not add 1 to a global step on a parameter server, once "
            "and whatever happens."
        )
        return LastSteps()
    workers = (
        config.cluster_spec.task_indices(TaskType.WORKER)
        if TaskType.WORKER in config.cluster_spec.jobs
        else []
    )
    addresses = {number + 1: config.cluster_spec.task_address(TaskType.WORKER, number) for number in workers}
    place = CHIEF_PLACE if config.is_chief else config.task_id + 1
    tickets = Tickets(step, place=place, places=max(addresses, default=CHIEF_PLACE) + 1)
    hook = LastStepsHook(tickets, stop.last_step, place=place, others=addresses, watch=watch)
    return LastSteps(stop, hook, (TicketsHook(tickets),))
