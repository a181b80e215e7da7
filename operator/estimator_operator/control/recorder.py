"""Kubernetes events on jobs: written after the status that they tell of, lost rather than in anybody's way."""

from __future__ import annotations

import logging
import secrets
from typing import Final

from estimator_api import constants as c
from estimator_operator.control.clock import Clock
from estimator_operator.control.store import JobRecord
from estimator_operator.errors import ApiError
from estimator_operator.kube.api import Api
from estimator_operator.kube.resources import EVENTS
from estimator_operator.plan.observed import JobEvent

_log = logging.getLogger(__name__)

CONTROLLER: Final = f"{c.GROUP}/{c.MANAGED_BY}"
_INSTANCE_MOST: Final = 128


class Recorder:
    """Writes events.

    Args:
        api: The API server.
        clock: Time of the events.
        instance: Which replica of the operator this is.
    """

    def __init__(self, api: Api, clock: Clock, *, instance: str) -> None:
        self._api = api
        self._clock = clock
        self._instance = instance[:_INSTANCE_MOST]

    async def record(self, job: JobRecord, event: JobEvent) -> None:
        """Writes one event on `job`."""
        manifest = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{job.key.name}.{secrets.token_hex(8)}", "namespace": job.key.namespace},
            "eventTime": self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "regarding": {
                "apiVersion": c.API_VERSION,
                "kind": c.KIND,
                "namespace": job.key.namespace,
                "name": job.key.name,
                "uid": job.uid,
                "resourceVersion": job.resource_version,
            },
            "type": event.type,
            "reason": event.reason,
            "action": event.action,
            "note": event.note,
        }
        try:
            await self._api.create(EVENTS, job.key.namespace, manifest)
        except ApiError as error:
            _log.warning("%s: the event %s could not be recorded: %s", job.key, event.reason, error.message)
