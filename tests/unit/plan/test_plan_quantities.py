"""Sizes of claims are quantities as Kubernetes knows them, however they are written."""

from __future__ import annotations

import pytest
from job_builder import make_job

from estimator_api import InvalidJobError
from estimator_operator.plan.claim import claim_manifest, difference


def job_of(size: object):
    return make_job(modelDir={"volumeClaimTemplate": {"resources": {"requests": {"storage": size}}}})


@pytest.mark.parametrize("size", ["1e9", "5E2", ".5Gi", "1.Gi", "+1Gi", "01Gi", "1000m", "1E", 1e9, 1.5e9])
def test_every_way_to_write_an_amount_above_zero_is_taken(size):
    assert claim_manifest(job_of(size))["spec"]["resources"]["requests"]["storage"] == size


@pytest.mark.parametrize(
    "size", ["0", "-1Gi", "0.0Gi", ".", "Gi", "+", "1e", "1ee2", "1 Gi", "1gi", "e9", "", 0, -1]
)
def test_what_is_no_amount_above_zero_is_refused(size):
    with pytest.raises(InvalidJobError, match="must be an amount of bytes above zero"):
        job_of(size)


@pytest.mark.parametrize(
    ("asked", "has"),
    [
        ("1e9", "1G"),
        (".5Gi", "512Mi"),
        ("+1Gi", "1Gi"),
        ("01Gi", "1024Mi"),
        ("1000m", "1"),
        ("1.5G", 1500000000),
    ],
)
def test_sizes_are_compared_by_value(asked, has):
    found = {"metadata": {"name": "c"}, "spec": {"resources": {"requests": {"storage": has}}}}
    assert difference(job_of(asked).spec.model_dir.volume_claim_template, found) is None
    found["spec"]["resources"]["requests"]["storage"] = "1n"
    assert difference(job_of(asked).spec.model_dir.volume_claim_template, found) is not None
