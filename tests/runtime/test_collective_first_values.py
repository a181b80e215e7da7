"""Variables that begin with given values, in chief and workers that make every step together, as real processes."""

import pytest
from collective_tasks import FIRST_VALUES_PROGRAM, CollectiveJob


@pytest.mark.parametrize("first", ["keras", "warm start"])
def test_all_tasks_begin_with_the_values_that_the_chief_has(tmp_path, first):
    running = CollectiveJob(tmp_path, 1, {"first": first, "steps": 20}, program=FIRST_VALUES_PROGRAM)
    try:
        running.start()
        assert running.await_ends() == [0, 0], running.logs()
        begins = [task.lines("^BEGIN (.*)$") for task in running.trainers]
        assert begins == 2 * [running.chief.lines("^FIRST (.*)$")]
        ends = [task.lines("^END (.*)$") for task in running.trainers]
        assert ends[0] == ends[1]
        assert ends[0] != begins[0]
    finally:
        running.end()
