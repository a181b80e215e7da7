"""The chart's own test."""

from __future__ import annotations

import pytest
from helm import RELEASE, helm
from kubectl import Kubectl


@pytest.mark.timeout(300)
def test_helm_test_trains_a_small_job(operator: Kubectl) -> None:
    assert "Succeeded" in helm("test", RELEASE, "--timeout", "4m")
    assert "Completed (step 200)" in operator.run("logs", f"{RELEASE}-test")
