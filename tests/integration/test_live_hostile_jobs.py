"""Jobs at the API server's limits of depth and size: the operator lives, and serves the others."""

from __future__ import annotations

import io
import json

import pytest
from conftest import StartOperator
from fake_kubelet import FakeKubelet
from live_jobs import five_pod_job, five_pods, has_reason, job
from live_namespace import LiveNamespace

SIZE = 1_300_000


def estimator(**params: object) -> dict[str, object]:
    """A declared Estimator."""
    return {
        "mode": "Train",
        "modelFn": "trainer.model:model_fn",
        "train": {"inputFn": "trainer.model:input_fn", "maxSteps": 100},
        "params": params,
    }


async def create_deep(live: LiveNamespace, name: str, levels: int) -> None:
    """A job whose params are so deep; written as text, for Python's encoder stops far sooner."""
    manifest = job(name, estimator=estimator(deep="HERE"))
    manifest["spec"].pop("program", None)
    await create_text(live, json.dumps(manifest).replace('"HERE"', '{"a":' * levels + "1" + "}" * levels))


async def create_text(live: LiveNamespace, text: str) -> None:
    """Creates a job from JSON text."""
    async with live._session.post(
        live.path("estimatorjobs"),
        data=io.BytesIO(text.encode()),
        headers={"Content-Type": "application/json"},
    ) as answer:
        assert answer.status == 201, (await answer.text())[:500]


@pytest.mark.parametrize("when", ["before the start", "while it works"])
@pytest.mark.parametrize("levels", [500, 3000, 9000])
async def test_a_job_of_any_depth_ends_nothing(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator: StartOperator, levels: int, when: str
) -> None:
    if when == "before the start":
        await create_deep(live, "deep", levels)
    operator = await start_operator()
    await live.create("estimatorjobs", five_pod_job("good", kubelet))
    if when == "while it works":
        await create_deep(live, "deep", levels)
    await live.until("estimatorjobs", "good", has_reason("Training"), "Training")
    assert five_pods("good") <= set(await live.list("pods"))
    await live.create("estimatorjobs", job("later", kubelet))
    await live.until("estimatorjobs", "later", has_reason("Training"), "Training")
    assert operator.running
    assert await operator.stop() == 0


async def test_large_jobs_are_listed_whole(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator: StartOperator
) -> None:
    """Thirty of the largest are read in pages of some, not in one of 40 MB."""
    for number in range(30):
        manifest = job(
            f"large-{number}",
            estimator=estimator(x="x" * SIZE),
            suspend=True,
        )
        manifest["spec"].pop("program")
        await create_text(live, json.dumps(manifest))
    operator = await start_operator()
    await live.create("estimatorjobs", job("good", kubelet))
    await live.until("estimatorjobs", "good", has_reason("Training"), "Training")
    assert operator.running
