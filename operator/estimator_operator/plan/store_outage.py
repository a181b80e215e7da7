"""Whether the object store of the model directory takes what the replicas save.

The replicas say so in their progress documents: each of those that write carries its directory to the store, and goes on
while the store is away. A moment's failure is no news, for it is repeated at once; from half a minute on it is told. Since
when something waits is by the replica's clock, and only told, never compared with another.
"""

from __future__ import annotations

from typing import Final

from estimator_api import EstimatorJob, Progress
from estimator_api import constants as c
from estimator_api.progress import MirrorProgress
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA, EVALUATOR_REPLICA
from estimator_operator.plan.observed import Observed
from estimator_operator.plan.roster import Roster, runs
from estimator_operator.plan.timestamps import from_text, to_text

_TOLD_FROM_SECS: Final = 30.0
_ERROR_MOST: Final = 1024


def behind_since(mirror: MirrorProgress) -> str | None:
    """Since when something waits that a failing store has not, in the status's form; None when none fails."""
    moment = from_text(mirror.behind_since)
    if moment is None or mirror.error is None or not mirror.lag_seconds >= _TOLD_FROM_SECS:
        return None
    return to_text(moment)


def outage_of(job: EstimatorJob, roster: Roster, observed: Observed) -> str | None:
    """Which replica cannot save, since when and why; None while all can, as far as is known.

    The words of one outage stay as they were first told, for a store has several for one fault and each would be a write.

    Args:
        job: The job as stored.
        roster: Its pods.
        observed: What is known of its objects.
    """
    running = {one.replica for one in roster.members if one.pod is not None and runs(one.pod)}
    for replica in (CHIEF_REPLICA, EVALUATOR_REPLICA):
        document: Progress | None = observed.progress.get(replica) if replica in running else None
        if document is None or document.mirror is None:
            continue
        since = behind_since(document.mirror)
        if since is None:
            continue
        head = f"{replica} goes on, but the object store has nothing of what it saved since {since}: "
        known = job.status.condition(c.MODEL_DIR_BEHIND)
        if known is not None and known.message.startswith(head):
            return known.message
        return head + (document.mirror.error or "")[:_ERROR_MOST]
    return None
