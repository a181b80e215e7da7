"""What jobs are played with, and what becomes of the nodes that they lose."""

from __future__ import annotations

from typing import Any

from job_invariants import GONE
from job_world import FIVE_PODS

Json = dict[str, Any]
SHAPES: dict[str, Json] = {
    "chief alone": {},
    "chief and two workers": {"worker": {"replicas": 2}},
    "five pods": FIVE_PODS,
}
POLICIES: dict[str, Json] = {
    "defaults": {},
    "no budget": {"backoffLimit": 0},
    "small budget": {"backoffLimit": 2, "cleanPodPolicy": "All"},
    "deadline": {"activeDeadlineSeconds": 900, "cleanPodPolicy": "None"},
}
LOSSES = (None, "silent", *sorted(GONE))
"""What becomes of a node that is lost: it is deleted, or says nothing any more, or is marked by a taint."""
