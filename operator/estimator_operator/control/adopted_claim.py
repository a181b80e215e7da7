"""Tells people that a retained claim, which a job goes on with, is not as the job's template asks.

A claim keeps its size, class and access modes whatever a later job of the same name says, and a job that runs out of
room after a day is told too late. The claim is read once, before the job has begun; one that was just made is not.
"""

from __future__ import annotations

import logging

from estimator_api import InvalidJobError
from estimator_api import constants as c
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.recorder import Recorder
from estimator_operator.errors import ApiError
from estimator_operator.kube.api import Api
from estimator_operator.kube.resources import CLAIMS
from estimator_operator.log_format import about_job
from estimator_operator.plan.claim import difference
from estimator_operator.plan.observed import JobEvent

_log = logging.getLogger(__name__)


class AdoptedClaims:
    """Compares claims that existed before their jobs with what the jobs ask for.

    Args:
        api: The API server.
        recorder: Tells people.
    """

    def __init__(self, api: Api, recorder: Recorder) -> None:
        self._api = api
        self._recorder = recorder

    async def compare(self, record: JobRecord) -> None:
        """Compares the claim of a job that has not begun, and tells what differs; once."""
        if record.work.claim_compared or not record.claim_exists:
            return
        try:
            job = record.job()
        except InvalidJobError:
            return
        template = job.spec.model_dir.volume_claim_template
        begun = job.status.start_time is not None or record.finished
        if template is None or begun or job.spec.suspend:
            return
        record.work.claim_compared = True
        name = job.spec.model_dir.claim_name(job.metadata.name)
        try:
            found = await self._api.get(CLAIMS, record.key.namespace, str(name))
        except ApiError as error:
            # Nothing depends on it, and the pods say what is wrong with a claim that is gone.
            _log.info(
                "claim %s cannot be read: %s", name, error.message, extra=about_job(record.key, record.uid)
            )
            return
        told = difference(template, found)
        if told is not None:
            _log.warning("%s", told, extra=about_job(record.key, record.uid))
            event = JobEvent(type="Warning", reason=c.REASON_CLAIM_DIFFERS, action="AdoptClaim", note=told)
            await self._recorder.record(record, event)
