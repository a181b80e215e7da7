"""Lookup tables that change, in chief and workers that make every step together, as real processes."""

import json

import pytest
from collective_tasks import TABLES_PROGRAM, CollectiveJob


@pytest.mark.parametrize(
    ("averages", "piece"), [(False, None), (True, None), (False, 300_000)], ids=["", "averages", "pieces"]
)
def test_all_tasks_have_the_tables_of_the_checkpoint(tmp_path, averages, piece):
    filled = [[[1.0, 0.5], [2.0, 0.25], [3.0, 0.125], [0.0, 0.0]], [0, 1, 4, 9, 16, -1]]
    settings = {"averages": averages, "piece": piece}
    running = CollectiveJob(tmp_path, 2, settings, program=TABLES_PROGRAM)
    try:
        for steps, fills in ((2, ["FILLED"]), (4, [])):
            running.settings["steps"] = steps
            running.start()
            assert running.await_ends() == [0, 0, 0], running.logs()
            for task in running.trainers:
                assert task.lines("^FILLED") == fills
                (tables,) = task.lines("^TABLES (.*)$")
                assert json.loads(tables) == filled, task.name
    finally:
        running.end()
