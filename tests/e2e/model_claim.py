"""What lies in the claim of a job's model directory, seen by a pod of the test's own."""

from __future__ import annotations

from kubectl import Kubectl


def printed_beside_the_model(kubectl: Kubectl, job: str, command: str) -> str:
    """What a shell command prints where the job's claim is at /model, read-only; in the image of its chief."""
    main = kubectl.get("pod", f"{job}-chief-0")["spec"]
    (image,) = (one["image"] for one in main["containers"] if one["name"] == "estimator")
    name = f"{job}-reader"
    reader = {
        "name": "reader",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", command],
        "volumeMounts": [{"name": "model", "mountPath": "/model", "readOnly": True}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never",
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 1000,
                    "fsGroup": 1000,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [reader],
                "volumes": [{"name": "model", "persistentVolumeClaim": {"claimName": f"{job}-model"}}],
            },
        }
    )
    kubectl.run("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=90s")
    printed = kubectl.run("logs", name)
    kubectl.run("delete", "pod", name, "--wait")
    return printed
