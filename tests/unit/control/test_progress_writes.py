"""Status writes that carry only progress: rarer the more jobs run; and what is made of an answer without news."""

from __future__ import annotations

import pytest
from fake_operator import KEY

from estimator_api import Progress
from estimator_operator.control.job_object import JobObject
from estimator_operator.control.job_record import JobRecord
from estimator_operator.control.work_queue import WorkQueue
from estimator_operator.kube.resources import JOBS
from estimator_operator.observe.poll_schedule import Target
from estimator_operator.plan import Replica
from estimator_operator.process import Operator
from estimator_operator.settings import read_settings


def step(world) -> int | None:
    stored = world.api.objects[JOBS.plural, *KEY]
    return stored["status"].get("progress", {}).get("globalStep")


async def test_progress_is_written_at_the_interval_that_the_number_of_jobs_allows(world, operator):
    operator.reconciler._progress_interval = lambda: 200.0
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()
    await operator.pass_(201, step=67)
    operator.report("mnist-chief-0", state="Training", global_step=1)
    await operator.settle()
    assert step(world) == 1
    operator.report("mnist-chief-0", state="Training", global_step=2)
    await operator.pass_(190, step=10)
    assert step(world) == 1
    await operator.pass_(20, step=10)
    assert step(world) == 2


async def test_the_end_of_the_chief_is_written_in_time_however_many_jobs_there_are(world, operator):
    """The evaluator's grace runs from what is stored: an interval longer than what a node is believed would move it."""
    operator.reconciler._progress_interval = lambda: 200.0
    world.submit(evaluator={"replicas": 1}, runPolicy={"evaluatorGraceSeconds": 100})
    await operator.settle()
    world.run()
    await operator.settle()
    began = world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    world.finish("mnist-chief-0")
    writes = world.api.calls["patch estimatorjobs/status"]
    await operator.pass_(25)
    assert world.api.calls["patch estimatorjobs/status"] == writes, "it may be part of another write"
    await operator.pass_(10)
    assert world.api.calls["patch estimatorjobs/status"] == writes + 1
    for _ in range(6):
        assert (world.state, world.status["chiefCompletionTime"]) == ("Evaluating", began)
        await operator.pass_(10)
    await operator.pass_(10)
    assert world.state == "Completed"


async def test_an_answer_without_news_is_looked_at_when_a_stall_timeout_waits_for_it(world):
    """No news is what a stall is told by; without a timeout it is nothing to look at."""
    deliver = await polled(world)
    assert deliver(5) == (True, 1)
    assert deliver(5) == (False, 0)
    assert deliver(5, stall_timeout=60.0) == (False, 1)


async def test_news_that_may_not_be_written_yet_are_no_reason_for_a_look(world):
    """A plan for each answer of each pod would be made, compared and thrown away: the look is when the write may be."""
    deliver = await polled(world)
    world_job = deliver.record
    world_job.work.written_at = deliver.now() - 4.0
    assert deliver(1) == (True, 1), "the first steps may say more than how far the job is"
    world_job.put(JobObject({**world_job.manifest, "status": {"progress": {"globalStep": 1}}}))
    assert deliver(2) == (True, 0)
    assert deliver.due() == pytest.approx([6.0], abs=0.5)
    assert deliver(3, stall_timeout=60.0) == (True, 1)
    world_job.work.written_at = deliver.now() - 11.0
    assert deliver(4) == (True, 1)


async def polled(world) -> Deliveries:
    """What an operator makes of the chief's answers, of a job that runs."""
    process = Operator(read_settings([], {}))
    world.submit()
    other = world.operator()
    await other.start()
    world.run()
    await other.settle()
    process._store = other.store
    record = other.store.job(KEY)
    assert record is not None
    return Deliveries(process, record, other.store.pods(record)[0].uid)


class Deliveries:
    """Answers of the chief, each to an operator whose queue is empty.

    Args:
        process: The operator.
        record: The job.
        uid: Uid of the chief's pod.
    """

    def __init__(self, process: Operator, record: JobRecord, uid: str) -> None:
        self._process = process
        self.record = record
        self._uid = uid

    def __call__(self, step: int, *, stall_timeout: float | None = None) -> tuple[bool, int]:
        """Whether an answer was news, and how many jobs are looked at now for it."""
        replica = Replica("chief", 0)
        target = Target(
            job=KEY, uid=self._uid, replica=replica, host="10.0.0.1", port=1, stall_timeout=stall_timeout
        )
        self._process._queue = WorkQueue()
        news = self._process._deliver(target, Progress(role="chief", global_step=step))
        return news, len(self._process._queue)

    def now(self) -> float:
        """Monotonic time."""
        return self._process._clock.monotonic()

    def due(self) -> list[float]:
        """In how many seconds jobs are looked at."""
        return [seconds for _, seconds, _ in self._process._queue.schedule()]
