"""A job's status as lines: one for every change, and no flood of steps."""

from __future__ import annotations

from datetime import timedelta

from job_documents import CRASHED, KILLED, NOW, document, states, unheard

from estimatorctl.render.changes import ChangeLog


def told(*documents, every=1.0):
    """The lines of documents that come `every` seconds, without the time of day."""
    log = ChangeLog()
    lines = []
    for number, one in enumerate(documents):
        lines += log.lines(one, now=NOW + timedelta(seconds=number * every))
    return [line.partition(" ")[2] for line in lines]


def step(number, **progress):
    return document(
        "Training", "all replicas are ready", progress={"globalStep": number, "maxSteps": 100} | progress
    )


def test_lines_begin_with_the_time_of_day():
    assert ChangeLog().lines(document(), now=NOW) == ["12:05:00 New: no operator has looked at it yet"]


def test_the_same_again_is_told_once():
    assert told(states()["training"], states()["training"]) == [
        "Training: all replicas are ready",
        "step 1200 of 2000 (60 %), loss 0.07308, 412.5 steps/s, 2 min 05 s left",
        "evaluation at step 1000: accuracy 0.9733  loss 0.0812",
        "export best: pvc://digits-model/export/best/1790000000",
    ]


def test_steps_are_told_every_ten_seconds_and_at_the_end():
    lines = told(*(step(number, percent=number) for number in range(0, 101, 4)))

    assert lines == [
        "Training: all replicas are ready",
        "step 0 of 100 (0 %)",
        "step 40 of 100 (40 %)",
        "step 80 of 100 (80 %)",
        "step 100 of 100 (100 %)",
    ]


def test_every_failure_is_told_once_and_restored_checkpoints_too():
    lines = told(
        document("Training", failures=[KILLED]),
        states()["restarting"] | {"spec": {}},
        document("Restarting", "soon", failures=[KILLED, CRASHED]),
    )

    assert sum("worker-1 OOMKilled, exit code 137" in one for one in lines) == 1
    assert sum("chief-0 (restart 1) failed, exit code 1: ValueError" in one for one in lines) == 1
    assert "training goes on from step 800 (/model/model.ckpt-800)" in lines


def test_an_export_of_the_same_name_is_told_when_its_path_is_new():
    first = document("Training", exports=[{"name": "best", "path": "/m/1"}])
    second = document("Training", exports=[{"name": "best", "path": "/m/2"}])

    assert [one for one in told(first, first, second) if "export" in one] == [
        "export best: /m/1",
        "export best: /m/2",
    ]


def test_predictions_are_told_at_the_end():
    made = {"path": "/model/predictions", "uri": "pvc://digits-model/predictions", "examples": 1797}
    under_way = document("Training", "predictions are made", predictions=made | {"examples": 256})
    done = states()["completed"]
    done["status"]["predictions"] = made
    lines = told(under_way, done)
    assert "predictions: 1797 in pvc://digits-model/predictions" in lines
    assert not any("256" in line for line in lines)


def elastic(workers, *, ready=None):
    """An elastic job with so many workers; `ready`: whether its TensorBoard is."""
    job = document("Training", "all replicas are ready", workerReplicas=workers)
    job["spec"] = {"elastic": {"maxReplicas": 4}}
    if ready is not None:
        job["status"]["tensorBoard"] = {
            "service": "digits-tensorboard",
            "url": "http://tb:6006",
            "ready": ready,
        }
    return job


def test_workers_that_come_and_go_are_told():
    lines = told(elastic(1), elastic(3), elastic(3), elastic(2), document("Training", workerReplicas=2))

    assert [one for one in lines if "workers" in one] == [
        "workers: 1, elastic from 0 to 4",
        "workers: 3, elastic from 0 to 4",
        "workers: 2, elastic from 0 to 4",
    ]


def test_tensorboard_is_told_when_it_answers():
    lines = told(elastic(1), elastic(1, ready=False), elastic(1, ready=True), elastic(1, ready=True))

    assert [one for one in lines if "TensorBoard" in one] == [
        "TensorBoard: http://tb:6006  kubectl port-forward -n team service/digits-tensorboard 6006"
    ]


def test_a_step_that_is_told_while_nothing_trains_promises_no_end():
    """The rate is of the attempt that has ended; the next one may never come to it."""
    status = {"globalStep": 50, "maxSteps": 100, "percent": 50, "stepsPerSecond": "10", "remainingSeconds": 5}
    for reason in ("Restarting", "PodsPending", "PodsNotReady", "Suspended"):
        assert told(document(reason, "why", progress=status))[-1] == "step 50 of 100 (50 %)"
    assert told(document("Training", "why", progress=status))[-1].endswith("10 steps/s, 5 s left")


def test_a_model_directory_at_its_last_step_is_not_said_to_train_on():
    lines = told(states()["untrained"])
    assert "the model directory is already at step 3204 of 3000 (/model/model.ckpt-3204)" in lines
    assert not any("training goes on" in one for one in lines)
    assert any("nothing was trained" in one for one in lines)


def test_what_is_not_as_it_should_be_is_told_when_it_begins_and_when_it_is_over():
    lines = told(states()["training"], unheard(), unheard(), states()["training"])
    assert [one for one in lines if "chief-0" in one or "evaluator-0" in one or "again" in one] == [
        "Evaluator: given up: evaluator-0 failed with exit code 1",
        "Progress: not known: chief-0 has answered no poll of /progress: whether it makes steps is not known, and"
        " stallTimeoutSeconds waits",
        "Evaluator: runs again",
        "Progress: known again",
    ]
