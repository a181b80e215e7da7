"""The chart's own test."""

from __future__ import annotations

import pytest
from helm import RELEASE, helm


@pytest.mark.timeout(300)
def test_helm_test_trains_a_small_job() -> None:
    assert "Succeeded" in helm("test", RELEASE, "--logs", "--timeout", "4m")
