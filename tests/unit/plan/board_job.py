"""Jobs with TensorBoard, and the pod that is made of one."""

from __future__ import annotations

from job_builder import make_job, plan_of, pods_of, seen, training

CLAIM = {"persistentVolumeClaim": {"claimName": "models", "subPath": "digits"}}


def boarded(board=None, **spec):
    """A training job with TensorBoard, which is not made yet."""
    return training(make_job(tensorBoard=board or {}, **spec))


def pod_of(job):
    """The manifest of its pod."""
    made = plan_of(job, seen(*pods_of(job)))
    assert made.create_tensorboard_pod["metadata"]["name"] == "digits-tensorboard"
    return made.create_tensorboard_pod
