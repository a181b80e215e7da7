"""Every path may be a PathLike, and a model directory bytes."""

import os
from pathlib import Path

import linear_model
from linear_model import eval_input

from estimator_runtime import Estimator, RunConfig, WarmStartSettings


def test_every_path_may_be_a_pathlike(trained, tmp_path):
    config = RunConfig(model_dir=tmp_path / "a")
    assert config.model_dir == str(tmp_path / "a")
    assert config.replace(model_dir=tmp_path / "b").model_dir == str(tmp_path / "b")
    checkpoint = Path(trained.latest_checkpoint())
    for source in (checkpoint, checkpoint.parent, WarmStartSettings(checkpoint)):
        estimator = Estimator(linear_model.model_fn, tmp_path / "c", warm_start_from=source)
        assert estimator.model_dir == str(tmp_path / "c")
        assert estimator.evaluate(eval_input)["loss"] == trained.evaluate(eval_input)["loss"]
    first = Path(trained.model_dir, "model.ckpt-5")
    assert trained.evaluate(eval_input, checkpoint_path=first)["global_step"] == 5
    assert len(list(trained.predict(eval_input, checkpoint_path=first))) == 8
    source = tmp_path / "words.txt"
    source.write_text("x")
    path = trained.export_saved_model(
        tmp_path / "e", linear_model.raw_receiver, {"words.txt": source}, checkpoint_path=first
    )
    assert Path(path, "assets.extra", "words.txt").read_text() == "x"


def test_a_model_directory_may_be_bytes(tmp_path):
    """As paths are that tf.estimator returns."""
    for estimator in (
        Estimator(linear_model.model_fn, os.fsencode(tmp_path)),
        Estimator(linear_model.model_fn, config=RunConfig(os.fsencode(tmp_path))),
        Estimator(linear_model.model_fn, config=RunConfig().replace(model_dir=os.fsencode(tmp_path))),
        Estimator(linear_model.model_fn, os.fsencode(tmp_path), RunConfig(str(tmp_path))),
    ):
        assert estimator.model_dir == str(tmp_path)
    estimator.train(linear_model.train_input, steps=1)
    assert estimator.get_variable_value("global_step") == 1
