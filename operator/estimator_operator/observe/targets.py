"""Which pods are asked for their progress: the running chief and evaluator of every job that has not ended."""

from __future__ import annotations

from collections.abc import Iterator

from estimator_api import InvalidJobError
from estimator_api import constants as c
from estimator_operator.control.store import Store
from estimator_operator.observe.poller import Target


def targets_of(store: Store) -> Iterator[Target]:
    """The pods to ask now."""
    for record in store:
        if record.finished or record.deleting:
            continue
        try:
            port = record.job().spec.progress_port
        except InvalidJobError:
            continue
        for pod in store.pods(record):
            asked = pod.replica.index == 0 and pod.replica.role in (c.CHIEF, c.EVALUATOR)
            if asked and pod.phase == "Running" and pod.exit_code is None and pod.ip:
                yield Target(job=record.key, uid=pod.uid, replica=pod.replica, host=pod.ip, port=port)
