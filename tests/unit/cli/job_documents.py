"""EstimatorJobs as an API server would answer, in the states that people look at."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

NOW = datetime(2026, 1, 31, 12, 5, 0, tzinfo=UTC)
TRUTHS = {
    "New": {},
    "PodsPending": {"Ready": "False", "Reconciling": "True"},
    "PodsNotReady": {"Ready": "False", "Reconciling": "True"},
    "PodCreationForbidden": {"Ready": "False", "Reconciling": "True"},
    "InvalidSpec": {"Ready": "False", "Stalled": "True"},
    "Training": {"Ready": "True"},
    "Evaluating": {"Ready": "True"},
    "Restarting": {"Ready": "False", "Reconciling": "True"},
    "Suspended": {"Ready": "True", "Suspended": "True"},
    "Completed": {"Ready": "True", "Complete": "True"},
    "BackoffLimitExceeded": {"Ready": "False", "Stalled": "True", "Failed": "True"},
}


def document(reason="New", message="", *, uid="uid-1", version="1", **status):
    """A job `team/digits` in the state `reason`."""
    conditions = [
        {
            "type": kind,
            "status": truth,
            "reason": reason,
            "message": message,
            "lastTransitionTime": "2026-01-31T12:00:00Z",
            "observedGeneration": 1,
        }
        for kind, truth in TRUTHS[reason].items()
    ]
    return {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "metadata": {"name": "digits", "namespace": "team", "uid": uid, "resourceVersion": version},
        "spec": {"modelDir": {"uri": "/m"}, "fieldOfTomorrow": {"kept": True}},
        "status": {"observedGeneration": -1} if reason == "New" else {"conditions": conditions} | status,
    }


def roles(**ready):
    desired = {"chief": 1, "worker": 2, "ps": 1, "evaluator": 1}
    return [
        {
            "role": role,
            "desired": count,
            "active": count,
            "ready": ready.get(role, count),
            "succeeded": 0,
            "failed": 0,
        }
        for role, count in desired.items()
    ]


TRAINED = {
    "startTime": "2026-01-31T12:00:00Z",
    "roles": roles(),
    "progress": {
        "globalStep": 1200,
        "maxSteps": 2000,
        "percent": 60,
        "stepsPerSecond": "412.512",
        "remainingSeconds": 125,
        "loss": "0.0730812",
        "lastUpdateTime": "2026-01-31T12:04:59Z",
    },
    "evaluation": {
        "globalStep": 1000,
        "checkpoint": "/model/model.ckpt-1000",
        "time": "2026-01-31T12:04:40Z",
        "metrics": [
            {"name": "accuracy", "value": "0.973333"},
            {"name": "global_step", "value": "1000"},
            {"name": "loss", "value": "0.0812"},
        ],
    },
    "checkpoints": {
        "latest": {
            "path": "/model/model.ckpt-1200",
            "uri": "pvc://digits-model/model.ckpt-1200",
            "globalStep": 1200,
            "time": "2026-01-31T12:04:58Z",
        },
        "kept": 3,
    },
    "exports": [
        {
            "name": "best",
            "path": "/model/export/best/1790000000",
            "uri": "pvc://digits-model/export/best/1790000000",
            "globalStep": 1000,
            "time": "2026-01-31T12:04:41Z",
            "signatures": ["serving_default"],
            "metrics": [{"name": "accuracy", "value": "0.973333"}],
        }
    ],
}
KILLED = {
    "replica": "worker-1",
    "attempt": 0,
    "reason": "OOMKilled",
    "exitCode": 137,
    "node": "n1",
    "message": "worker-1 was killed while it held 17 GB of a limit of 16 GB",
    "time": "2026-01-31T12:03:00Z",
}
CRASHED = {
    "replica": "chief-0",
    "attempt": 1,
    "reason": "Error",
    "exitCode": 1,
    "message": "ValueError: labels has 3 classes where logits have shape (64, 10), see digits/model.py line 31",
    "time": "2026-01-31T12:04:00Z",
}


def abnormal(kind, reason, message):
    """A condition that is there only while something is not as it should be."""
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-01-31T12:00:00Z",
    }


def retrying():
    """An outage has ended eight workers, one of which was killed again; the evaluator has failed, too."""
    workers = [f"worker-{number}" for number in range(8)]
    job = document(
        "Restarting",
        "worker-1 failed with exit code 137 (OOMKilled); it starts again at 2026-01-31T12:05:40Z",
        startTime="2026-01-31T12:00:00Z",
        restarts={
            "total": 10,
            "counted": 2,
            "evaluator": 1,
            "byReplica": [
                {"replica": "evaluator-0", "count": 1},
                *({"replica": name, "count": 2 if name == "worker-1" else 1} for name in workers),
            ],
            "pending": ["worker-1"],
            "incidents": [
                {"reason": "Error", "exitCode": 1, "time": "2026-01-31T12:02:00Z", "replicas": workers},
                {
                    "reason": "OOMKilled",
                    "exitCode": 137,
                    "time": "2026-01-31T12:05:00Z",
                    "replicas": ["worker-1"],
                },
            ],
        },
        failures=[
            KILLED | {"time": f"2026-01-31T12:0{minute}:00Z", "attempt": attempt}
            for attempt, minute in enumerate((3, 4, 5))
        ],
    )
    job["spec"] |= {
        "image": "trainer",
        "modelDir": {"uri": "gs://m"},
        "worker": {"replicas": 8},
        "runPolicy": {"backoffLimit": 6},
    }
    del job["spec"]["fieldOfTomorrow"]
    return job


def unheard():
    """A job that trains as far as anybody knows, without its evaluator."""
    job = document("Training", "all replicas are ready", **TRAINED)
    job["status"]["conditions"] += [
        abnormal("EvaluatorDegraded", "EvaluatorFailed", "evaluator-0 failed with exit code 1"),
        abnormal(
            "ProgressUnknown",
            "NotHeard",
            "chief-0 has answered no poll of /progress: whether it makes steps is not known, and"
            " stallTimeoutSeconds waits",
        ),
    ]
    return job


def states():
    """Every state by name."""
    restarts = {
        "total": 3,
        "counted": 2,
        "byReplica": [{"replica": "chief-0", "count": 2}, {"replica": "worker-1", "count": 1}],
    }
    restored = copy.deepcopy(TRAINED)
    restored["checkpoints"]["restoredFrom"] = {
        "path": "/model/model.ckpt-800",
        "uri": "pvc://digits-model/model.ckpt-800",
        "globalStep": 800,
    }
    done = copy.deepcopy(TRAINED)
    done["progress"] |= {"globalStep": 2000, "percent": 100, "remainingSeconds": 0}
    done["completionTime"] = "2026-01-31T12:02:41Z"
    done["roles"] = [one | {"active": 0, "ready": 0, "succeeded": one["role"] != "ps"} for one in roles()]
    done["exports"].append(
        done["exports"][0] | {"name": "final", "path": "/local/export/final/1790000009", "uri": None}
    )
    del done["exports"][1]["uri"]
    failed = restored | {
        "restarts": restarts,
        "failures": [KILLED, CRASHED],
        "lastFailure": CRASHED,
        "completionTime": "2026-01-31T13:09:05Z",
        "roles": [one | {"active": 0, "ready": 0, "failed": int(one["role"] == "chief")} for one in roles()],
    }
    endless = {
        "startTime": "2026-01-28T10:00:00Z",
        "roles": roles(),
        "progress": {"globalStep": 123456, "loss": "nan"},
    }
    idle = TRAINED | {"startTime": None, "roles": [one | {"active": 0, "ready": 0} for one in roles()]}
    found = {
        "path": "/model/model.ckpt-3204",
        "uri": "pvc://digits-model/model.ckpt-3204",
        "globalStep": 3204,
    }
    nothing = {
        "startTime": "2026-01-31T12:00:00Z",
        "completionTime": "2026-01-31T12:00:09Z",
        "roles": done["roles"],
        "progress": {"globalStep": 3204, "maxSteps": 3000, "percent": 100, "remainingSeconds": 0},
        "checkpoints": {"latest": found, "kept": 5, "restoredFrom": found},
    }
    return {
        "new": document(),
        "pending": document(
            "PodsPending", "worker-1 cannot be scheduled: 0/3 nodes are available", roles=roles(worker=1)
        ),
        "training": document("Training", "all replicas are ready", **TRAINED),
        "restarting": document(
            "Restarting",
            "worker-1 failed with exit code 137 (OOMKilled); it starts again at 2026-01-31T12:05:10Z",
            **restored,
            restarts=restarts,
            failures=[KILLED],
        ),
        "unready": document(
            "PodsNotReady",
            "worker-1 is not ready: its node is NotReady (n1)",
            **TRAINED | {"roles": roles(worker=1)},
        ),
        "suspended": document(
            "Suspended", "no pod is left; the job goes on when spec.suspend is false", **idle
        ),
        "untrained": document(
            "Completed",
            "the model directory was already at step 3204 of 3000: nothing was trained; use another modelDir,"
            " or delete the claim digits-model, to start afresh",
            **nothing,
        ),
        "forbidden": document(
            "PodCreationForbidden",
            'pods "digits-worker-0" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
            roles=roles(worker=0),
        ),
        "unreadable": document(
            "InvalidSpec",
            "spec.tomorrow: unknown field; pods are left as they are",
            **TRAINED,
        ),
        "retrying": retrying(),
        "unheard": unheard(),
        "endless": document("Training", "all replicas are ready", **endless),
        "completed": document("Completed", "training has ended at step 2000", **done),
        "failed": document("BackoffLimitExceeded", "chief-0 failed with exit code 1: ValueError", **failed),
    }
