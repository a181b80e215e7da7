"""Which URIs name a place in an object store that is mirrored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from estimator_api.constants import MIRRORED_SCHEMES

SCHEMES: Final = MIRRORED_SCHEMES
"""`gs` is not among them: TensorFlow itself reads and writes it."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in an object store.

    Attributes:
        scheme: s3, az or gs.
        container: bucket (S3) or container (Azure).
        prefix: what all keys begin with, without slashes around it; "" for the whole container.
    """

    scheme: str
    container: str
    prefix: str


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
