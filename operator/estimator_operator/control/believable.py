"""What of a stored status can be the operator's own: anybody with the right to write statuses may have edited it.

A counter that no operator has counted is taken back to what one can have: pods are named after it, and names beyond
what is read again would be made without end. The status is then written as it is believed.
"""

from __future__ import annotations

import re
from typing import Any, Final

from estimator_operator.kube.pod_summary import ATTEMPT_MOST

Json = dict[str, Any]

_SUM_MOST: Final = 1_000_000_000
"""Counters are 32 bits wide, and go on from here."""
_QUICK_MOST: Final = 64
_REPLICA: Final = re.compile(r"[a-z]{1,16}-[0-9]{1,4}")
"""A role that is not known here may be one of a later version."""


def believable(status: Json) -> Json:
    """A status without counters that cannot be ours; the same object when there are none."""
    restarts = status.get("restarts")
    if not isinstance(restarts, dict):
        return status
    mended = dict(restarts)
    for name in ("total", "counted", "evaluator"):
        if isinstance(mended.get(name), int):
            mended[name] = min(max(mended[name], 0), _SUM_MOST)
    replicas = mended.get("byReplica")
    if isinstance(replicas, list):
        mended["byReplica"] = [_quick(one) for one in replicas if _is_ours(one)]
    return status if mended == restarts else {**status, "restarts": mended}


def _is_ours(one: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("count"), int):
        return False
    named = isinstance(one.get("replica"), str) and _REPLICA.fullmatch(one["replica"]) is not None
    return named and 0 <= one["count"] <= ATTEMPT_MOST


def _quick(one: Json) -> Json:
    quick = one.get("quick")
    if not isinstance(quick, int) or 0 < quick <= _QUICK_MOST:
        return one
    return {**one, "quick": min(max(quick, 1), _QUICK_MOST)}
