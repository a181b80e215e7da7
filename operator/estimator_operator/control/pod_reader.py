"""From a pod that the API server tells of to its summary, whatever state the pod is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from estimator_operator.kube.decoding import UNREADABLE, UndecodableError
from estimator_operator.kube.object_shape import in_shape
from estimator_operator.kube.pod_summary import PodRecord, unreadable
from estimator_operator.kube.resources import PODS

Json = dict[str, Any]
ObjectErrorObserver = Callable[[str, Json, Exception], None]
"""Told of an object (its plural, its manifest) that could not be read, and why."""


class PodReader:
    """Reads pods. One that cannot be read is told of, and no reason to fail.

    Args:
        parse: Makes a summary of a pod.
        on_error: Told of pods that cannot be read.
    """

    def __init__(self, parse: Callable[[Json], PodRecord | None], on_error: ObjectErrorObserver) -> None:
        self._parse = parse
        self._on_error = on_error

    def shaped(self, manifest: Json) -> Json | None:
        """The pod with metadata that can be relied on, be it a stub; None when it cannot be told from others."""
        try:
            shaped = in_shape(manifest, PODS)
        except UndecodableError as error:
            self._on_error("pods", manifest, error)
            return None
        if shaped is not manifest:
            self._on_error("pods", manifest, UndecodableError(str(shaped[UNREADABLE])))
        return shaped

    def summary(self, shaped: Json, known: PodRecord | None) -> PodRecord | None:
        """The summary; of a pod that cannot be summarised what is left: what was known is not true any more.

        Args:
            shaped: The pod.
            known: Its last summary.
        """
        try:
            if UNREADABLE not in shaped:
                return self._parse(shaped)
        except Exception as error:  # noqa: BLE001  (one pod that cannot be read must not stop the others)
            self._on_error("pods", shaped, error)
        return unreadable(shaped, known)
