"""One EstimatorJob as the API server has it at one version. A newer version is another object."""

from __future__ import annotations

from typing import Any, Final

from estimator_api import EstimatorJob, InvalidJobError, parse_job
from estimator_api import constants as c
from estimator_operator.control.believable import believable
from estimator_operator.control.pruned_status import Unkept
from estimator_operator.kube.decoding import UNREADABLE
from estimator_operator.kube.object_shape import version_of

Json = dict[str, Any]

UNMANAGED: Final = "Unmanaged"
"""State of a job that another controller runs; no condition ever has this reason."""


class JobObject:
    """The object, and what is read of it without a model of the whole.

    Args:
        manifest: As the API server has it; its managedFields, which are most of it and which nobody reads, are dropped.
        unkept: What the API server did not keep of its status.

    Attributes:
        manifest: The object, its status as it was written.
        kept_status: The status as the API server has it.
        is_mended: Something in it cannot have been written by an operator.
        version: Its resourceVersion as a number.
    """

    __slots__ = ("_conditions", "_parsed", "is_mended", "kept_status", "manifest", "version")

    def __init__(self, manifest: Json, unkept: Unkept | None = None) -> None:
        metadata = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
        self.manifest: Json = {**manifest, "metadata": metadata}
        self.is_mended = False
        self.kept_status: Json = manifest.get("status") or {}
        if isinstance(self.kept_status, dict) and self.kept_status:
            whole = self.kept_status if unkept is None else unkept.restored(self.kept_status)
            status = self.manifest["status"] = believable(whole)
            self.is_mended = status is not whole
        self.version = version_of(manifest)
        self._parsed: EstimatorJob | InvalidJobError | None = None
        self._conditions: tuple[str | None, str] | None = None

    def with_unkept(self, unkept: Unkept | None) -> JobObject:
        """The same object, with something else that the API server did not keep of its status."""
        return JobObject({**self.manifest, "status": self.kept_status}, unkept)

    @property
    def uid(self) -> str:
        """The job's uid."""
        return str(self.manifest["metadata"]["uid"])

    @property
    def resource_version(self) -> str:
        """The job's resourceVersion."""
        return str(self.manifest["metadata"].get("resourceVersion") or "0")

    @property
    def generation(self) -> int | None:
        """Generation of the spec."""
        generation = self.manifest["metadata"].get("generation")
        return generation if isinstance(generation, int) else None

    @property
    def created_at(self) -> str:
        """When the job was created, RFC 3339 in UTC, which sorts as text."""
        return str(self.manifest["metadata"].get("creationTimestamp") or "")

    @property
    def managed(self) -> bool:
        """This operator runs the job. Asked of the object itself: a spec that cannot be read may be somebody else's."""
        spec = self.manifest.get("spec")
        manager = spec.get("managedBy") if isinstance(spec, dict) else None
        return manager in (None, c.CONTROLLER_NAME)

    @property
    def deleting(self) -> bool:
        """Somebody deleted the job; it waits for its dependents or a finalizer."""
        return bool(self.manifest["metadata"].get("deletionTimestamp"))

    @property
    def result(self) -> str | None:
        """Complete or Failed, once the status says one of them."""
        return self._said()[0]

    @property
    def state(self) -> str:
        """Reason of the Ready condition, New before the first, Unmanaged when somebody else runs the job."""
        return self._said()[1]

    def _said(self) -> tuple[str | None, str]:
        """Result and state, read once: polls, metrics and surveys ask for them of all jobs, again and again."""
        if self._conditions is None:
            conditions = self.status.get("conditions") or ()
            ends = (one["type"] for one in conditions if one["status"] == "True")
            result = next((str(one) for one in ends if one in (c.COMPLETE, c.FAILED)), None)
            ready = next((str(one["reason"]) for one in conditions if one["type"] == c.READY), "New")
            self._conditions = (result, ready if self.managed else UNMANAGED)
        return self._conditions

    @property
    def status(self) -> Json:
        """The stored status."""
        return self.manifest.get("status") or {}

    def job(self) -> EstimatorJob:
        """The job as a model, read once.

        Raises:
            InvalidJobError: It cannot be read.
        """
        if self._parsed is None and UNREADABLE in self.manifest:
            self._parsed = InvalidJobError(f"the job cannot be read: {self.manifest[UNREADABLE]}")
        if self._parsed is None:
            try:
                self._parsed = parse_job(self.manifest)
            except InvalidJobError as error:
                self._parsed = error
        if isinstance(self._parsed, InvalidJobError):
            raise self._parsed
        return self._parsed
