"""Where a job keeps its model: checkpoints, summaries, exports."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from estimator_api import constants as c
from estimator_api.base import ApiModel, Rule
from estimator_api.pod_fields import NullTimestamp, pod_field
from estimator_api.strings import ModelUri, ObjectName, RelativePath


class ClaimSource(ApiModel):
    """An existing PersistentVolumeClaim in the job's namespace."""

    claim_name: ObjectName
    """Name of the claim."""
    sub_path: RelativePath | None = None
    """Directory within the volume, relative; default its root."""


QUANTITY = (
    "[+]?([0-9]*[1-9][0-9]*([.][0-9]*)?|0*[.][0-9]*[1-9][0-9]*)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,3})?"
)
"""Every way in which Kubernetes takes an amount above zero."""
QUANTITY_MESSAGE = "must be an amount of bytes above zero, for example 10Gi"


def whole(value: Any) -> Any:
    """A whole number however YAML had it: 1e9 without quotes is a fraction to some readers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class StorageRequest(ApiModel):
    """An amount of storage."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"type(self.storage) == string ? self.storage.matches(r'^(?:{QUANTITY})$') : self.storage > 0",
            message=QUANTITY_MESSAGE,
            holds=lambda r: (
                r.storage > 0 if isinstance(r.storage, int) else re.fullmatch(QUANTITY, r.storage) is not None
            ),
            field_path=".storage",
        ),
    )

    storage: Annotated[
        int | str,
        BeforeValidator(whole),
        Field(json_schema_extra={"x-kubernetes-int-or-string": True, "maxLength": 32}),
    ]
    """A quantity, for example `10Gi`."""


class ClaimResources(ApiModel):
    """Storage asked for by a claim."""

    requests: StorageRequest
    """The request; only `storage` is used."""


class ClaimMetadata(ApiModel):
    """Labels and annotations of the claim."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"!has(self.labels) || !('{c.LABEL_JOB_NAME}' in self.labels)",
            message=f"{c.LABEL_JOB_NAME} says which job may use the claim, and is the operator's: remove it",
            holds=lambda m: c.LABEL_JOB_NAME not in (m.labels or {}),
            field_path=".labels",
        ),
    )

    labels: dict[str, str] | None = pod_field("labels")
    """Labels."""
    annotations: dict[str, str] | None = pod_field("annotations")
    """Annotations, for example of a backup or of a GitOps tool."""
    creation_timestamp: NullTimestamp = None
    """Means nothing; programs that write templates write null here."""


class ClaimTemplate(ApiModel):
    """A PersistentVolumeClaim made for the job, named `<job>-model`. It is made once: what it says cannot change."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.accessModes.exists(m, m != 'ReadOnlyMany')",
            message="a model directory is written to: use ReadWriteMany or ReadWriteOnce",
            holds=lambda t: any(mode != "ReadOnlyMany" for mode in t.access_modes),
            field_path=".accessModes",
            admission=True,
        ),
    )

    metadata: ClaimMetadata | None = None
    """Labels and annotations of the claim."""

    access_modes: Annotated[
        list[Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]],
        Field(max_length=4, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = Field(default=["ReadWriteOnce"])
    """Access modes of the claim. Pods on several nodes need ReadWriteMany; without it the job's pods are kept on one
    node, for a ReadWriteOnce volume is at one node at a time."""
    storage_class_name: ObjectName | None = None
    """Storage class; default the cluster's."""
    resources: ClaimResources
    """How much storage to ask for."""
    retention: Literal["Retain", "Delete"] = "Retain"
    """What becomes of the claim when the job is deleted."""


def _either(*schemes: str) -> str:
    return "|".join(schemes)


class ModelDir(ApiModel):
    """Where the job keeps its model: exactly one of uri, persistentVolumeClaim, volumeClaimTemplate."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(has(self.uri) ? 1 : 0) + (has(self.persistentVolumeClaim) ? 1 : 0)"
            " + (has(self.volumeClaimTemplate) ? 1 : 0) == 1",
            message="modelDir needs exactly one of uri, persistentVolumeClaim, volumeClaimTemplate",
            holds=lambda m: [m.uri, m.persistent_volume_claim, m.volume_claim_template].count(None) == 2,
        ),
        Rule(
            cel="!has(self.mirror) || (self.mirror"
            f" ? has(self.uri) && self.uri.matches('^({_either(*c.CHOSEN_SCHEMES, *c.MIRRORED_SCHEMES)})://')"
            f" : !has(self.uri) || !self.uri.matches('^({_either(*c.MIRRORED_SCHEMES)})://'))",
            message="s3:// and az:// are always mirrored, gs:// by choice, and nothing else is: leave mirror out",
            field_path=".mirror",
            holds=lambda m: (
                m.mirror is None
                or (m.scheme in (*c.CHOSEN_SCHEMES, *c.MIRRORED_SCHEMES) if m.mirror else not m.is_mirrored)
            ),
        ),
    )

    uri: ModelUri | None = None
    """An absolute path in a volume that the template mounts, or a URI: `gs://bucket/model`, which TensorFlow writes to, or
    `s3://bucket/model` or `az://container/model`, which the job runner mirrors in a local directory of each pod. Other
    schemes, `hdfs://` among them, are refused beside estimator and program; a command of the image's own may know them."""
    mirror: bool | None = None
    """Have the job runner mirror a `gs://` uri in a local directory of each pod as it does `s3://` and `az://`, which it always
    mirrors. Default: TensorFlow itself reads and writes `gs://`."""
    persistent_volume_claim: ClaimSource | None = None
    """An existing claim, mounted at /model."""
    volume_claim_template: ClaimTemplate | None = None
    """A claim made for this job, mounted at /model."""

    @property
    def scheme(self) -> str | None:
        """What is before `://` in its uri; None for a path and a claim."""
        scheme, found, _ = (self.uri or "").partition("://")
        return scheme if found else None

    @property
    def mirrored_by_choice(self) -> str | None:
        """The scheme that the job runner mirrors only because this job asks for it; None where there is none."""
        return self.scheme if self.mirror and self.scheme in c.CHOSEN_SCHEMES else None

    @property
    def is_mirrored(self) -> bool:
        """The job runner keeps it in local directories, and a store alike."""
        return self.scheme in c.MIRRORED_SCHEMES or self.mirrored_by_choice is not None

    @property
    def is_for_one_node(self) -> bool:
        """The claim made for the job can be used on one node at a time; nothing is known of other claims."""
        template = self.volume_claim_template
        return template is not None and "ReadWriteMany" not in template.access_modes

    def claim_name(self, job_name: str) -> str | None:
        """Name of the claim that holds the model, or None for a uri."""
        if self.persistent_volume_claim is not None:
            return self.persistent_volume_claim.claim_name
        return f"{job_name}-model" if self.volume_claim_template is not None else None
