"""The pods of a job: names, labels, and the user's template completed to what the pod contract promises.

What says more of a replica wins: the role's own fields, the role's partial template (laid over the shared one, see
`overlay.py`), fields of spec such as image, the shared template, the operator's defaults (see `pod_security.py` for the
security ones). Some things are never the template's, and a template that says them is refused: the restart policy (a
restart is a new pod with a new attempt number), host name and subdomain (they are the replica's address), and what
`template_rules.py` lists beside these.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, overload

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan import environment_faults, shared_model_dir
from estimator_operator.plan.cluster_spec import compact_json
from estimator_operator.plan.colocation import keep_together
from estimator_operator.plan.container import main_container
from estimator_operator.plan.environment import JobEnvironment, template_of
from estimator_operator.plan.environment_file import environment_file
from estimator_operator.plan.gpu import share_memory, tolerate_gpu_nodes
from estimator_operator.plan.inputs import staging_container, volumes_of
from estimator_operator.plan.observed import Pod, Replica, Settings
from estimator_operator.plan.ownership import job_labels, owner_reference
from estimator_operator.plan.pod_security import assigns_user, restrict_pod
from estimator_operator.plan.spec_hash import provenance

TERMINATION_GRACE_SECONDS = 60
"""Time to save a checkpoint after SIGTERM."""


def pod_name(job_name: str, replica: Replica, attempt: int) -> str:
    """`<job>-<role>-<index>`, and `-r<n>` after restart n: no two pods ever share a name."""
    base = f"{job_name}-{replica}"
    return base if attempt == 0 else f"{base}-r{attempt}"


class PodFactory:
    """Makes the pods of one job; what they have in common is made once.

    Args:
        job: The job.
        settings: What the operator's flags decide.
    """

    def __init__(self, job: EstimatorJob, settings: Settings) -> None:
        self._job = job
        self._settings = settings
        self._environment = JobEnvironment(job, settings)
        self._kinds: dict[str, str | None] = {}

    @property
    def identity(self) -> tuple[Any, ...]:
        """What the pods are a function of."""
        return self._job.metadata.uid, self._job.spec, self._settings

    def kind(self, role: str) -> str | None:
        """What the spec says of the pods of a role, so that roles of which it says the same are one kind.

        None where it says nothing: such pods are the operator's own work, and there is no mistake of the spec to find.
        """
        if role not in self._kinds:
            section = self._job.spec.role(role)
            said = section.to_json() if section is not None else {}
            said.pop("replicas", None)
            template = self._job.spec.template
            self._kinds[role] = compact_json([template, said]) if template or said else None
        return self._kinds[role]

    def fault(self) -> str | None:
        """Why none of them could ever start, or do what it is for; or None."""
        return environment_faults.fault_of(self._job, self._environment) or shared_model_dir.fault_of(
            self._job
        )

    @cached_property
    def environment_file(self) -> dict[str, Any] | None:
        """The ConfigMap that the pods mount; None for all but the largest jobs."""
        files = self._environment.files
        return environment_file(self._job, files) if files else None

    def manifest(self, replica: Replica, attempt: int) -> dict[str, Any]:
        """The pod of one attempt of `replica`.

        The result is a function of job, settings and arguments alone, so that creating it twice is creating it once.
        """
        job = self._job
        template = copy.deepcopy(template_of(job, replica.role))
        spec: dict[str, Any] = template.get("spec") or {}
        _lay_role_over(spec, job, replica)
        _lay_volumes_over(spec, job, replica.role, self.environment_file)
        if job.spec.model_dir.is_for_one_node and job.spec.has_several_pods:
            keep_together(spec, job)
        main = main_container(
            spec,
            job,
            replica,
            self._settings,
            environment=lambda env: self._environment.of(replica, attempt, env),
            by_file=self.environment_file is not None,
        )
        others = [one for one in spec.get("containers") or [] if one.get("name") != c.CONTAINER]
        spec["containers"] = [main, *others]
        staging = staging_container(spec, main, job, replica, self._settings)
        if staging is not None:
            spec["initContainers"] = [*(spec.get("initContainers") or []), staging]
        share_memory(spec, main)
        tolerate_gpu_nodes(spec)
        restrict_pod(spec, assign_user=assigns_user(job, self._settings))
        if spec.get("hostNetwork") and spec.get("dnsPolicy") in (None, "ClusterFirst"):
            # On the node's network ClusterFirst, the default, asks the node's DNS, which knows no Service.
            spec["dnsPolicy"] = "ClusterFirstWithHostNet"
        spec["restartPolicy"] = "Never"
        spec["hostname"] = f"{job.metadata.name}-{replica}"
        spec["subdomain"] = job.metadata.name
        spec.setdefault("automountServiceAccountToken", False)
        spec.setdefault("enableServiceLinks", False)
        spec.setdefault("terminationGracePeriodSeconds", TERMINATION_GRACE_SECONDS)
        metadata = self._metadata(template.get("metadata") or {}, replica, attempt)
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def _metadata(self, template: Mapping[str, Any], replica: Replica, attempt: int) -> dict[str, Any]:
        job = self._job
        metadata: dict[str, Any] = {
            "name": pod_name(job.metadata.name, replica, attempt),
            "namespace": job.metadata.namespace,
            "labels": {
                **(template.get("labels") or {}),
                **job_labels(job),
                c.LABEL_APP_COMPONENT: replica.role,
                c.LABEL_ROLE: replica.role,
                c.LABEL_INDEX: str(replica.index),
                c.LABEL_ATTEMPT: str(attempt),
            },
            "ownerReferences": [owner_reference(job)],
        }
        metadata["annotations"] = {**(template.get("annotations") or {}), **self._provenance}
        return metadata

    @cached_property
    def _provenance(self) -> dict[str, str]:
        return provenance(self._job, self._settings)


class PodManifests(Sequence[dict[str, Any]]):
    """Manifests of pods to be created, in order; each is made when it is asked for, and nobody keeps it.

    A plan of 2,000 pods costs nothing until they are created, and creating them needs room for one batch.

    Args:
        factory: Makes them.
        wanted: Replicas and attempts.
        later: Replicas and attempts whose pods are made once these are.
    """

    def __init__(
        self,
        factory: PodFactory,
        wanted: Iterable[tuple[Replica, int]],
        later: Iterable[tuple[Replica, int]] = (),
    ) -> None:
        self._factory = factory
        self._wanted = tuple(wanted)
        self._later = tuple(later)

    def __len__(self) -> int:
        return len(self._wanted)

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> PodManifests: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | PodManifests:
        """One manifest; of a slice, manifests that are made as late as these."""
        if isinstance(place, int):
            return self._factory.manifest(*self._wanted[place])
        return PodManifests(self._factory, self._wanted[place])

    @property
    def environment_file(self) -> dict[str, Any] | None:
        """The ConfigMap without which these pods could not be started, or None."""
        return self._factory.environment_file

    def samples(self, known: Container[str]) -> dict[str, dict[str, Any]]:
        """One manifest of each kind of pod that the spec describes, by kind; kinds that are `known` apart."""
        first: dict[str, tuple[Replica, int]] = {}
        for replica, attempt in self._wanted:
            kind = self._factory.kind(replica.role)
            if kind is not None and kind not in known:
                first.setdefault(kind, (replica, attempt))
        return {kind: self._factory.manifest(*one) for kind, one in first.items()}

    def later_samples(self, known: Container[str]) -> dict[str, dict[str, Any]]:
        """The same of the pods that come later."""
        return PodManifests(self._factory, self._later).samples(known)

    def __eq__(self, other: object) -> bool:
        """They would make the same pods."""
        if not isinstance(other, PodManifests):
            return NotImplemented
        return self._factory.identity == other._factory.identity and self._wanted == other._wanted

    __hash__ = None  # type: ignore[assignment]  # a spec has no hash


def pod_manifest(job: EstimatorJob, replica: Replica, attempt: int, settings: Settings) -> dict[str, Any]:
    """The pod of one attempt of `replica`, by itself."""
    return PodFactory(job, settings).manifest(replica, attempt)


def unused_environment_file(job: EstimatorJob, settings: Settings, pods: Iterable[Pod] | None) -> str | None:
    """Name of the ConfigMap with the job's variables, if there is one and none of `pods` runs; None for "in use"."""
    if pods is None or any(not one.finished for one in pods):
        return None
    file = PodFactory(job, settings).environment_file
    return None if file is None else str(file["metadata"]["name"])


def _lay_role_over(spec: dict[str, Any], job: EstimatorJob, replica: Replica) -> None:
    role = job.spec.role(replica.role)
    if role is None:
        return
    if role.node_selector:
        spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), **role.node_selector}
    if role.tolerations:
        spec["tolerations"] = [*(spec.get("tolerations") or []), *role.tolerations]
    if role.affinity is not None:
        spec["affinity"] = role.affinity
    if role.priority_class_name is not None:
        spec["priorityClassName"] = role.priority_class_name
    if job.spec.image_pull_secrets:
        spec["imagePullSecrets"] = named_union(spec.get("imagePullSecrets"), job.spec.image_pull_secrets)


def _lay_volumes_over(
    spec: dict[str, Any], job: EstimatorJob, role: str, environment_file: Mapping[str, Any] | None
) -> None:
    volumes = volumes_of(job, role)
    claim = job.spec.model_dir.claim_name(job.metadata.name)
    if claim is not None:
        volumes.append({"name": c.MODEL_VOLUME, "persistentVolumeClaim": {"claimName": claim}})
    if job.spec.code is not None:
        config_map: dict[str, Any] = {"name": job.spec.code.config_map.name}
        if job.spec.code.config_map.items:
            config_map["items"] = [item.to_json() for item in job.spec.code.config_map.items]
        volumes.append({"name": c.CODE_VOLUME, "configMap": config_map})
    if environment_file is not None:
        config_map = {"name": environment_file["metadata"]["name"]}
        volumes.append({"name": c.ENVIRONMENT_VOLUME, "configMap": config_map})
    if volumes:
        spec["volumes"] = named_union(spec.get("volumes"), volumes)


def named_union(
    lower: Iterable[dict[str, Any]] | None, upper: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """List-map merge by `name`: items of `upper` replace those of `lower` in place, new ones are appended."""
    merged = {one.get("name"): one for one in lower or ()}
    merged.update({one.get("name"): one for one in upper})
    return list(merged.values())
