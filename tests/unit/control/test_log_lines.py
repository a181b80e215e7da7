"""The log: both formats name the job, each transition is one line, and polls are none."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from fake_api import status_error
from fake_operator import FakeOperator
from job_world import FIVE_PODS, World

from estimator_operator.log_format import JsonFormatter, TextFormatter, about_job


@pytest.fixture(autouse=True)
def everything_is_logged(caplog):
    caplog.set_level(logging.INFO, logger="estimator_operator")


def texts(caplog) -> list[str]:
    """Lines as people see them, without time and logger."""
    return [TextFormatter().format(one).split(": ", 1)[1] for one in caplog.records]


def objects(caplog) -> list[dict]:
    """Lines as machines see them."""
    return [json.loads(JsonFormatter().format(one)) for one in caplog.records]


async def live(world: World, operator: FakeOperator) -> None:
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    world.finish("mnist-worker-1", 1, "boom")
    await operator.settle()
    world.run("mnist-worker-1-r1")
    await operator.settle()
    for name in ("mnist-chief-0", "mnist-evaluator-0"):
        world.finish(name)
        await operator.settle()
    world.collect()
    await operator.settle()


async def test_a_life_is_a_line_for_each_transition(world, operator, caplog):
    await live(world, operator)
    created = "5 pods mnist-chief-0, mnist-evaluator-0, mnist-ps-0, mnist-worker-0, mnist-worker-1"
    assert texts(caplog) == [
        f"default/mnist: created {created}",
        "default/mnist: PodsPending: waiting until all 5 replicas are ready",
        "default/mnist: PodsPending -> Training: all replicas are ready",
        "default/mnist: worker-1 restarts (Error, exit code 1, on node-1): boom",
        "default/mnist: Training -> Restarting: worker-1 failed with exit code 1: boom; it starts again",
        "default/mnist: deleted pod mnist-worker-1: replaced by a later attempt",
        "default/mnist: created pod mnist-worker-1-r1",
        "default/mnist: Restarting -> Training: all replicas are ready;"
        " last failure: worker-1 failed with exit code 1: boom",
        "default/mnist: Training -> Completed: training has ended",
        "default/mnist: deleted 3 pods mnist-ps-0, mnist-worker-0, mnist-worker-1-r1: the job has ended",
    ]


async def test_every_line_about_a_job_has_its_fields(world, operator, caplog):
    world.api.fail("delete", "pods", ZeroDivisionError("a bug"), matches=lambda name: "ps" in name)
    world.api.fail("create", "events", status_error(503))
    await live(world, operator)
    await operator.pass_(2)
    assert operator.results["crash"] == 1
    found = objects(caplog)
    assert len(found) > 9
    uid = world.job["metadata"]["uid"]
    for line in found:
        assert (line["namespace"], line["name"], line["uid"]) == ("default", "mnist", uid)
        assert "\n" not in line["message"]


async def test_a_restart_can_be_selected_by_its_fields(world, operator, caplog):
    await live(world, operator)
    (line,) = [one for one in objects(caplog) if "replica" in one]
    assert line["level"] == "INFO"
    assert {key: line[key] for key in ("replica", "attempt", "reason", "exitCode", "node")} == {
        "replica": "worker-1",
        "attempt": 1,
        "reason": "Error",
        "exitCode": 1,
        "node": "node-1",
    }
    states = [one["state"] for one in objects(caplog) if "state" in one]
    assert states == ["PodsPending", "Training", "Restarting", "Training", "Completed"]


async def test_a_failed_job_is_a_warning(world, operator, caplog):
    world.submit()
    await operator.settle()
    world.run()
    world.finish("mnist-chief-0", 78, "no module named trainer")
    await operator.settle()
    (line,) = [one for one in objects(caplog) if one.get("state") == "ConfigurationError"]
    assert line["level"] == "WARNING"
    assert "no module named trainer" in line["message"]


async def test_progress_and_looks_are_not_logged(world, operator, caplog):
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()
    caplog.clear()
    for step in range(30):
        operator.report("mnist-chief-0", state="Training", global_step=step)
        await operator.pass_(10, step=10)
    await operator.relist()
    assert caplog.records == []


def record(**extra: object) -> logging.LogRecord:
    made = logging.LogRecord("own", logging.ERROR, "f.py", 1, "job %s", ("a\nb",), None)
    for key, value in extra.items():
        setattr(made, key, value)
    return made


def test_a_json_log_has_one_object_a_line():
    try:
        raise ValueError("boom")
    except ValueError:
        made = record(exc_info=sys.exc_info())
    text = JsonFormatter().format(made)
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "own", "job a\nb")
    assert line["exception"].endswith("ValueError: boom")


def test_a_line_about_no_job_names_none():
    assert "namespace" not in json.loads(JsonFormatter().format(record()))
    assert TextFormatter().format(record()).endswith("own: job a b")


def test_a_uid_that_is_not_known_is_left_out():
    line = json.loads(JsonFormatter().format(record(**about_job(("team-a", "mnist"), pods=["x"]))))
    assert (line["namespace"], line["name"], line["pods"]) == ("team-a", "mnist", ["x"])
    assert "uid" not in line


def test_a_field_cannot_hide_one_that_every_line_has():
    with pytest.raises(ValueError, match="level, message"):
        about_job(("a", "b"), level="x", message="y")


def test_foreign_text_is_one_line_that_does_nothing_to_a_terminal():
    """A termination message or a webhook's refusal must not look like another line of the log."""
    made = logging.LogRecord(
        "own", logging.ERROR, "f.py", 1, "said %s", ("\x1b[2Ja\n2026-01-01 FATAL b",), None
    )
    line = TextFormatter().format(made)
    assert line.endswith("said a 2026-01-01 FATAL b")
    assert "\x1b" not in line


def test_an_exception_s_text_does_nothing_to_a_terminal_either():
    try:
        raise ValueError("\x1b[31mred")
    except ValueError:
        made = logging.LogRecord("own", logging.ERROR, "f.py", 1, "no", (), sys.exc_info())
    text = TextFormatter().format(made)
    assert text.endswith("ValueError: red")


BEHAVES_ON_A_TERMINAL = "\x9b31m \x85 \x7f \u061c \u200f \u2028 \u202e \u2066 \u206a \u206f \ud800"


def record_of(message: str, **extra: object) -> logging.LogRecord:
    return logging.getLogger("estimator_operator").makeRecord(
        "estimator_operator", logging.WARNING, __file__, 1, message, (), None, extra=extra
    )


def test_a_line_for_machines_says_all_and_acts_on_no_terminal():
    record = record_of(BEHAVES_ON_A_TERMINAL, **about_job(("default", "mnist"), said=BEHAVES_ON_A_TERMINAL))
    line = JsonFormatter().format(record)
    assert not any(one in line for one in BEHAVES_ON_A_TERMINAL.replace("31m", "").split())
    line.encode()
    read = json.loads(line)
    assert (read["message"], read["said"]) == (BEHAVES_ON_A_TERMINAL, BEHAVES_ON_A_TERMINAL)


def test_a_line_for_people_acts_on_no_terminal():
    line = TextFormatter().format(record_of(BEHAVES_ON_A_TERMINAL))
    assert not any(one in line for one in BEHAVES_ON_A_TERMINAL.replace("31m", "").split())


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_refusal_as_long_as_a_book_is_cut(formatter):
    assert len(formatter.format(record_of("no " * 30_000))) < 5000
