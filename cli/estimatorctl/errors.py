"""What the command line says when it cannot do what was asked.

CommandError (exit 2)
  ManifestError     the manifest or what it refers to is wrong; one line per fault
  ModelDirInUse     another run holds the model directory
  ClusterError      the cluster cannot be reached or refuses; exit 1
    ObjectNotFound  there is no such object
      JobNotFound   there is no such job
    Unreachable     no answer came, or one that says to try again
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class CommandError(Exception):
    """Ends the command; the message is for the person who typed it."""

    exit_code: ClassVar[int] = 2


class ManifestError(CommandError):
    """The manifest has faults.

    Args:
        faults: One line each, beginning with the path of the field.
        source: The file, put before each line.
    """

    def __init__(self, faults: Sequence[str], source: str = "") -> None:
        prefix = f"{source}: " if source else ""
        super().__init__("\n".join(prefix + fault for fault in faults))
        self.faults = tuple(faults)


class ModelDirInUse(CommandError):  # noqa: N818 - names a state that the user is in, not a bug
    """Another run trains in the same model directory."""


class ClusterError(CommandError):
    """The API server cannot be reached, refuses, or does not know the job."""

    exit_code: ClassVar[int] = 1


class ObjectNotFound(ClusterError):  # noqa: N818 - names a state of the cluster, not a bug
    """There is no such object."""


class JobNotFound(ObjectNotFound):
    """There is no such job."""


class Unreachable(ClusterError):  # noqa: N818 - names a state of the cluster, not a bug
    """No answer came, or one that says to try again."""
