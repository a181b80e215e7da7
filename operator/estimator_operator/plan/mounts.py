"""Which mounts of a container hold a path: whoever asks for the volume that a file lies on asks here."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from estimator_api.template_rules import objects_in


def mounts_holding(container: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
    """The mounts of `container` at `path` or above it, the outermost first: the last one has what is at the path.

    Paths are compared as the kernel takes them, whatever slashes and dots they are written with.

    Args:
        container: A container of a pod; what in it has not the form of a mount is passed over.
        path: An absolute path.
    """
    place = _parts(path)
    found = []
    for one in objects_in(container.get("volumeMounts")):
        where = one.get("mountPath")
        if isinstance(where, str) and place[: len(parts := _parts(where))] == parts:
            found.append((len(parts), dict(one)))
    return [mount for _, mount in sorted(found, key=lambda one: one[0])]


def _parts(path: str) -> list[str]:
    """The names on the way to a path; one that does not begin with a slash is taken from the root, as the kubelet does."""
    return [name for name in posixpath.normpath("/" + path).split("/") if name]
