"""An operator that may freeze and end, and the ways in which its calls go wrong: what the plays are made of."""

from __future__ import annotations

from fake_api import status_error
from fake_operator import FakeOperator
from job_world import World

from estimator_operator.errors import ApiError

FAULTS = {
    "conflict": status_error(409, "Conflict", "the object has been modified"),
    "gone": status_error(410, "Expired", "too old"),
    "busy": status_error(429, "TooManyRequests", "slow down", retry_after=4),
    "broken": status_error(500, "InternalError", "failed calling webhook"),
    "away": status_error(503, "ServiceUnavailable", "etcd is away"),
    "no answer": status_error(0, message="connection reset"),
    "quota": status_error(403, "Forbidden", "exceeded quota"),
}
CALLS = {
    "create pods": ("conflict", "busy", "broken", "away", "no answer", "quota"),
    "create services": ("busy", "broken", "away", "no answer", "quota"),
    "create events": ("busy", "away", "quota"),
    "delete pods": ("conflict", "busy", "broken", "away", "no answer"),
    "force pods": ("conflict", "busy", "broken", "away", "no answer"),
    "patch estimatorjobs/status": ("conflict", "busy", "broken", "away", "no answer"),
    "list pods": ("gone", "busy", "away", "no answer"),
    "list estimatorjobs": ("gone", "busy", "away"),
    "get estimatorjobs": ("busy", "away"),
}


class CrashError(BaseException):
    """The process ends here, whatever is in flight."""


class MortalOperator(FakeOperator):
    """An operator that lists when it begins and when its watch was interrupted, as the whole process does."""

    def __init__(self, world: World) -> None:
        super().__init__(world.api, world.clock)
        self.frozen = False
        self.began = False
        self.interrupted = True

    async def work(self) -> None:
        """Does what can be done now."""
        while self.interrupted:
            self.interrupted = False
            try:
                await self.relist()
            except ApiError:
                self.interrupted = True
                return
        if not self.began:
            self.began = True
            self.controller.begin()
        await self.settle()
