"""The job runner as a process: what a pod sees of it."""

import json
import socket
from pathlib import Path

import pytest
from cluster_tasks import free_ports
from job_process import LOOK_EVERY_SECS, Replica

pytestmark = pytest.mark.timeout(180)

TRAIN = {"inputFn": "job_model:train_input", "maxSteps": 20}
EVALUATE = {"inputFn": "job_model:eval_input", "steps": 0, "throttleSeconds": 0}
SPEC = {
    "modelFn": "job_model:model_with_params",
    "params": {"slope": 2},
    "runConfig": {"saveCheckpointsSteps": 10, "keepCheckpointMax": 2},
    "train": TRAIN,
    "evaluate": EVALUATE,
    "exports": [
        {"name": "end", "kind": "Final", "servingInputReceiverFn": "job_model:raw_receiver"},
        {
            "name": "best",
            "kind": "Best",
            "servingInputReceiverFn": "job_model:raw_receiver",
            "compareMetric": "mae",
            "exportsToKeep": 1,
        },
    ],
}
ENDLESS = {
    "mode": "Train",
    "modelFn": "job_model:model_fn",
    "runConfig": {"saveCheckpointsSteps": 1000000},
    "train": {"inputFn": "job_model:train_input", "hooks": ["job_model:Pause"]},
}


@pytest.fixture
def start(tmp_path):
    replicas = []

    def make(**settings):
        (port,) = free_ports(1)
        replicas.append(Replica(tmp_path, port, **settings))
        return replicas[-1]

    yield make
    for replica in replicas:
        replica.end()


def marker(replica):
    return json.loads((replica.model_dir / "finished").read_text())


def test_a_declared_chief_trains_evaluates_and_exports(start):
    chief = start(spec=SPEC)
    assert chief.await_end() == 0, chief.text()
    message = chief.message()
    assert (message.role, message.index, message.state) == ("chief", 0, "Finished")
    assert (message.global_step, message.max_steps, message.error) == (20, 20, None)
    assert message.checkpoint.path == str(chief.model_dir / "model.ckpt-20")
    assert (message.checkpoint.global_step, message.checkpoint.kept) == (20, 2)
    assert message.restored_from is None
    assert message.evaluation.global_step == 20
    assert set(message.evaluation.metrics) == {"loss", "mae"}
    exports = {one.name: one for one in message.exports}
    assert {name: one.global_step for name, one in exports.items()} == {"end": 20, "best": 20}
    for name, one in exports.items():
        assert [str(path) for path in (chief.model_dir / "export" / name).glob("1*")] == [one.path]
        assert one.signatures == ["serving_default"]
        assert one.metrics == message.evaluation.metrics
    assert marker(chief) == {"globalStep": 20, "maxSteps": 20, "reason": "max_steps"}

    again = start(spec=SPEC, ESTIMATOR_ATTEMPT="1")
    assert again.await_end() == 0
    message = again.message()
    assert (message.state, message.global_step) == ("Finished", 20)
    assert (message.evaluation, message.exports) == (None, [])


def test_sigterm_saves_a_checkpoint_and_a_restart_goes_on_from_it(start):
    chief = start(spec=ENDLESS)
    seen = chief.await_progress(lambda p: p.steps_per_second, "a rate")
    assert seen.state == "Training"
    assert seen.global_step > 0
    assert seen.loss is not None
    assert seen.checkpoint.global_step == 0
    assert chief.get("/healthz") == "ok\n"
    assert 'estimator_job_state{state="Training"} 1.0' in chief.get("/metrics").splitlines()

    assert chief.terminate().await_end() == 143
    message = chief.message()
    saved = message.checkpoint.global_step
    assert saved == message.global_step >= seen.global_step
    assert message.state == "Training"
    assert message.error == f"Stopped by SIGTERM; the latest checkpoint is of step {saved}."
    assert not (chief.model_dir / "finished").exists()

    again = start(spec=ENDLESS, ESTIMATOR_ATTEMPT="1")
    seen = again.await_progress(lambda p: p.state == "Training" and p.global_step > saved, "more steps")
    assert seen.restored_from.global_step == saved
    assert seen.restored_from.path == str(chief.model_dir / f"model.ckpt-{saved}")
    assert again.terminate().await_end() == 143


def test_sigterm_ends_an_evaluation_at_once_and_a_restart_makes_it_up(start):
    endless = SPEC | {"evaluate": EVALUATE | {"inputFn": "job_model:endless_eval_input"}}
    endless["runConfig"] = {"saveCheckpointsSteps": 20}
    chief = start(spec=endless)
    chief.await_progress(lambda p: p.state == "Evaluating", "an evaluation")
    assert chief.terminate().await_end() == 143
    assert chief.message().checkpoint.global_step == 20
    assert not (chief.model_dir / "finished").exists()

    again = start(spec=SPEC, ESTIMATOR_ATTEMPT="1")
    assert again.await_end() == 0
    message = again.message()
    assert message.restored_from.global_step == message.evaluation.global_step == 20
    assert {one.name for one in message.exports} == {"end", "best"}
    assert marker(again)["reason"] == "max_steps"


def test_a_process_stuck_in_tensorflow_is_left(start):
    stuck = SPEC | {"evaluate": EVALUATE | {"inputFn": "job_model:stuck_eval_input"}}
    chief = start(spec=stuck)
    chief.await_progress(lambda p: p.state == "Evaluating", "an evaluation")
    assert chief.terminate().await_end() == 143
    assert chief.message().error == "Stopped by SIGTERM; the latest checkpoint is of step 10."


def test_a_second_sigterm_ends_at_once(start):
    chief = start(spec=ENDLESS | {"train": TRAIN | {"hooks": ["job_model:Stall"]}})
    chief.await_progress(lambda _: (chief.model_dir / "stalled").exists(), "the stall")
    # Signals that come together are one to the kernel.
    while chief.terminate().process.is_alive():
        chief.process.join(LOOK_EVERY_SECS)
    assert chief.await_end() == 143
    assert chief.message().error == "Stopped by SIGTERM; the latest checkpoint is of step 0."


def test_an_evaluator_waits_for_a_checkpoint_and_ends_on_sigterm(start):
    cluster = {"chief": ["127.0.0.1:1"], "ps": ["127.0.0.1:2"]}
    evaluator = start(
        spec=SPEC | {"evaluate": EVALUATE | {"throttleSeconds": 600}}, role="evaluator", cluster=cluster
    )
    evaluator.await_progress(lambda p: p.role == "evaluator" and p.state == "Starting", "an answer")
    assert evaluator.terminate().await_end() == 143


def test_ps_and_a_waiting_worker_end_on_sigterm(start):
    chief, worker, ps = (f"127.0.0.1:{port}" for port in free_ports(3))
    cluster = {"chief": [chief], "worker": [worker], "ps": [ps]}
    server = start(spec=SPEC, role="ps", cluster=cluster)
    waiting = start(spec=SPEC, role="worker", cluster=cluster, ESTIMATOR_ATTEMPT="1")
    server.await_progress(lambda p: p.state == "Training", "variables being served")
    waiting.await_progress(lambda p: p.max_steps == 20, "a worker on its way")
    assert waiting.terminate().await_end() == 143
    assert server.terminate().await_end() == 143
    assert server.message().error == waiting.message().error == "Stopped by SIGTERM."


def test_a_task_that_waits_for_those_that_step_with_it_ends_on_sigterm(start):
    """Made eagerly, its strategy would wait for them with Python's lock held: nothing served, no signal heard."""
    chief, worker = (f"127.0.0.1:{port}" for port in free_ports(2))
    waiting = start(
        spec=SPEC,
        cluster={"chief": [chief], "worker": [worker]},
        ESTIMATOR_STRATEGY='{"kind": "MultiWorkerMirrored"}',
    )
    waiting.await_progress(lambda p: "Graph was finalized" in waiting.text(), "the wait for a session")
    assert waiting.terminate().await_end() == 143
    assert waiting.message().error == "Stopped by SIGTERM."


@pytest.mark.parametrize("model_fn", ["model_fn", "keras_step_model"])
def test_a_cluster_trains_by_steps(model_fn, start):
    chief, worker, ps = (f"127.0.0.1:{port}" for port in free_ports(3))
    cluster = {"chief": [chief], "worker": [worker], "ps": [ps]}
    train = {"inputFn": "job_model:train_input", "steps": 30}
    spec = ENDLESS | {"modelFn": f"job_model:{model_fn}", "train": train}
    server = start(spec=spec, role="ps", cluster=cluster)
    trainers = [
        start(spec=spec, role=role, cluster=cluster, ESTIMATOR_ATTEMPT="1") for role in ("chief", "worker")
    ]
    for trainer in trainers:
        assert trainer.await_end() == 0, trainer.text()
    for trainer in trainers:
        message = trainer.message()
        assert (message.state, message.max_steps) == ("Finished", 30)
    assert trainers[0].message().checkpoint.global_step >= 30
    assert server.await_end() == 0, server.text()


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"modelFn": "no_such_module:f"}, 78, "estimator.modelFn: no_such_module:f cannot be imported: "),
        (
            {"modelFn": "job_model:broken_model", "params": None},
            1,
            "RuntimeError: the model is broken on purpose",
        ),
    ],
)
def test_what_cannot_work_ends_with_its_cause_in_one_line(start, change, code, reason):
    chief = start(spec=SPEC | change)
    assert chief.await_end() == code, chief.text()
    message = chief.message()
    assert message.state == "Failed"
    assert message.error.startswith(reason)
    assert "\n" not in message.error
    assert f"estimator_runtime.job: {message.error}" in chief.text()
    assert "Traceback" in chief.text()


def test_a_scheme_that_tensorflow_does_not_know(start):
    chief = start(spec=SPEC, TF_CONFIG=json.dumps({"model_dir": "nowhere://bucket/model"}))
    assert chief.await_end() == 78
    assert chief.message().error == (
        "modelDir.uri: this TensorFlow does not know the scheme of nowhere://bucket/model; "
        "it knows az://, file://, gs://, ram://, s3:// and paths"
    )
    program = start(
        arguments=["--module", "job_program", "--", "--max-steps=5"],
        TF_CONFIG=json.dumps({"model_dir": "nowhere://bucket/model"}),
        ESTIMATOR_ATTEMPT="1",
    )
    assert program.await_end() == 78, program.text()
    assert "does not know the model directory's scheme" in program.message().error


@pytest.mark.parametrize(
    ("model", "detail"),
    [
        ("wider_model", "Key another not found in checkpoint"),
        ("other_shape_model", "The variable w has shape [2, 1], and in the checkpoint "),
    ],
)
def test_a_checkpoint_of_another_model(start, model, detail):
    few = ENDLESS | {"train": {"inputFn": "job_model:train_input", "maxSteps": 2}}
    assert start(spec=few).await_end() == 0
    other = start(spec=ENDLESS | {"modelFn": f"job_model:{model}"}, ESTIMATOR_ATTEMPT="1")
    assert other.await_end() == 78, other.text()
    assert "of another model" in other.message().error
    assert detail in other.message().error


def test_a_program_runs_with_tf_estimator(start):
    chief = start(arguments=["--module", "job_program", "--", "--max-steps=10"])
    assert chief.await_end() == 0, chief.text()
    message = chief.message()
    assert (message.state, message.global_step, message.max_steps) == ("Finished", 10, 10)
    assert message.evaluation.global_step == 10
    assert [one.name for one in message.exports] == ["end"]


def test_a_programs_own_exit_code(start):
    script = str(Path(__file__).with_name("job_program.py"))
    chief = start(arguments=["--script", script, "--", "--max-steps=5", "--exit-code=9"])
    assert chief.await_end() == 9
    assert chief.message().error == "The program ended with exit code 9."
    chief = start(
        arguments=["--script", script, "--", "--max-steps=5", "--complain=no luck"], ESTIMATOR_ATTEMPT="1"
    )
    assert chief.await_end() == 1
    assert chief.message().error == "no luck"


def test_a_program_that_is_not_there(start):
    chief = start(arguments=["--module", "no_such.module"])
    assert chief.await_end() == 78
    assert chief.message().error.startswith("program.module: no_such.module cannot be imported: ")


def test_a_command_line_that_is_not_understood(start):
    chief = start(arguments=["--modul", "x", "--script", "y"])
    assert chief.await_end() == 78
    assert chief.message().error.startswith("python -m estimator_runtime.job: ")


def test_a_taken_port_and_an_unwritable_message_do_not_matter(start, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        chief = start(
            spec=ENDLESS | {"train": TRAIN},
            ESTIMATOR_PROGRESS_PORT=str(taken.getsockname()[1]),
            ESTIMATOR_TERMINATION_LOG=str(tmp_path / "no" / "such" / "directory"),
        )
        assert chief.await_end() == 0, chief.text()
    assert "No progress endpoint" in chief.log.read_text()
    assert "The termination message cannot be written" in chief.log.read_text()
    assert marker(chief)["globalStep"] == 20
