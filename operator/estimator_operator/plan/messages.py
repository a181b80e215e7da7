"""Texts of the status that tests and documentation rely on, each in one place."""

from __future__ import annotations


def waiting_for(replicas: int) -> str:
    """What Ready says while the pods start: the same from the first pod to the last, for every change is a write."""
    return (
        "waiting until 1 replica is ready"
        if replicas == 1
        else f"waiting until all {replicas} replicas are ready"
    )
