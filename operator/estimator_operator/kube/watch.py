"""kopf as the watcher of EstimatorJobs: lists, watches, reconnects, re-lists; and writes nothing.

Pods, Services and claims are watched by `reflector.py`. Only `on.event` is used. kopf's handlers with state would
annotate the users' objects, add finalizers and patch them; its peering, event posting and cluster scanning are off for
the same reason. What arrives is handed over synchronously and forgotten. After a watch has expired, kopf re-lists and
reports what exists, but not what vanished meanwhile; `kopf_session.py`, which reads the lists before kopf does, tells
that, and turns what would end kopf into a new list.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import kopf

from estimator_api import constants as c
from estimator_operator.kube.credentials import Credentials
from estimator_operator.kube.hand_over import HandOver
from estimator_operator.kube.kopf_session import KopfSession
from estimator_operator.kube.resources import JOBS

Json = dict[str, Any]

_CONNECT_TIMEOUT: Final = 10.0
_REQUEST_TIMEOUT: Final = 30.0
_IDLE_TIMEOUT: Final = 1.0
_SERVER_TIMEOUT: Final = 300
_INACTIVITY_TIMEOUT: Final = 90.0
"""Bookmarks come every minute: a watch that is silent for longer has lost its connection."""
_RECONNECT_BACKOFF: Final = 1.0
_CHUNK: Final = 50
"""That lists are read in pages; how large they are is the session's affair."""
_LOGIN_PAUSE: Final = 3.0
_BACKOFFS: Final = (1.0, 1.0, 2.0, 3.0)
_BACKOFF_MOST: Final = 5.0


class _Patience:
    """kopf's pauses between tries of a call, without an end.

    With a list, as it is by default, kopf gives up with the last pause, and the operator ends in the middle of an
    outage only to wait for its end anew. A namespace that may not be listed for the moment (403) is waited for
    alike: it must not take the others along.
    """

    def __iter__(self) -> Iterator[float]:
        yield from _BACKOFFS
        while True:
            yield _BACKOFF_MOST


# Signatures are kopf's.
# ruff: noqa: ARG002
class _NoProgress(kopf.ProgressStorage):
    """Keeps nothing: there are no handlers with state whose progress could be kept."""

    def fetch(self, *, key: Any, body: Any) -> None:
        return None

    def store(self, *, key: Any, record: Any, body: Any, patch: Any) -> None:
        return None

    def purge(self, *, key: Any, body: Any, patch: Any) -> None:
        return None

    def touch(self, *, body: Any, patch: Any, value: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence


class _NoDiff(kopf.DiffBaseStorage):
    """Keeps nothing: nobody asks what changed since the last time.

    kopf extracts what it would compare from every event, whoever asks for it: copying a job for that takes longer
    than all we do with the event.
    """

    def build(self, *, body: Any, extra_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, *, body: Any) -> None:
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        return None


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.watching.connect_timeout = _CONNECT_TIMEOUT
    settings.watching.server_timeout = _SERVER_TIMEOUT
    settings.watching.inactivity_timeout = _INACTIVITY_TIMEOUT
    settings.watching.reconnect_backoff = _RECONNECT_BACKOFF
    settings.watching.chunk_size = _CHUNK
    settings.networking.request_timeout = _REQUEST_TIMEOUT
    settings.networking.error_backoffs = _Patience()
    settings.queueing.idle_timeout = _IDLE_TIMEOUT
    settings.persistence.progress_storage = _NoProgress()
    settings.persistence.diffbase_storage = _NoDiff()
    return settings


def _registry(credentials: Credentials, told: HandOver) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    logins = 0

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        nonlocal logins
        logins += 1
        if logins > 1:
            # It asks again at once when the API server does not take the token.
            await asyncio.sleep(_LOGIN_PAUSE)
        return await credentials.kopf_session(lambda session: KopfSession(session, told))

    @kopf.on.event(JOBS.group, JOBS.version, JOBS.plural, registry=registry)
    async def job(event: Json, **_: Any) -> None:
        told.event(JOBS, event["type"], event["object"])

    return registry


async def watch(
    *,
    credentials: Credentials,
    told: HandOver,
    namespaces: Sequence[str] = (),
    on_signals: Callable[[], None] = lambda: None,
) -> None:
    """Watches jobs until cancelled; ends with an exception when kopf cannot go on.

    kopf cancels every task that was created after this call when it ends: create others before.

    Args:
        credentials: The API server.
        told: Who is told.
        namespaces: Namespaces to watch; empty for all.
        on_signals: Called once kopf has installed its signal handlers, to put one's own in their place.
    """
    # One INFO line for every event of every job says nothing that our own log does not.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    others = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=_registry(credentials, told),
        settings=_settings(),
        clusterwide=not namespaces,
        namespaces=list(namespaces),
        standalone=True,
        # Left out, kopf looks the user up in a passwd file that does not know a container's numeric user.
        identity=c.MANAGED_BY,
    )
    on_signals()
    await kopf.run_tasks(tasks, ignored=others)
