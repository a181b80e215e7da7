"""Whether the operator can work here: looked at before it does, with the patience that a cluster needs.

An API server that starts answers before it can: 404 until it has read its CRDs, 403 until it has read its roles. So
such an answer is believed only when it stays the same for a while; until then, as while there is no answer at all,
it is asked again. Among several namespaces one that may not be listed does not keep the others from being served.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final

from estimator_operator.errors import (
    ApiError,
    ForbiddenError,
    NotFoundError,
    PreflightError,
    UnauthorizedError,
)
from estimator_operator.kube.api import Api
from estimator_operator.kube.resources import JOBS, SCHEMA
from estimator_operator.served_schema import unserved_fields

_log = logging.getLogger(__name__)

RETRY: Final = 3.0
PATIENCE: Final = 15.0
_BUSY_MOST: Final = 60.0


async def check_access(
    api: Api,
    namespaces: Sequence[str],
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Waits until EstimatorJobs can be listed; kopf would wait for a missing CRD without a word.

    Args:
        api: The API server.
        namespaces: Namespaces to serve; empty for all.
        monotonic: Clock in seconds.
        sleep: Waits so many seconds.

    Raises:
        PreflightError: The cluster does not know EstimatorJobs, or they may not be listed in any of the namespaces.
    """
    refused_since: float | None = None
    while True:
        wait = RETRY
        try:
            await _list_somewhere(api, namespaces)
        except (NotFoundError, ForbiddenError, UnauthorizedError) as error:
            if refused_since is None:
                refused_since = monotonic()
            if monotonic() - refused_since >= PATIENCE:
                raise PreflightError(_verdict(error)) from error
            _log.warning("%s; trying again for a while", _verdict(error))
        except ApiError as error:
            refused_since = None
            wait = max(wait, min(error.retry_after or 0.0, _BUSY_MOST))
            _log.warning("the API server cannot serve now, trying again: %s", error.message)
        else:
            await _check_schema(api)
            return
        await sleep(wait)


async def _check_schema(api: Api) -> None:
    """Tells when the CRD is older than the operator. It works all the same, so nothing is tried twice for that."""
    try:
        missing = unserved_fields(await api.get(SCHEMA, None, ""))
    except (ApiError, AttributeError, KeyError, TypeError) as error:
        _log.info("the schema of EstimatorJobs cannot be read: %s", error)
        return
    if missing:
        _log.warning(
            "the CRD is older than the operator and does not know %s: apply crds/estimatorjobs.yaml of the operator's "
            "version (the chart does with crds.enabled=true)",
            ", ".join(missing),
        )


async def _list_somewhere(api: Api, namespaces: Sequence[str]) -> None:
    refusals: list[ForbiddenError] = []
    for namespace in namespaces or (None,):
        try:
            async with aclosing(api.pages(JOBS, namespace, limit=1)) as pages:
                await anext(pages)
        except ForbiddenError as error:
            refusals.append(error)
    if len(refusals) == len(namespaces or (None,)):
        raise refusals[0]
    for refusal in refusals:
        _log.warning("no access to EstimatorJobs in one namespace, serving the others: %s", refusal.message)


def _verdict(error: ApiError) -> str:
    if isinstance(error, NotFoundError):
        return f"the cluster does not know EstimatorJobs ({error.message}): install the CRD first"
    return f"no access to EstimatorJobs: {error.message}"
