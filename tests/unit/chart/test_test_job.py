"""The job of `helm test` runs where the operator does."""

from __future__ import annotations

import pytest
from rendered_chart import Object, render, the

from estimator_api import parse_job
from estimator_api.strict import unknown_fields
from estimator_operator.plan import Replica
from estimator_operator.plan.observed import Settings
from estimator_operator.plan.pods import pod_manifest


@pytest.mark.parametrize(
    ("namespaces", "secrets"),
    [
        ([], [{"name": "registry"}]),
        (["team", "estimator-operator"], [{"name": "registry"}]),
        # The Secret is in the release's namespace, and nothing says that another has one of that name.
        (["team"], None),
    ],
)
def test_test_job_runs_where_the_operator_does(namespaces: list[str], secrets: list[Object] | None) -> None:
    tolerations = [{"key": "dedicated", "operator": "Exists"}]
    values = {
        "watchNamespaces": namespaces,
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"pool": "tools"},
        "tolerations": tolerations,
    }
    job = the("EstimatorJob", render(values))
    assert unknown_fields(job) == ()
    pod = pod_manifest(parse_job(job), Replica("chief", 0), 0, Settings())
    assert pod["spec"]["nodeSelector"] == {"pool": "tools"}
    assert pod["spec"]["tolerations"] == tolerations
    assert pod["spec"].get("imagePullSecrets") == secrets
