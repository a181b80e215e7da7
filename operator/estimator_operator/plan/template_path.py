"""Where a job's spec says what the API server calls by its place in a pod.

A pod is made of several parts of the spec, and of four roles' templates one may have the typo: the place in the pod
alone sends the reader through all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from estimator_api import constants as c

Json = Mapping[str, Any]

_PLACE: Final = re.compile(r"\b(?:spec|metadata)(?:[.][A-Za-z][A-Za-z0-9]*(?:\[[^\[\]]*\])?)+")
_STEP: Final = re.compile(r"([A-Za-z0-9]+)(?:\[(\d+)\])?")


def told_by_place(spec: Json, pod: Json, message: str) -> str:
    """The words of the API server about a pod of a job, behind the place in the job's spec that they are about.

    Args:
        spec: The job's spec.
        pod: The manifest that was refused.
        message: What the API server says.
    """
    role = str(((pod.get("metadata") or {}).get("labels") or {}).get(c.LABEL_ROLE))
    section = spec.get(role)
    own = section.get("template") if isinstance(section, Mapping) else None
    found = _PLACE.search(message)
    for where, template in ((f"spec.{role}.template", own), ("spec.template", spec.get("template"))):
        place = _place(template, pod, found.group()) if found and isinstance(template, Mapping) else None
        if place is not None:
            return f"{where}.{place}: {message}"
    return f"spec.{role}: {message}"


def _place(template: Json, pod: Json, path: str) -> str | None:
    """The same place in a template, whose containers may stand in another order; None when it does not say it."""
    below: Any = template
    made: Any = pod
    steps = []
    for name, number in _STEP.findall(path):
        if not isinstance(below, Mapping) or name not in below:
            return None
        below, made = below[name], made.get(name) if isinstance(made, Mapping) else None
        steps.append(name)
        if number:
            place = _index(below, made, int(number))
            if place is None:
                return None
            below, made = below[place], made[int(number)]
            steps[-1] += f"[{place}]"
    return ".".join(steps)


def _index(below: Any, made: Any, number: int) -> int | None:
    if not isinstance(below, list) or not isinstance(made, list) or number >= len(made):
        return None
    wanted = made[number].get("name") if isinstance(made[number], Mapping) else None
    for place, one in enumerate(below):
        if isinstance(one, Mapping) and one.get("name") == wanted:
            return place
    return None
