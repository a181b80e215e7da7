"""Tasks that train together make as many steps as were asked for, whoever is slow, is killed or comes back."""

import pathlib

import pytest
import tensorflow as tf
from cluster_tasks import Job, free_ports

PROGRAM = pathlib.Path(__file__).with_name("ticket_job.py")
MAX_STEPS = 37

pytestmark = pytest.mark.timeout(300)


class TicketJob(Job):
    """A chief, two workers and two parameter servers."""

    def __init__(self, root, steps_per_loop="auto", **stops):
        settings = {
            "directory": str(root),
            "max_steps": MAX_STEPS,
            "steps_per_loop": steps_per_loop,
            "stops": {name.replace("_", "-"): stop for name, stop in stops.items()},
        }
        ports = [f"127.0.0.1:{port}" for port in free_ports(5)]
        super().__init__(root, PROGRAM, settings, {"chief": ports[:1], "worker": ports[1:3], "ps": ports[3:]})
        self.tasks.remove(self.evaluator)

    def made(self, task):
        """How many steps a task has made, in all its processes."""
        file = self.root / f"{task.name}.steps"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def await_stopped(self, task, where="after"):
        file = self.root / f"{task.name}.{where}"
        self.await_that(file.exists, f"{task.name} stops {where} a step", alive=task)

    def await_all_but(self, count):
        """Waits until `count` steps are left to make."""
        self.await_that(lambda: self.all_made() == MAX_STEPS - count, f"all steps but {count}")

    def all_made(self):
        return sum(self.made(task) for task in (self.chief, *self.workers))

    def release(self, where="after"):
        (self.root / f"released.{where}").touch()

    def await_the_last_step(self, without=()):
        for task in self.tasks:
            if task not in without:
                assert task.await_end() == 0, f"{task.name}:\n{self.logs()}"
        assert self.last_step() == MAX_STEPS, self.logs()
        assert int(tf.train.load_variable(str(self.model_dir), "made")) == MAX_STEPS, self.logs()
        assert self.marker() == {"globalStep": MAX_STEPS, "maxSteps": MAX_STEPS, "reason": "max_steps"}


@pytest.fixture
def job(tmp_path):
    jobs = []

    def make(*settings, **stops):
        jobs.append(TicketJob(tmp_path, *settings, **stops))
        return jobs[-1].start()

    yield make
    for each in jobs:
        each.end()


@pytest.mark.parametrize("steps_per_loop", ["auto", 1])
def test_no_step_is_made_too_many(job, steps_per_loop):
    running = job(steps_per_loop)
    running.await_the_last_step()
    assert running.all_made() == MAX_STEPS
    for task in (running.chief, *running.workers):
        assert not task.lines("their tickets are given anew"), "nobody has lost one"


@pytest.mark.parametrize(("where", "held"), [("in", 2), ("after", 1)])
def test_the_last_step_of_a_slow_worker_is_waited_for(job, where, held):
    """In a step it also holds the ticket of its next one."""
    running = job(worker_0={where: 3})
    slow = running.workers[0]
    running.await_stopped(slow, where)
    running.await_all_but(held)
    assert not (running.model_dir / "finished").exists()
    running.release(where)
    running.await_the_last_step()
    assert running.all_made() == MAX_STEPS


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_worker_is_killed_that_holds_a_ticket(job, comes_back):
    running = job(worker_0={"after": 3})
    killed = running.workers[0]
    running.await_stopped(killed)
    running.await_all_but(1)
    killed.kill()
    running.release()
    if comes_back:
        killed.start()
    running.await_the_last_step(without=() if comes_back else (killed,))
    assert running.all_made() == MAX_STEPS
    assert running.chief.lines("1 steps are left that nobody makes: their tickets are given anew.")


def test_a_worker_is_killed_in_its_step(job):
    running = job(worker_0={"in": 3})
    running.await_stopped(running.workers[0], "in")
    running.workers[0].kill()
    running.await_the_last_step(without=running.workers[:1])


def test_the_chief_is_killed_that_holds_the_last_ticket(job):
    running = job(chief_0={"after": 3})
    running.await_stopped(running.chief)
    running.await_all_but(1)
    running.chief.kill()
    running.release()
    running.chief.start()
    running.await_the_last_step()
    assert running.all_made() == MAX_STEPS


def test_the_chief_is_killed_that_has_made_the_last_step_and_not_saved_it(job):
    running = job(chief_0={"in": 3, "after": 4})
    running.await_stopped(running.chief, "in")
    running.await_all_but(2)
    running.release("in")
    running.await_stopped(running.chief)
    running.chief.kill()
    running.release()
    running.chief.start()
    running.await_the_last_step()
    assert running.chief.lines(
        rf"Going on with the variables on the parameter servers, at global step {MAX_STEPS};"
    )
    assert running.all_made() == MAX_STEPS


@pytest.mark.parametrize("server", [0, 1])
def test_a_parameter_server_is_killed(job, server):
    """The newest checkpoint is restored, which is of step 0, and its steps are made again."""
    running = job(chief_0={"after": 3})
    running.await_stopped(running.chief)
    running.await_all_but(1)
    running.servers[server].kill()
    running.servers[server].start()
    running.release()
    running.await_the_last_step()
    assert running.all_made() >= MAX_STEPS
