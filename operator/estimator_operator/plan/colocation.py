"""Keeping a job's pods on one node, where its volume can be used at one node at a time.

Every pod asks to be where pods of the job are already. The first one finds none; the scheduler places it then, because
it matches its own wish. TensorBoard goes where the chief is (see `tensorboard.py`) and draws nobody.

The scheduler counts for a pod's required terms only pods that match all of them. So ours can stand beside one of the
template's only if pods of the job match that one too: all roles do, or it names roles that ask for nothing themselves
(workers beside the chief). With any other there would be nobody to go to, or the pods would come together without the
rest. Such a job is refused, and so is one whose pods ask to be apart. One that has begun keeps a mere wish.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.overlay import lay_over
from estimator_operator.plan.ownership import job_labels

_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_BESIDE: Final = "podAffinity"
_APART: Final = "podAntiAffinity"
Json = Mapping[str, Any]


def keep_together(spec: dict[str, Any], job: EstimatorJob) -> None:
    """Adds the wish to `spec`, in place, beside the affinity that it has."""
    affinity = dict(spec.get("affinity") or {})
    to_pods = dict(affinity.get(_BESIDE) or {})
    if to_pods.get(_REQUIRED) and contradiction(job) is not None:
        wish = {"weight": 100, "podAffinityTerm": _term(job)}
        to_pods[_PREFERRED] = [*(to_pods.get(_PREFERRED) or []), wish]
    else:
        to_pods[_REQUIRED] = [*(to_pods.get(_REQUIRED) or []), _term(job)]
    spec["affinity"] = {**affinity, _BESIDE: to_pods}


def contradiction(job: EstimatorJob) -> str | None:
    """Why the job's pods, which have to be on one node, can never be; None when nothing of the spec forbids it."""
    if not (job.spec.model_dir.is_for_one_node and job.spec.has_several_pods):
        return None
    roles = [role for role in c.ROLES if job.spec.replicas(role) or (role == c.WORKER and job.spec.elastic)]
    pods = {role: _template(job, role) for role in roles}
    free = {role for role in roles if not _terms(pods[role], _BESIDE)}
    for role in roles:
        terms = _terms(pods[role], _BESIDE)
        found = {other for other in roles if all(_matches(one, job, pods[other]) for one in terms)}
        waits = bool(found) and role not in found and found <= free
        if terms and found != set(roles) and not waits:
            return _refusal(job, role, _BESIDE)
        single = role in (c.CHIEF, c.EVALUATOR) or (job.spec.replicas(role) == 1 and not job.spec.elastic)
        others = [other for other in roles if other != role or not single]
        if any(_matches(one, job, pods[other]) for one in _terms(pods[role], _APART) for other in others):
            return _refusal(job, role, _APART)
    return None


def _refusal(job: EstimatorJob, role: str, kind: str) -> str:
    return (
        f"{_path(job, role)}: the model directory's claim is for one node, so all pods of the job go to one, and this"
        f" required {kind} keeps {role} pods from the others: prefer it ({_PREFERRED}), or use accessModes ReadWriteMany"
    )


def _path(job: EstimatorJob, role: str) -> str:
    section = job.spec.role(role)
    if section is not None and section.affinity is not None:
        return f"spec.{role}.affinity"
    own = section.template.spec if section is not None and section.template is not None else None
    return (
        f"spec.{role}.template.spec.affinity"
        if own and own.get("affinity")
        else "spec.template.spec.affinity"
    )


def _template(job: EstimatorJob, role: str) -> Json:
    """Labels and affinity of a role's pods."""
    section = job.spec.role(role)
    overlay = section.template.to_json() if section is not None and section.template is not None else {}
    merged = lay_over(job.spec.template or {}, overlay)
    labels = {**((merged.get("metadata") or {}).get("labels") or {}), **job_labels(job)}
    affinity = (merged.get("spec") or {}).get("affinity")
    if section is not None and section.affinity is not None:
        affinity = section.affinity
    return {
        "labels": {**labels, c.LABEL_APP_COMPONENT: role, c.LABEL_ROLE: role},
        "affinity": affinity or {},
    }


def _terms(pod: Json, kind: str) -> list[Json]:
    return list((pod["affinity"].get(kind) or {}).get(_REQUIRED) or [])


def _matches(term: Json, job: EstimatorJob, pod: Json) -> bool:
    """All pods of a role match a term, wherever that can be told; replicas differ in labels of their own."""
    spaces, by_label = term.get("namespaces") or [], term.get("namespaceSelector")
    here = job.metadata.namespace in spaces or (not spaces and by_label is None) or by_label == {}
    selector = term.get("labelSelector")
    if not here or selector is None or term.get("matchLabelKeys") or term.get("mismatchLabelKeys"):
        return False
    labels = pod["labels"]
    equal = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return equal and all(_holds(one, labels) for one in _expressions(selector))


def _expressions(selector: Json) -> Iterator[Json]:
    expressions: Iterable[Json] = selector.get("matchExpressions") or ()
    yield from expressions


def _holds(expression: Json, labels: Json) -> bool:
    key, values = str(expression.get("key")), expression.get("values") or ()
    operator = expression.get("operator")
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    return (key in labels) == (operator == "Exists")


def _term(job: EstimatorJob) -> dict[str, Any]:
    return {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {
            "matchLabels": {c.LABEL_JOB_NAME: job.metadata.name},
            "matchExpressions": [{"key": c.LABEL_ROLE, "operator": "In", "values": list(c.ROLES)}],
        },
    }
