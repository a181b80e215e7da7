"""The roles of a training cluster: chief, worker, ps and evaluator."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from estimator_api.base import ApiModel, Rule
from estimator_api.pod_fields import NullTimestamp, pod_field
from estimator_api.strings import ObjectName
from estimator_api.template_rules import variables_rule


class OverlayMetadata(ApiModel):
    """Labels and annotations."""

    labels: dict[str, str] | None = pod_field("labels")
    """Labels, laid over the shared template's by key."""
    annotations: dict[str, str] | None = pod_field("annotations")
    """Annotations, laid over the shared template's by key."""
    creation_timestamp: NullTimestamp = None
    """Means nothing; programs that write templates write null here."""


class PodOverlay(ApiModel):
    """A partial pod template. Its spec has the shape of a pod's; the API server checks it when pods are made."""

    metadata: OverlayMetadata | None = None
    """Labels and annotations."""
    spec: dict[str, Any] | None = Field(
        default=None, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}
    )
    """Part of a PodSpec."""


class Role(ApiModel):
    """What the replicas of one role ask for beyond the shared template."""

    rules: ClassVar[tuple[Rule, ...]] = (variables_rule(),)

    resources: dict[str, Any] | None = pod_field("resources")
    """Compute resources of the main container, as in a pod: requests and limits."""
    env: list[dict[str, Any]] | None = pod_field("env", max_length=512)
    """Environment variables of the main container, laid over the template's by name."""
    node_selector: dict[str, str] | None = pod_field("nodeSelector")
    """Labels a node must have, laid over the template's by key."""
    tolerations: list[dict[str, Any]] | None = pod_field("tolerations", max_length=64)
    """Tolerations added to the template's."""
    affinity: dict[str, Any] | None = pod_field("affinity")
    """Scheduling constraints; replaces the template's."""
    priority_class_name: ObjectName | None = None
    """Priority class of the pods; replaces the template's."""
    template: PodOverlay | None = None
    """Part of a pod template, laid over the shared one: containers, init containers, volumes and environment
    variables by name, other objects by field, other lists as a whole. What says more of a replica wins: the role's
    fields beside this one, then this template, then fields of spec such as image, then the shared template, then the
    operator's defaults. A command of its own runs in place of `estimator` and `program`."""


class ChiefRole(Role):
    """The chief: the replica that saves checkpoints and summaries and decides when training ends."""


class WorkerRole(Role):
    """The workers: replicas that compute training steps beside the chief."""

    replicas: Annotated[int, Field(ge=0, le=1000, json_schema_extra={"format": "int32"})] = 1
    """Number of workers beside the chief."""


class PsRole(Role):
    """The parameter servers: replicas that hold the variables."""

    replicas: Annotated[int, Field(ge=0, le=1000, json_schema_extra={"format": "int32"})] = 1
    """Number of parameter servers."""


class EvaluatorRole(Role):
    """The evaluator: evaluates checkpoints while the others train and exports models."""

    replicas: Annotated[int, Field(ge=0, le=1, json_schema_extra={"format": "int32"})] = 1
    """Number of evaluators: 0 or 1."""
