"""Which URIs name a place in an object store that is mirrored."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from estimator_api.constants import CHOSEN_SCHEMES, ENV_MIRROR, MIRRORED_SCHEMES

SCHEMES: Final = (*MIRRORED_SCHEMES, *CHOSEN_SCHEMES)
"""Those that can be mirrored. `gs` is TensorFlow's own unless a job chooses the mirror, see `chosen`."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in an object store.

    Attributes:
        scheme: s3, az or gs.
        container: bucket (S3, Google) or container (Azure).
        prefix: what all keys begin with, without slashes around it; "" for the whole container.
    """

    scheme: str
    container: str
    prefix: str


def chosen(variables: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The schemes that are mirrored in this process: those that TensorFlow does not know, and the one the job chose."""
    asked = variables.get(ENV_MIRROR)
    return (*MIRRORED_SCHEMES, *(one for one in CHOSEN_SCHEMES if one == asked))


def parse(uri: str, schemes: Sequence[str] = SCHEMES) -> Location | None:
    """The place that `uri` names; None when it is a path or of another scheme.

    Args:
        uri: a path or URI.
        schemes: those that are meant.

    Raises:
        ValueError: it names no container.
    """
    scheme, found, rest = uri.partition("://")
    if not found or scheme not in schemes:
        return None
    container, _, prefix = rest.partition("/")
    if not container:
        raise ValueError(f"{uri} names no {'container' if scheme == 'az' else 'bucket'}")
    return Location(scheme, container, "/".join(part for part in prefix.split("/") if part))
