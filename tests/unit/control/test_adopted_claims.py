"""A retained claim that is not as the template asks is told once, before the job runs out of room."""

from __future__ import annotations

from typing import Any

import pytest

from estimator_api.model_dir import ClaimTemplate
from estimator_operator.kube.resources import CLAIMS
from estimator_operator.plan.claim import difference

OURS = {"estimator.dev/job-name": "mnist"}


def claim(size: str = "1Gi", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "mnist-model", "labels": OURS},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec},
    }


def template(size: str = "1Gi", **more: Any) -> dict[str, Any]:
    return {"volumeClaimTemplate": {"resources": {"requests": {"storage": size}}, **more}}


async def test_a_smaller_claim_is_told_once(world, operator, caplog):
    world.api.put(CLAIMS, "default", claim("1Gi"))
    world.submit(modelDir=template("2Gi"))
    await operator.pass_(2)
    told = "claim mnist-model has 1Gi, the template asks for 2Gi: a claim stays as it was made"
    assert world.notes("ClaimDiffers") == [told]
    assert told in caplog.text
    assert world.pods == ["mnist-chief-0"]
    world.run()
    await operator.pass_(600, step=10)
    again = world.operator()
    await again.start()
    await again.pass_(120, step=10)
    assert world.notes("ClaimDiffers") == [told]
    # One to see whose it is, one to compare it.
    assert world.api.calls["get persistentvolumeclaims"] == 2


async def test_a_claim_that_was_there_before_the_operator_is_compared_too(world):
    world.submit(modelDir=template("2Gi"))
    world.api.put(CLAIMS, "default", claim("1Gi"))
    await world.operator().start()
    assert len(world.notes("ClaimDiffers")) == 1


async def test_a_claim_that_was_just_made_is_not_read(world, operator):
    world.submit(modelDir=template())
    await operator.pass_(5)
    assert world.claims == ["mnist-model"]
    assert world.api.calls["get persistentvolumeclaims"] == 0
    assert world.notes("ClaimDiffers") == []


async def test_a_suspended_job_uses_no_claim(world, operator):
    world.api.put(CLAIMS, "default", claim("1Gi"))
    world.submit(modelDir=template("2Gi"), suspend=True)
    await operator.settle()
    assert world.notes("ClaimDiffers") == []
    world.set_spec(suspend=False)
    await operator.pass_(2)
    assert len(world.notes("ClaimDiffers")) == 1


@pytest.mark.parametrize(
    ("asked", "found", "told"),
    [
        (template("2Gi"), claim("2147483648"), None),
        (template("1G"), claim("1Gi"), None),
        (template("1Gi"), claim("1G"), "has 1G, the template asks for 1Gi"),
        (template("1.5Gi"), claim("1536Mi"), None),
        (template(2000), claim("1k"), "has 1k, the template asks for 2000"),
        (template("1Gi"), claim("1024000m"), "has 1024000m"),
        (template("1Gi", storageClassName="fast"), claim(storageClassName="slow"), "storage class slow"),
        (template("1Gi", storageClassName="fast"), claim(), "storage class none, the template asks for fast"),
        (template("1Gi"), claim(storageClassName="slow"), None),
        (template("1Gi", accessModes=["ReadWriteMany"]), claim(), "has ReadWriteOnce, the template asks for"),
        (template("2Gi"), {**claim(), "status": {"capacity": {"storage": "5Gi"}}}, None),
        (template("2Gi"), {"metadata": {"name": "mnist-model"}}, None),
    ],
)
def test_what_differs(asked: dict[str, Any], found: dict[str, Any], told: str | None) -> None:
    said = difference(ClaimTemplate.model_validate(asked["volumeClaimTemplate"]), found)
    assert (said is None) if told is None else (said is not None and told in said)
