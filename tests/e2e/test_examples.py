"""The example programs as `kubectl apply -k` brings them to a cluster, at the same time."""

from __future__ import annotations

import pytest
from kubectl import REPOSITORY, Kubectl, is_complete, metrics_of
from model_claim import printed_beside_the_model

pytestmark = pytest.mark.timeout(600)

TEST_REVIEWS = REPOSITORY / "examples/reviews/data/test.tsv"

EXPORTS: dict[str, set[str]] = {
    "taxi-fares": {"best"},
    "wine": {"latest", "final"},
    "new-store": {"best"},
    "reviews": set(),
}


def test_examples_complete(kubectl: Kubectl) -> None:
    for name in EXPORTS:
        kubectl.run("apply", "-k", str(REPOSITORY / "examples" / name))
    jobs = {name: kubectl.wait(name, is_complete, what="completion", timeout=400) for name in EXPORTS}

    for name, exporters in EXPORTS.items():
        status = jobs[name]["status"]
        exports = status.get("exports", [])
        assert {one["name"] for one in exports} == exporters, name
        for export in exports:
            assert export["uri"].startswith(f"pvc://{name}-model/export/{export['name']}/")
            assert "serving_default" in export["signatures"], name
        step = status["progress"]["globalStep"]
        # A worker may still make a step while the chief saves for the last time.
        assert 0 < status["checkpoints"]["latest"]["globalStep"] <= step, name
        assert status["evaluation"]["checkpoint"] == status["checkpoints"]["latest"]["path"], name
        assert status.get("restarts", {}).get("total", 0) == 0, name
    assert metrics_of(jobs["taxi-fares"])["rmse"] < 3.0
    assert metrics_of(jobs["wine"])["accuracy"] >= 0.9
    assert metrics_of(jobs["new-store"])["mean_absolute_error"] < 0.3
    assert jobs["taxi-fares"]["status"]["progress"]["globalStep"] >= 3000
    assert jobs["wine"]["status"]["progress"]["globalStep"] >= 1200
    assert jobs["new-store"]["status"]["progress"]["globalStep"] < 50000, "early stopping ended it"
    assert metrics_of(jobs["reviews"])["eval_accuracy"] >= 0.95
    truth = [line.rpartition("\t")[2] for line in TEST_REVIEWS.read_text().splitlines()]
    answers = printed_beside_the_model(kubectl, "reviews", "cat /model/test_results.tsv").splitlines()
    assert len(answers) == len(truth)
    guesses = [max("01", key=lambda label: float(row.split("\t")[int(label)])) for row in answers]
    assert sum(a == b for a, b in zip(guesses, truth, strict=True)) >= 0.9 * len(truth)
