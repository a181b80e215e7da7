"""A synchronous job of `estimatorctl run` whose chief and worker are killed and stopped, one after the other.

Each strike is at the middle between two checkpoints or while the chief saves. `make matrix` plays each in a job of its own,
with the operator's pauses, a second worker, and the full patience with a process that stands still.
"""

import pathlib
import re

import lost_tasks
import pytest
import tensorflow as tf

HASTY = pathlib.Path(__file__).with_name("hasty_estimatorctl.py")
LAST = 50
# Victim, signal, point, step -> the step of the checkpoint from which all go on. A chief that is struck as it begins to save
# has not saved; where a worker is struck meanwhile it goes on to save.
STRIKES = {
    ("worker-0", "SIGKILL", "middle", 15): 10,
    ("worker-0", "SIGKILL", "save", 20): 20,
    ("worker-0", "SIGSTOP", "middle", 25): 20,
    ("worker-0", "SIGSTOP", "save", 30): 30,
    ("chief-0", "SIGSTOP", "middle", 35): 30,
    ("chief-0", "SIGSTOP", "save", 40): 30,
}


def strikes(folder):
    fields = ("victim", "signal", "point", "step")
    return [
        dict(zip(fields, strike, strict=True)) | {"marker": str(folder / f"struck-{number}")}
        for number, strike in enumerate(STRIKES)
    ]


def attempts(folder, replica):
    """The steps that each attempt of a replica made, by the logs of the run."""
    (logs,) = (folder / "model" / ".estimatorctl").glob("*Z")
    names = [
        f"lost-{replica}.log",
        *(f"lost-{replica}-r{number}.log" for number in range(1, 1 + len(STRIKES))),
    ]
    assert sorted(path.name for path in logs.glob(f"lost-{replica}*.log")) == sorted(names)
    return [
        [int(step) for step in re.findall(r"^STEP (\d+)", (logs / name).read_text(), re.MULTILINE)]
        for name in names
    ]


@pytest.mark.timeout(400)
def test_each_strike_costs_the_steps_since_the_last_checkpoint(tmp_path):
    # Four seconds at the speed of this run: enough for a chief to save in, and what a process that stands still is waited for.
    manifest = lost_tasks.manifest_of(strikes(tmp_path), workers=1, last=LAST, grace_secs=400, silent_secs=4)

    output = lost_tasks.run_manifest(tmp_path, manifest, command=[str(HASTY)])

    went_on = [int(step) for step in re.findall(r"training goes on from step (\d+)", output)]
    assert went_on == list(STRIKES.values()), output
    assert re.search(rf"Restarts +{2 * len(STRIKES)} \({len(STRIKES)} of {len(STRIKES)} counted", output), (
        output
    )
    for replica in ("chief-0", "worker-0"):
        made = attempts(tmp_path, replica)
        assert [steps[0] for steps in made] == [1, *(step + 1 for step in STRIKES.values())]
        assert all(steps == list(range(steps[0], steps[-1] + 1)) for steps in made)
        assert made[-1][-1] == LAST
    checkpoint = tf.train.latest_checkpoint(str(tmp_path / "model"))
    assert tf.train.load_variable(checkpoint, "global_step") == LAST
