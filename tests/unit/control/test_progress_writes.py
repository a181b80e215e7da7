"""Status writes that carry only progress: rarer the more jobs run; and what is made of an answer without news."""

from __future__ import annotations

from fake_operator import KEY

from estimator_api import Progress
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


async def test_an_answer_without_news_is_looked_at_when_a_stall_timeout_waits_for_it(world):
    """No news is what a stall is told by; without a timeout it is nothing to look at."""
    process = Operator(read_settings([], {}))
    world.submit()
    other = world.operator()
    await other.start()
    world.run()
    await other.settle()
    process._store = other.store
    pod = other.store.pods(other.store.job(KEY))[0]
    said = Progress(role="chief", global_step=5)

    def deliver(stall_timeout: float | None) -> tuple[bool, int]:
        target = Target(
            job=KEY,
            uid=pod.uid,
            replica=Replica("chief", 0),
            host="10.0.0.1",
            port=1,
            stall_timeout=stall_timeout,
        )
        process._queue = WorkQueue()
        return process._deliver(target, said), len(process._queue)

    assert deliver(None) == (True, 1)
    assert deliver(None) == (False, 0)
    assert deliver(60.0) == (False, 1)
