"""The operator's own numbers: what is counted, with which labels, and never without a bound."""

from __future__ import annotations

import asyncio
import math
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import estimator_operator
from estimator_operator.control.job_record import JobKey, JobRecord
from estimator_operator.observe.job_series import SLICE, progress_values
from estimator_operator.observe.metrics import _REASONS_MOST, Metrics

ACTIVE = ("Training", "True")


def record(
    number: int = 0, state: str = "Training", progress: dict[str, Any] | None = None, **spec: Any
) -> JobRecord:
    conditions = [{"type": "Ready", "status": "True", "reason": state}]
    if state == "Completed":
        conditions.append({"type": "Complete", "status": "True", "reason": "Completed"})
    metadata = {
        "name": f"job-{number}",
        "uid": f"u{number}",
        "creationTimestamp": f"2026-01-01T00:00:{number:02d}Z",
    }
    status = {"conditions": conditions, **({"progress": progress} if progress is not None else {})}
    return JobRecord(
        key=JobKey("team-a", f"job-{number}"), manifest={"metadata": metadata, "spec": spec, "status": status}
    )


def lines(metrics: Metrics) -> set[str]:
    return set(asyncio.run(metrics.text()).decode().splitlines())


def named(metrics: Metrics, name: str) -> set[str]:
    return {
        one.removeprefix("estimator_operator_")
        for one in lines(metrics)
        if one.startswith(f"estimator_operator_{name}")
    }


def test_everything_that_happens_is_counted():
    metrics = Metrics(jobs=list, queue_depth=lambda: 4)
    metrics.reconciled("success", 0.02)
    metrics.waited(0.5)
    metrics.retried()
    metrics.called("create", "pods", 201, 0.01)
    metrics.throttled(2.0)
    metrics.told("pods", None)
    metrics.told("pods", "MODIFIED")
    metrics.surveyed("relist", "success")
    metrics.recorded("repeated")
    metrics.polled("malformed")
    metrics.restarted("worker", "OOMKilled")
    metrics.ended("Failed", "DeadlineExceeded", 3000.0)
    metrics.ended("Failed", "InvalidSpec", None)
    metrics.leads(True)
    assert lines(metrics) >= {
        f"estimator_operator_{one}"
        for one in (
            "queue_depth 4.0",
            'reconcile_total{result="success"} 1.0',
            'reconcile_seconds_count{result="success"} 1.0',
            "queue_latency_seconds_count 1.0",
            "queue_retries_total 1.0",
            'api_requests_total{code="201",resource="pods",verb="create"} 1.0',
            'api_request_seconds_count{resource="pods",verb="create"} 1.0',
            "rate_limit_wait_seconds_sum 2.0",
            'watch_events_total{resource="pods",type="LISTED"} 1.0',
            'watch_events_total{resource="pods",type="MODIFIED"} 1.0',
            'surveys_total{cause="relist",result="success"} 1.0',
            'events_total{result="repeated"} 1.0',
            'progress_polls_total{result="malformed"} 1.0',
            'replica_restarts_total{reason="OOMKilled",role="worker"} 1.0',
            'jobs_ended_total{reason="DeadlineExceeded",result="Failed"} 1.0',
            'job_duration_seconds_bucket{le="3600.0",result="Failed"} 1.0',
            'job_duration_seconds_count{result="Failed"} 1.0',
            "leader 1.0",
        )
    }
    metrics.leads(False)
    assert "estimator_operator_leader 0.0" in lines(metrics)


def test_build_info_has_the_project_s_version():
    """Images hold the code without the metadata of a distribution."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    (build,) = named(Metrics(jobs=list, queue_depth=lambda: 0), "build_info")
    assert f'version="{project["version"]}"' in build


def test_the_version_needs_nothing_but_the_code(tmp_path):
    """A process with the sources on its path, as in the image; no packages are looked at for the version."""
    package = Path(estimator_operator.__file__).parent
    shutil.copy(package / "__init__.py", tmp_path / "__init__.py")
    script = f"import runpy; print(runpy.run_path({str(tmp_path / '__init__.py')!r})['__version__'])"
    printed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == estimator_operator.__version__


def test_jobs_are_counted_by_namespace_and_state():
    jobs = [record(0), record(1), record(2, "Completed"), record(3, managedBy="example.com/other")]
    metrics = Metrics(jobs=lambda: jobs, queue_depth=lambda: 0)
    assert named(metrics, "jobs{") == {
        'jobs{namespace="team-a",state="Training"} 2.0',
        'jobs{namespace="team-a",state="Completed"} 1.0',
        'jobs{namespace="team-a",state="Unmanaged"} 1.0',
    }


PROGRESS = {"globalStep": 1200, "maxSteps": 2000, "percent": 60, "stepsPerSecond": "412.5", "loss": "0.0731"}


def test_progress_is_shown_for_each_job():
    progress = {**PROGRESS, "lastUpdateTime": "2026-01-01T00:00:00Z"}
    metrics = Metrics(jobs=lambda: [record(0, progress=progress)], queue_depth=lambda: 0, progress_limit=1)
    assert named(metrics, "job_") - named(metrics, "job_duration") == {
        'job_global_step{job="job-0",namespace="team-a"} 1200.0',
        'job_steps_per_second{job="job-0",namespace="team-a"} 412.5',
        'job_loss{job="job-0",namespace="team-a"} 0.0731',
        'job_progress_percent{job="job-0",namespace="team-a"} 60.0',
        'job_last_step_timestamp_seconds{job="job-0",namespace="team-a"} 1.7672256e+09',
        "job_series_omitted 0.0",
    }


def test_since_when_the_store_takes_nothing_is_shown():
    behind = record(0, progress=PROGRESS)
    behind.status["checkpoints"] = {"behindSince": "2026-01-01T00:00:00Z"}
    metrics = Metrics(jobs=lambda: [behind], queue_depth=lambda: 0, progress_limit=1)
    assert named(metrics, "job_model_dir_behind") == {
        'job_model_dir_behind_timestamp_seconds{job="job-0",namespace="team-a"} 1.7672256e+09'
    }


def test_the_oldest_jobs_are_shown_and_the_rest_is_counted():
    jobs = [record(number, progress=PROGRESS) for number in (4, 2, 0, 3, 1)]
    metrics = Metrics(jobs=lambda: jobs, queue_depth=lambda: 0, progress_limit=2)

    def shown() -> set[str]:
        return {one.split('"')[1] for one in named(metrics, "job_global_step")}

    assert shown() == {"job-0", "job-1"}
    assert named(metrics, "job_series_omitted") == {"job_series_omitted 3.0"}
    jobs[2] = record(0, "Completed", progress=PROGRESS)
    assert shown() == {"job-1", "job-2"}
    assert named(metrics, "job_series_omitted") == {"job_series_omitted 2.0"}


def test_a_scrape_looks_at_each_job_once_and_lets_others_have_the_loop():
    looked = 0

    def jobs():
        nonlocal looked
        for number in range(12_000):
            looked += 1
            yield record(number % 60, "Completed" if number >= 2_000 else "Training", progress=PROGRESS)

    async def scrape() -> list[int]:
        between: list[int] = []

        async def other() -> None:
            while True:
                between.append(looked)
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        text = await Metrics(jobs=jobs, queue_depth=lambda: 0, progress_limit=200).text()
        task.cancel()
        shown = [one for one in text.splitlines() if one.startswith(b"estimator_operator_job_global_step{")]
        assert len(shown) == 200
        return between

    between = asyncio.run(scrape())
    assert looked == 12_000
    assert max(later - earlier for earlier, later in zip(between, between[1:], strict=False)) <= SLICE


def test_a_job_that_cannot_be_read_does_not_end_the_scrape():
    broken = record(1)
    broken.manifest["status"]["conditions"] = [{"status": "True"}]
    metrics = Metrics(jobs=lambda: [record(0), broken], queue_depth=lambda: 0)
    assert named(metrics, "jobs{") == {
        'jobs{namespace="team-a",state="Training"} 1.0',
        'jobs{namespace="team-a",state="Unreadable"} 1.0',
    }


def test_a_limit_of_zero_turns_progress_off():
    metrics = Metrics(jobs=lambda: [record(progress=PROGRESS)], queue_depth=lambda: 0)
    assert named(metrics, "job_global_step") == set()
    assert named(metrics, "job_series_omitted") == {"job_series_omitted 1.0"}


@pytest.mark.parametrize(
    "job",
    [
        record(),
        record(state="Completed", progress=PROGRESS),
        record(state="Suspended", progress=PROGRESS),
        record(progress=PROGRESS, managedBy="example.com/other"),
    ],
    ids=["no progress", "ended", "suspended", "somebody else's"],
)
def test_jobs_without_a_series(job):
    metrics = Metrics(jobs=lambda: [job], queue_depth=lambda: 0, progress_limit=10)
    assert named(metrics, "job_global_step") == set()
    assert named(metrics, "job_series_omitted") == {"job_series_omitted 0.0"}


@pytest.mark.parametrize(
    ("progress", "values"),
    [
        ({}, {}),
        ({"globalStep": 0}, {"job_global_step": 0.0}),
        ({"loss": "inf", "stepsPerSecond": "fast"}, {}),
        ({"lastUpdateTime": "yesterday"}, {}),
        ({"globalStep": 10**400, "percent": 10**400}, {}),
    ],
)
def test_what_is_not_known_is_not_shown(progress, values):
    assert progress_values(progress) == values


def test_a_loss_of_nan_is_shown():
    assert math.isnan(progress_values({"loss": "nan"})["job_loss"])


def test_reasons_are_bounded():
    """They come from kubelets and container runtimes."""
    metrics = Metrics(jobs=list, queue_depth=lambda: 0)
    for reason in ("", "two words", "x" * 65, *(f"Reason{number}" for number in range(2 * _REASONS_MOST))):
        metrics.restarted("worker", reason)
    metrics.restarted("worker", "Reason0")
    counted = named(metrics, "replica_restarts_total")
    assert len(counted) == _REASONS_MOST + 1
    assert f'replica_restarts_total{{reason="Other",role="worker"}} {3 + _REASONS_MOST}.0' in counted
    assert 'replica_restarts_total{reason="Reason0",role="worker"} 2.0' in counted
