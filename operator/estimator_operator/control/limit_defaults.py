"""A limit that the namespace sets by default and a template's request is above: no fault of the template alone.

The admission plugin LimitRanger gives a container the limits that it does not set itself, and the validation after that
answers 422 as if the template had asked for the impossible. Who lifts the LimitRange need not touch the job. The same
holds for a container that a webhook has added. Where the template sets both, nothing but another spec helps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from estimator_operator.errors import ForbiddenError, InvalidError

Json = dict[str, Any]

_START: Final = " is invalid: "
_ABOVE: Final = re.compile(
    r"spec\.(containers|initContainers)\[(\d+)\]\.resources\.requests(?:\[[^\]]*\])?: Invalid value: \"[^\"]*\": "
    r"must be (?:less than or )?equal to (\S+) limit of [^\s,\]]+"
)
_MORE: Final = re.compile(r"[^\[\],\s]")


def above_default_limit(manifest: Mapping[str, Any], error: InvalidError) -> ForbiddenError | None:
    """The refusal that an answer of the API server amounts to, when only defaults of others make the pod invalid.

    Args:
        manifest: The pod as it was sent.
        error: What the API server answered.

    Returns:
        None when something is wrong that the manifest itself says.
    """
    said = error.message.partition(_START)[2]
    found = list(_ABOVE.finditer(said))
    if error.status != 422 or not found or _MORE.search(_ABOVE.sub("", said)):
        return None
    if any(_sets_both(manifest, one[1], int(one[2]), one[3]) for one in found):
        return None
    return ForbiddenError(error.message, status=error.status, reason=error.reason)


def _sets_both(manifest: Mapping[str, Any], field: str, index: int, resource: str) -> bool:
    containers = manifest["spec"].get(field) or ()
    if index >= len(containers):
        return False
    resources = containers[index].get("resources") or {}
    return all(resource in (resources.get(kind) or {}) for kind in ("requests", "limits"))
