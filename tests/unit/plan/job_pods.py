"""Pods of a job as tests read them."""

from __future__ import annotations

from job_builder import SETTINGS, make_job, replica

from estimator_operator.plan.pods import pod_manifest

CLAIM = {"persistentVolumeClaim": {"claimName": "models", "subPath": "digits"}}


def pod(name="chief-0", attempt=0, **spec):
    """The manifest of a replica's pod."""
    return pod_manifest(make_job(**spec), replica(name), attempt, SETTINGS)


def main(manifest):
    """Its main container."""
    return next(one for one in manifest["spec"]["containers"] if one["name"] == "estimator")


def env(manifest):
    """The environment of its main container."""
    return {one["name"]: one.get("value") for one in main(manifest)["env"]}


def templated(container=None, **spec):
    """A shared template with this main container."""
    containers = [] if container is None else [{"name": "estimator"} | container]
    return {"template": {"spec": {"containers": containers} | spec}}
