"""Objects of a cluster that are not what they should be, as bytes of the API server."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from estimator_api import constants as c
from estimator_operator.kube.decoding import has_name
from estimator_operator.kube.resources import CLAIMS, EVENTS, JOBS, PODS, SERVICES, Resource

Json = dict[str, Any]
_RAW = {"\x00deep": "[" * 9000 + "]" * 9000, "\x00digits": "9" * 5000}
"""What Python does not write: put in by text."""
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    -(10**30),
    1e308,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\ud800",
    "a\ud800\x1b[31mred\nline",
    "\u202e",
    "../../etc",
    "Not_A.Label",
    "x" * 5000,
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00.123456789+05:30",
    "yesterday",
    "1" * 400,
    "-1",
    "NaN",
    [],
    [None],
    [[]],
    ["a", 1, {}],
    [{}],
    {},
    {"": None},
    {"a": [{}]},
    *_RAW,
)


def _metadata(name: str, labels: Json | None = None) -> Json:
    owner = {
        "apiVersion": c.API_VERSION,
        "kind": c.KIND,
        "name": "bad",
        "uid": "uid-bad",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "namespace": "default",
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": "50",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "deletionTimestamp": "2026-01-01T00:01:00Z",
        "deletionGracePeriodSeconds": 60,
        "labels": {c.LABEL_JOB_NAME: "bad", **(labels or {})},
        "annotations": {"a": "b", c.ANNOTATION_SPEC_HASH: "abc"},
        "ownerReferences": [owner],
        "finalizers": ["example.com/held"],
        "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {}}}],
    }


def _pod() -> Json:
    ended = {"exitCode": 1, "reason": "Error", "message": "no", "finishedAt": "2026-01-01T00:00:10Z"}
    wait = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "ContainersNotReady",
        "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:05Z",
    }
    labels = {c.LABEL_ROLE: "chief", c.LABEL_INDEX: "0", c.LABEL_ATTEMPT: "0"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata("bad-chief-0", labels),
        "spec": {"nodeName": "n", "hostNetwork": False, "schedulingGates": [{"name": "g"}]},
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.9",
            "reason": "Evicted",
            "message": "m",
            "conditions": [
                condition,
                {**condition, "type": "PodScheduled"},
                {**condition, "type": "DisruptionTarget"},
            ],
            "initContainerStatuses": [{"name": "i", "state": wait}],
            "containerStatuses": [
                {"name": "estimator", "ready": False, "state": {"terminated": ended}},
                {"name": "sidecar", "ready": True, "state": wait},
            ],
        },
    }


def _job() -> Json:
    metadata = _metadata("bad")
    del metadata["deletionTimestamp"], metadata["ownerReferences"]
    moment = "2026-01-01T00:00:00Z"
    condition = {"status": "True", "reason": "Training", "message": "m", "lastTransitionTime": moment}
    failure = {
        "replica": "chief-0",
        "attempt": 0,
        "time": moment,
        "reason": "Error",
        "message": "m",
        "exitCode": 1,
    }
    return {
        "apiVersion": c.API_VERSION,
        "kind": c.KIND,
        "metadata": metadata,
        "spec": {
            "image": "trainer",
            "modelDir": {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}},
            "worker": {"replicas": 1, "template": {"spec": {"containers": [{"name": "estimator"}]}}},
            "evaluator": {"replicas": 1},
            "runPolicy": {
                "activeDeadlineSeconds": 600,
                "ttlSecondsAfterFinished": 60,
                "stallTimeoutSeconds": 60,
            },
            "tensorBoard": {},
            "suspend": False,
        },
        "status": {
            "observedGeneration": 1,
            "startTime": moment,
            "conditions": [
                {**condition, "type": "Ready"},
                {**condition, "type": "Failed", "status": "False"},
            ],
            "restarts": {"total": 1, "byReplica": [{"replica": "chief-0", "count": 1}]},
            "failures": [failure],
            "lastFailure": failure,
            "progress": {"globalStep": 5, "loss": 0.5, "lastUpdateTime": moment},
            "completedReplicas": ["worker-0"],
        },
    }


BASES: dict[Resource, Any] = {
    JOBS: _job,
    PODS: _pod,
    SERVICES: lambda: {"metadata": _metadata("bad"), "spec": {"clusterIP": "None"}},
    CLAIMS: lambda: {"metadata": _metadata("bad-model"), "spec": {}, "status": {"phase": "Bound"}},
    EVENTS: lambda: {
        "metadata": _metadata("bad.1"),
        "involvedObject": {"kind": "Pod", "uid": "uid-good"},
        "reason": "FailedMount",
        "message": "no volume",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        "eventTime": None,
        "series": {"lastObservedTime": "2026-01-01T00:00:00Z"},
    },
}


def paths(found: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in an object."""
    keys = found if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()
    for key in keys:
        yield (*here, key)
        yield from paths(found[key], (*here, key))


def spoilt(resource: Resource, path: tuple[Any, ...], value: Any) -> Json:
    """An object with that value in that place."""
    found = BASES[resource]()
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = copy.deepcopy(value)
    return found


def any_spoilt(draw: random.Random, resource: Resource) -> Json:
    """An object of which one to three places are not what they should be."""
    found = spoilt(resource, draw.choice(list(paths(BASES[resource]()))), draw.choice(VALUES))
    for _ in range(draw.choice((0, 0, 1, 2))):
        spoil(draw, found)
    return found


def spoil(draw: random.Random, found: Json) -> None:
    *parents, last = draw.choice(list(paths(found)) or [("metadata",)])
    place: Any = found
    for key in parents:
        place = place[key]
    place[last] = copy.deepcopy(draw.choice(VALUES))


def is_named(found: Json) -> bool:
    """Name and uid of it can be read whatever the rest is."""
    return has_name(found) and not {found["metadata"][key] for key in ("name", "uid")} & _RAW.keys()


def as_text(found: Any, draw: random.Random | None = None) -> bytes:
    """The object as JSON, with what Python does not write; some members stand there twice."""
    text = json.dumps(found)
    for name, raw in _RAW.items():
        text = text.replace(json.dumps(name), raw)
    if draw is not None and draw.random() < 0.2 and text.startswith("{"):
        twice = draw.choice(('"metadata":null,', '"spec":3,', '"status":[],', '"apiVersion":"v0",'))
        text = "{" + twice + text[1:]
    return text.encode()
