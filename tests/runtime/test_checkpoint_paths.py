"""What people give as a checkpoint: understood where it is plain which one is meant, and otherwise one line."""

import os
from pathlib import Path

import linear_model
import pytest
import tensorflow as tf
from linear_model import eval_input, raw_receiver, train_input, v1

from estimator_runtime import Estimator, WarmStartSettings
from estimator_runtime.checkpoints import paths
from estimator_runtime.job.settings import locations
from estimator_runtime.job.settings.errors import JobConfigError

# Of the checkpoint at step 5: what stands for it.
STANDS_FOR_IT = {
    "its path": lambda prefix: prefix,
    "the index": lambda prefix: f"{prefix}.index",
    "the data": lambda prefix: f"{prefix}.data-00000-of-00001",
    "the meta graph": lambda prefix: f"{prefix}.meta",
    "a slash at the end": lambda prefix: f"{prefix}/",
    "a pathlib.Path": Path,
    "bytes": os.fsencode,
}
# What stands for the newest, at step 10.
STANDS_FOR_NEWEST = {
    "the directory": os.path.dirname,
    "the directory with a slash": lambda prefix: f"{os.path.dirname(prefix)}/",
    "the directory as a Path": lambda prefix: Path(prefix).parent,
    "the file checkpoint": lambda prefix: f"{os.path.dirname(prefix)}/checkpoint",
}


@pytest.fixture(scope="module")
def at_5(trained):
    return os.path.join(trained.model_dir, "model.ckpt-5")


@pytest.mark.parametrize("way", [*STANDS_FOR_IT, *STANDS_FOR_NEWEST])
def test_what_stands_for_a_checkpoint_is_understood(way, trained, at_5):
    expected = at_5 if way in STANDS_FOR_IT else trained.latest_checkpoint()
    given = {**STANDS_FOR_IT, **STANDS_FOR_NEWEST}[way](at_5)
    assert paths.prefix(given) == expected


@pytest.mark.parametrize("way", ["the index", "bytes"])
def test_every_method_understands_it(way, trained, at_5, tmp_path):
    given = STANDS_FOR_IT[way](at_5)
    assert trained.evaluate(eval_input, checkpoint_path=given)["global_step"] == 5
    expected = [p["y"].item() for p in trained.predict(eval_input, checkpoint_path=at_5)]
    assert [p["y"].item() for p in trained.predict(eval_input, checkpoint_path=given)] == expected
    value = tf.train.load_variable(at_5, "w")
    for modes in (
        trained.export_saved_model(tmp_path / "one", raw_receiver, checkpoint_path=given),
        trained.export_savedmodel(tmp_path / "two", raw_receiver, checkpoint_path=given),
        trained.experimental_export_all_saved_models(
            tmp_path / "all", {"infer": raw_receiver}, checkpoint_path=given
        ),
    ):
        assert tf.train.load_variable(f"{modes}/variables/variables", "w") == value
    for index, source in enumerate((given, WarmStartSettings(given))):
        estimator = Estimator(
            linear_model.model_fn, tmp_path / f"warm{index}", linear_model.config(), warm_start_from=source
        )
        estimator.train(train_input, steps=1)
        first = v1.train.NewCheckpointReader(f"{estimator.model_dir}/model.ckpt-0")
        assert first.get_tensor("w") == value


def test_an_export_is_a_checkpoint_too(trained, tmp_path):
    export = trained.export_saved_model(tmp_path / "e", raw_receiver)
    assert trained.evaluate(eval_input, checkpoint_path=export)["global_step"] == 10
    for index, source in enumerate((export, WarmStartSettings(export), f"{export}/")):
        estimator = Estimator(
            linear_model.model_fn, tmp_path / str(index), linear_model.config(), warm_start_from=source
        )
        assert estimator.evaluate(eval_input)["mae"] == trained.evaluate(eval_input)["mae"]


def test_a_job_understands_it(trained, at_5):
    assert locations.checkpoint_for(trained, f"{at_5}.index", field="f") == at_5
    with pytest.raises(JobConfigError, match=r"f: there is no checkpoint .*such as .*model.ckpt-10"):
        locations.checkpoint_for(trained, f"{at_5}7", field="f")


def test_nothing_given_is_the_newest(trained):
    for nothing in ("", None):
        assert trained.evaluate(eval_input, checkpoint_path=nothing)["global_step"] == 10


NOT_THERE = {
    "a step that is not there": "{dir}/model.ckpt-7",
    "a pattern": "{dir}/model.ckpt-*",
    "a variable of the shell": "{dir}/$STEP",
    "the name alone": "model.ckpt-5",
    "a home directory": "~/model.ckpt-5",
}


@pytest.mark.parametrize("what", NOT_THERE)
def test_what_is_no_checkpoint_is_refused_in_one_line_with_an_example(what, trained, tmp_path):
    given = NOT_THERE[what].format(dir=trained.model_dir)
    calls = {
        "evaluate": lambda: trained.evaluate(eval_input, checkpoint_path=given),
        "predict": lambda: next(trained.predict(eval_input, checkpoint_path=given)),
        "export": lambda: trained.export_saved_model(tmp_path / "e", raw_receiver, checkpoint_path=given),
        "warm start": lambda: Estimator(
            linear_model.model_fn, tmp_path / "w", linear_model.config(), warm_start_from=given
        ).train(train_input, steps=1),
    }
    for call in calls.values():
        with pytest.raises(ValueError, match="The passed save_path is not a valid checkpoint") as raised:
            call()
        assert isinstance(raised.value, tf.errors.NotFoundError)
        text = str(raised.value)
        assert given in text
        assert "\n" not in text
        assert "without .index and .data-00000-of-00001, such as " in text
        if given.startswith(trained.model_dir):
            assert f"such as {trained.latest_checkpoint()}" in text
        assert ("Nothing in it is expanded" in text) == (what in list(NOT_THERE)[1:3] + list(NOT_THERE)[4:])
    assert not (tmp_path / "e").exists()


def test_a_directory_without_checkpoints_is_said_to_have_none(trained, tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path} holds no checkpoint"):
        trained.evaluate(eval_input, checkpoint_path=tmp_path)


@pytest.mark.parametrize("settings", [str, WarmStartSettings])
def test_a_warm_start_from_a_directory_without_checkpoints_is_the_type_error_that_it_was(settings, tmp_path):
    (tmp_path / "empty").mkdir()
    start = settings(str(tmp_path / "empty"))
    estimator = Estimator(linear_model.model_fn, str(tmp_path / "model"), warm_start_from=start)
    with pytest.raises(TypeError, match="empty holds no checkpoint"):
        estimator.train(train_input, steps=1)


def copied(trained, directory):
    """A model directory of that name with the checkpoints of `trained`."""
    directory.mkdir()
    for file in Path(trained.model_dir).glob("model.ckpt-*"):
        (directory / file.name).write_bytes(file.read_bytes())
    v1.train.update_checkpoint_state(str(directory), str(directory / "model.ckpt-10"))
    return linear_model.estimator(directory)


@pytest.mark.parametrize("name", ["a*b", "a?b", "a{1,2}", "a b", "a%sb", "a[b", "a]b", "~", "$HOME"])
def test_names_with_characters_of_patterns_are_names(name, trained, tmp_path):
    estimator = copied(trained, tmp_path / name)
    assert paths.prefix(tmp_path / name / "model.ckpt-5.index") == str(tmp_path / name / "model.ckpt-5")
    assert estimator.evaluate(eval_input)["global_step"] == 10
    assert len(list(estimator.predict(eval_input))) == 8


@pytest.mark.parametrize("name", ["run[1]", "a\\b"])
def test_a_name_that_tensorflow_takes_for_a_pattern_is_refused_in_one_line(name, trained, tmp_path):
    """It would not find there what it has written."""
    estimator = copied(trained, tmp_path / name)
    calls = {
        "train": lambda: estimator.train(train_input, steps=1),
        "evaluate": lambda: estimator.evaluate(eval_input),
        "predict": lambda: next(estimator.predict(eval_input)),
        "export": lambda: estimator.export_saved_model(tmp_path / "e", raw_receiver),
        "given": lambda: trained.evaluate(eval_input, checkpoint_path=tmp_path / name / "model.ckpt-5"),
        "warm start": lambda: WarmStartSettings(tmp_path / name).apply(),
    }
    for call in calls.values():
        with pytest.raises(
            ValueError, match="takes characters in .* for a pattern and cannot read the checkpoint: rename"
        ):
            call()


@pytest.mark.parametrize("name", ["run[1]", "a\\b", "lr[0.1]/1"])
def test_the_first_training_says_that_nobody_will_read_its_checkpoints(name, tmp_path, tf_log):
    estimator = linear_model.estimator(tmp_path / name).train(train_input, steps=1)
    (line,) = [line for line in tf_log if "for a pattern" in line]
    assert estimator.model_dir in line
    assert "Use a model_dir with neither brackets nor backslashes" in line
    with pytest.raises(ValueError, match="cannot read the checkpoint"):
        estimator.evaluate(eval_input)


@pytest.mark.parametrize("name", ["a[b", "a]b", "a*b"])
def test_a_training_whose_checkpoints_can_be_read_says_nothing_of_patterns(name, tmp_path, tf_log):
    linear_model.estimator(tmp_path / name).train(train_input, steps=1).evaluate(eval_input)
    assert not [line for line in tf_log if "for a pattern" in line]
