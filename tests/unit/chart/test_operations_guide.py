"""What the operations guide offers to copy is about this operator's own labels and ports."""

from __future__ import annotations

import yaml
from code_blocks import code_blocks
from rendered_chart import REPOSITORY, render, the

from estimator_api import constants as c
from estimator_api.spec import EstimatorJobSpec

(POLICY,) = (
    document
    for kind, text in code_blocks(REPOSITORY / "docs/operations.md")
    if kind == "yaml"
    for document in yaml.safe_load_all(text)
    if document["kind"] == "NetworkPolicy"
)


def test_the_network_policy_lets_a_job_s_pods_hear_each_other_and_the_operator() -> None:
    pods = {"matchExpressions": [{"key": c.LABEL_JOB_NAME, "operator": "Exists"}]}
    peers, polls = POLICY["spec"]["ingress"]
    assert POLICY["spec"]["podSelector"] == pods
    assert peers == {"from": [{"podSelector": pods}]}
    (operator,) = polls["from"]
    labels = the("Deployment", render())["spec"]["template"]["metadata"]["labels"]
    assert operator["podSelector"]["matchLabels"].items() <= labels.items()
    assert polls["ports"] == [{"port": EstimatorJobSpec.model_fields["progress_port"].default}]
