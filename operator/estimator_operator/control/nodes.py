"""Which nodes are known to be gone: asked for one by one, only where a pod on them is past its grace.

That a pod does not end in time proves nothing: its node may be slow, or cut off and still training. A node that does
not exist any more, or that Kubernetes itself or an administrator has marked as unreachable or out of service, is
evidence. The operator may not be allowed to read nodes: then nothing is known of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Final

from estimator_operator.control.clock import Clock
from estimator_operator.errors import ApiError, ForbiddenError, NotFoundError
from estimator_operator.kube.api import Api
from estimator_operator.kube.resources import NODES
from estimator_operator.plan.lost_pods import overdue
from estimator_operator.plan.observed import Pod

_log = logging.getLogger(__name__)

Json = dict[str, Any]

KNOWN_FOR: Final = 20.0
"""Seconds for which an answer is not asked for again."""
_FORBIDDEN_FOR: Final = 300.0
_AT_ONCE: Final = 16
_GONE: Final = frozenset({"node.kubernetes.io/unreachable", "node.kubernetes.io/out-of-service"})


class Nodes:
    """Looks nodes up.

    Args:
        api: The API server.
        clock: To judge the grace of pods and the age of answers.
    """

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._answers: dict[str, tuple[float, bool]] = {}
        self._forbidden_until = 0.0

    def suspects(self, pods: Iterable[Pod]) -> set[str]:
        """The nodes of pods whose grace is long over."""
        now = self._clock.now()
        return {pod.node for pod in pods if pod.node and overdue(pod, now)}

    async def lost(self, names: set[str]) -> frozenset[str]:
        """Those of some nodes that are known to be gone."""
        now = self._clock.monotonic()
        if not names:
            return frozenset()
        self._answers = {
            name: answer for name, answer in self._answers.items() if now - answer[0] < KNOWN_FOR
        }
        unknown = sorted(names - self._answers.keys()) if now >= self._forbidden_until else []
        for start in range(0, len(unknown), _AT_ONCE):
            await asyncio.gather(*(self._look(name) for name in unknown[start : start + _AT_ONCE]))
        return frozenset(name for name in names if self._answers.get(name, (0.0, False))[1])

    async def _look(self, name: str) -> None:
        now = self._clock.monotonic()
        try:
            node = await self._api.get(NODES, None, name)
        except NotFoundError:
            self._answers[name] = now, True
        except ForbiddenError as error:
            if not self._forbidden_until:
                _log.warning("nodes cannot be read, lost ones are not noticed: %s", error.message)
            self._forbidden_until = now + _FORBIDDEN_FOR
        except ApiError as error:
            _log.info("node %s cannot be read: %s", name, error.message)
            self._answers[name] = now, False
        else:
            taints = (node.get("spec") or {}).get("taints") or ()
            self._answers[name] = now, any(one.get("key") in _GONE for one in taints)
