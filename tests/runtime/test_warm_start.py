"""WarmStartSettings: which variables start from where."""

from pathlib import Path

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import X, raw_receiver, train_input, v1

from estimator_runtime import Estimator, VocabInfo, WarmStartSettings


def first_value(directory, settings, model_fn=linear_model.model_fn, name="w"):
    Estimator(model_fn, str(directory), linear_model.config(), warm_start_from=settings).train(
        train_input, steps=1
    )
    return v1.train.NewCheckpointReader(f"{directory}/model.ckpt-0").get_tensor(name)


def test_variables_by_pattern(trained, tmp_path):
    source = trained.model_dir
    trained_value = trained.get_variable_value("w")
    assert first_value(tmp_path / "a", WarmStartSettings(source)) == trained_value
    assert first_value(tmp_path / "b", WarmStartSettings(source, vars_to_warm_start="w")) == trained_value
    assert first_value(tmp_path / "c", WarmStartSettings(source, vars_to_warm_start="other")) == 0


def test_variables_of_another_name(trained, tmp_path):
    def model_fn(features, labels, mode):
        with v1.variable_scope("renamed"):
            return linear_model.model_fn(features, labels, mode)

    settings = WarmStartSettings(trained.model_dir, var_name_to_prev_var_name={"renamed/w": "w"})
    assert first_value(tmp_path, settings, model_fn, "renamed/w") == trained.get_variable_value("w")


def test_rows_follow_the_vocabulary(tmp_path):
    def vocabulary(name, *words):
        path = tmp_path / name
        path.write_text("\n".join(words) + "\n")
        return str(path)

    old, new = vocabulary("old", "a", "b"), vocabulary("new", "b", "c", "a")

    def embedding(rows):
        def model_fn(features, labels, mode):
            table = v1.get_variable("table", [len(rows), 1], initializer=v1.constant_initializer(rows))
            y = linear_model.linear(features["x"]) + 0 * tf.reduce_sum(table)
            return linear_model.spec(mode, y, labels)

        return model_fn

    before = linear_model.estimator(tmp_path / "before", embedding([4.0, 2.0])).train(train_input, steps=1)
    info = VocabInfo(new, 3, 0, old, backup_initializer=v1.ones_initializer())
    settings = WarmStartSettings(before.model_dir, var_name_to_vocab_info={"table": info})
    rows = first_value(tmp_path / "after", settings, embedding([0.0, 0.0, 0.0]), "table")
    assert rows.ravel().tolist() == [2, 1, 4]


def first_values(estimator):
    """Variables at the step-0 checkpoint."""
    reader = v1.train.NewCheckpointReader(f"{estimator.model_dir}/model.ckpt-0")
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def warm(directory, source, model=linear_model.model_fn):
    return Estimator(model, str(directory), linear_model.config(), warm_start_from=source)


def test_warm_start_from_checkpoints_and_exports(trained, tmp_path):
    path = trained.export_saved_model(str(tmp_path / "export"), raw_receiver)
    sources = [trained.model_dir, trained.latest_checkpoint(), path, Path(path)]
    for index, source in enumerate(sources):
        estimator = warm(tmp_path / str(index), source).train(train_input, steps=1)
        values = first_values(estimator)
        np.testing.assert_array_equal(values["w"], trained.get_variable_value("w"))
        assert values["global_step"] == 0


def test_a_checkpoint_of_its_own_comes_first(trained, tmp_path):
    linear_model.estimator(tmp_path).train(train_input, steps=1)
    own = linear_model.estimator(tmp_path).get_variable_value("w")
    assert list(warm(tmp_path, trained.model_dir).predict(linear_model.eval_input))[4]["y"] == own * X[4]


def test_an_untrained_model_that_is_warm_started(trained, tmp_path):
    estimator = warm(tmp_path / "m", trained.model_dir)
    result = estimator.evaluate(linear_model.eval_input)
    assert result["mae"] == trained.evaluate(linear_model.eval_input)["mae"]
    assert result["global_step"] == 0
    path = estimator.export_saved_model(str(tmp_path / "e"), raw_receiver)
    answer = tf.saved_model.load(path).signatures["serving_default"](x=tf.constant([[1.0]]))
    np.testing.assert_allclose(answer["y"], trained.get_variable_value("w"), rtol=1e-6)


def test_defaults():
    settings = WarmStartSettings("somewhere")
    assert tuple(settings) == ("somewhere", ".*", {}, {})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: WarmStartSettings(""), "`ckpt_to_initialize_from` MUST be set in WarmStartSettings"),
        (
            lambda: Estimator(linear_model.model_fn, warm_start_from=3),
            "warm_start_from must be a string or a WarmStartSettings, instead got <class 'int'>",
        ),
    ],
)
def test_refusals(make, text):
    with pytest.raises(ValueError, match=text):
        make()
