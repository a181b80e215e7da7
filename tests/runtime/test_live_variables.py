"""A chief that comes back to parameter servers that have outlived it: when it goes on with their variables."""

import gc
import json
import math
from pathlib import Path

import linear_model
import pytest
import tensorflow as tf
from linear_model import train_input
from live_servers import Servers

from estimator_runtime import Estimator, observation
from estimator_runtime.loop import live_variables

v1 = tf.compat.v1


@pytest.fixture(scope="module")
def servers():
    return Servers()


class Adoptions(observation.Observer):
    def __init__(self):
        self.steps = []

    def adopted(self, step):
        self.steps.append(step)


@pytest.fixture
def chief(servers, tmp_path, monkeypatch):
    """A function that trains as a chief would, started anew, and returns at which steps it adopted variables."""
    servers.loses()
    tf_config = {"cluster": servers.cluster, "task": {"type": "chief", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(tf_config))

    def train(steps, model_dir=tmp_path / "model", warm_start_from=None, **config):
        adoptions = Adoptions()
        observation.install(adoptions)
        try:
            config = linear_model.config(**{"save_checkpoints_steps": 100, **config})
            estimator = Estimator(
                linear_model.model_fn, str(model_dir), config, warm_start_from=warm_start_from
            )
            estimator.train(train_input, steps=steps)
        finally:
            observation.install(None)
        return adoptions.steps

    return train


def saved(model_dir, name, step=None):
    prefix = tf.train.latest_checkpoint(str(model_dir)) if step is None else f"{model_dir}/model.ckpt-{step}"
    return tf.train.load_variable(prefix, name).item()


def test_variables_newer_than_the_checkpoint_are_adopted_and_saved(chief, servers, tmp_path, tf_log):
    assert chief(5) == []
    servers.holds("w", [[7.0]])
    servers.holds("global_step", 9)
    assert chief(1) == [9]
    model_dir = tmp_path / "model"
    assert saved(model_dir, "w", 9) == 7, "right after the adoption"
    assert saved(model_dir, "global_step") == 10
    (line,) = [line for line in tf_log if "Going on with the variables" in line]
    assert "at global step 9; the newest checkpoint is of step 5." in line
    assert chief(1) == [10], "and again"


def test_servers_that_lost_their_variables(chief, servers, tmp_path):
    chief(5)
    servers.loses()
    assert chief(1) == []
    assert saved(tmp_path / "model", "global_step") == 6


@pytest.mark.parametrize("name", ["w", "global_step"])
def test_a_server_that_lost_one_variable_brings_all_of_the_checkpoint(name, chief, servers, tmp_path):
    chief(5)
    servers.holds("w", [[7.0]])
    servers.holds("global_step", 9)
    servers.loses(name)
    assert chief(1) == []
    assert saved(tmp_path / "model", "global_step") == 6
    assert saved(tmp_path / "model", "w") < 3


def refused(chief, tmp_path, tf_log, why, **arguments):
    assert chief(1, **arguments) == []
    (line,) = [line for line in tf_log if "are left: " in line]
    assert why in line
    return saved(arguments.get("model_dir", tmp_path / "model"), "global_step")


def test_variables_behind_the_checkpoint(chief, servers, tmp_path, tf_log):
    chief(5)
    servers.holds("global_step", 4)
    assert (
        refused(chief, tmp_path, tf_log, "at global step 4, behind the newest checkpoint, which is of step 5")
        == 6
    )


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_values_that_are_not_finite(broken, chief, servers, tmp_path, tf_log):
    chief(5)
    servers.holds("w", [[broken]])
    assert refused(chief, tmp_path, tf_log, "w holds values that are not finite") == 6
    assert math.isfinite(saved(tmp_path / "model", "w"))


def test_another_directorys_run_on_the_same_servers(chief, servers, tmp_path, tf_log):
    other = tmp_path / "other"
    chief(3, model_dir=other)
    chief(5)
    assert refused(chief, tmp_path, tf_log, "not known to be of this model_dir", model_dir=other) == 4


def test_a_directory_that_was_emptied(chief, tmp_path):
    chief(5)
    for path in (tmp_path / "model").iterdir():
        path.unlink()
    assert chief(1) == []
    assert saved(tmp_path / "model", "global_step") == 1


def test_an_older_checkpoint_that_was_put_back(chief, servers, tmp_path, tf_log):
    chief(5)
    servers.loses()
    chief(5)
    for path in (tmp_path / "model").glob("model.ckpt-10*"):
        path.unlink()
    Path(tmp_path, "model", "checkpoint").write_text('model_checkpoint_path: "model.ckpt-0"')
    for path in (tmp_path / "model").glob("model.ckpt-5*"):
        path.unlink()
    assert (
        refused(chief, tmp_path, tf_log, "began at the checkpoint of step 5, and the newest one is of step 0")
        == 1
    )


def test_without_checkpoints_and_with_a_warm_start(chief, servers, trained, tmp_path):
    """Nothing is saved, and first values are for variables that have none."""
    arguments = {"save_checkpoints_steps": None, "warm_start_from": trained.model_dir}
    first = trained.get_variable_value("w").item()
    assert chief(1, **arguments) == []
    servers.holds("w", [[2 * first]])
    assert chief(1, **arguments) == [1]
    assert servers.value_of_w() > 1.9 * first, "one step from there, and none from the warm start"
    assert not list((tmp_path / "model").glob("model.ckpt*"))


def test_a_mark_that_cannot_be_read_is_none(chief, tmp_path, tf_log):
    chief(5)
    (tmp_path / "model" / live_variables.FILE_NAME).write_text("[]")
    assert chief(1) == []
    assert [line for line in tf_log if "Ignoring the unreadable file" in line]
    assert chief(1) == [6], "the restart has left a new one"


def test_a_chief_that_adopts_deletes_old_checkpoints_as_one_that_restores(chief, servers, tmp_path):
    for start in range(5):
        assert chief(3, keep_checkpoint_max=2, save_checkpoints_steps=2) == ([3 * start] if start else [])
    model_dir = tmp_path / "model"
    kept = tf.train.get_checkpoint_state(str(model_dir)).all_model_checkpoint_paths
    assert [Path(path).name for path in kept] == ["model.ckpt-14", "model.ckpt-15"]
    assert sorted(path.stem for path in model_dir.glob("*.index")) == ["model.ckpt-14", "model.ckpt-15"]


def test_a_first_start_logs_no_misuse_of_tensorflow(chief, caplog):
    with caplog.at_level("ERROR", logger="tensorflow"):
        chief(1)
        gc.collect()
    assert not caplog.records


def test_an_infinity_that_nobody_trains_is_no_objection(chief, monkeypatch):
    """A mask of an attention, for one."""

    def masked(features, labels, mode):
        v1.get_variable("mask", initializer=tf.constant([0.0, -math.inf]), trainable=False)
        return linear_model.spec(mode, linear_model.linear(features["x"]), labels)

    monkeypatch.setattr(linear_model, "model_fn", masked)
    assert chief(5) == []
    assert chief(1) == [5]
