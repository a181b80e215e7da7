"""The models of the API are made when somebody asks for one of them, and not for a constant."""

from __future__ import annotations

import subprocess
import sys

import pytest

import estimator_api

ASKED = """
import sys
import estimator_api
from estimator_api.constants import ENV_TF_CONFIG
before = "pydantic" in sys.modules
from estimator_api import parse_job
print(before, "pydantic" in sys.modules, parse_job is estimator_api.parse_job, "parse_job" in vars(estimator_api))
"""


def test_a_constant_costs_no_models():
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True", "True"]


def test_every_public_name_is_there_and_listed():
    assert set(estimator_api.__all__) <= set(dir(estimator_api))
    assert all(getattr(estimator_api, name) is not None for name in estimator_api.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'EstimatorJobs'"):
        estimator_api.EstimatorJobs  # noqa: B018
