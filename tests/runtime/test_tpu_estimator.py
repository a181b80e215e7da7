"""TPUEstimator with use_tpu=False: what functions are told, what is trained and written, and the way out where a TPU is meant."""

import copy
import os
import threading

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import X, Y

import estimator_runtime
from estimator_runtime import tpu
from estimator_runtime.errors import TPUNotSupportedError
from estimator_runtime.loop.stretches.looks import Look
from estimator_runtime.tpu import optimization_parameters, speed

v1 = tf.compat.v1


def batches(params):
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).repeat().batch(params["batch_size"])


def once(params):
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(params["batch_size"])


def spec(mode, y, labels, **fields):
    if mode == "infer":
        return tpu.TPUEstimatorSpec(mode, predictions={"y": y}, **fields)
    loss = tf.reduce_mean(tf.square(y - labels))
    optimizer = v1.train.GradientDescentOptimizer(0.1)
    train_op = optimizer.minimize(loss, v1.train.get_global_step()) if mode == "train" else None
    metrics = (lambda labels, y: {"mae": v1.metrics.mean_absolute_error(labels, y)}, [labels, y])
    return tpu.TPUEstimatorSpec(mode, loss=loss, train_op=train_op, eval_metrics=metrics, **fields)


def model_fn(features, labels, mode, params):
    return spec(mode, linear_model.linear(features["x"]), labels)


def estimator(directory, model=model_fn, *, tpu_config=None, run_config=None, **arguments):
    config = tpu.RunConfig(
        tpu_config,
        model_dir=str(directory),
        **{"save_checkpoints_steps": 100, "tf_random_seed": 1, **(run_config or {})},
    )
    sizes = {"train_batch_size": 4, "eval_batch_size": 3, "predict_batch_size": 5}
    return tpu.TPUEstimator(model, config=config, **{"use_tpu": False, **sizes, **arguments})


@pytest.fixture
def reference_variables():
    v1.disable_resource_variables()
    yield
    v1.enable_resource_variables()


def scalars(directory):
    """{tag: steps} of the event files in a directory."""
    found = {}
    for name in sorted(os.listdir(directory)):
        if "tfevents" in name:
            for event in v1.train.summary_iterator(os.path.join(directory, name)):
                for value in event.summary.value:
                    found.setdefault(value.tag, []).append(event.step)
    return found


def test_it_trains_as_an_estimator_of_the_same_model(tmp_path):
    made = estimator(tmp_path / "tpu").train(batches, steps=8)
    plain = linear_model.estimator(tmp_path / "plain").train(linear_model.train_input, steps=8)
    assert made.get_variable_value("w") == plain.get_variable_value("w")
    assert made.get_variable_value("global_step") == 8
    metrics = made.evaluate(once)
    assert metrics["mae"] == pytest.approx(plain.evaluate(linear_model.eval_input)["mae"])
    assert sorted(metrics) == ["global_step", "loss", "mae"]
    predicted = [one["y"] for one in made.predict(once)]
    assert np.allclose(predicted, made.get_variable_value("w") * X)


def test_functions_find_the_batch_size_of_the_mode_in_params(tmp_path):
    seen = []

    def input_fn(params):
        seen.append(("input", copy.deepcopy(params)))
        return once(params)

    def model(features, labels, mode, params):
        seen.append((mode, copy.deepcopy(params)))
        return model_fn(features, labels, mode, params)

    made = estimator(tmp_path / "model", model, params={"rate": 1})
    made.train(input_fn, steps=1)
    made.evaluate(input_fn)
    list(made.predict(input_fn))
    made.export_saved_model(str(tmp_path / "export"), linear_model.raw_receiver)
    assert seen == [
        ("input", {"rate": 1, "batch_size": 4}),
        ("train", {"rate": 1, "batch_size": 4, "use_tpu": False}),
        ("input", {"rate": 1, "batch_size": 3}),
        ("eval", {"rate": 1, "batch_size": 3, "use_tpu": False}),
        ("input", {"rate": 1, "batch_size": 5}),
        ("infer", {"rate": 1, "batch_size": 5, "use_tpu": False}),
        ("infer", {"rate": 1, "use_tpu": False}),
    ]
    assert made.params == {"rate": 1}


def test_no_batch_size_is_made_up_where_the_program_gave_none(tmp_path):
    seen = []

    def input_fn(params):
        seen.append(dict(params))
        return linear_model.eval_input()

    made = estimator(tmp_path, train_batch_size=None, run_config={"log_step_count_steps": 1}).train(
        input_fn, steps=2
    )
    assert seen == [{}]
    assert "examples/sec" not in scalars(made.model_dir)
    assert "global_step/sec" in scalars(made.model_dir)


def test_an_export_beside_a_training_finds_no_batch_size(tmp_path):
    """Which of the two is built is known by its graph, so threads do not take one for the other."""
    made = estimator(tmp_path / "model")
    made.train(batches, steps=1)
    building, exported, seen = threading.Event(), threading.Event(), {}

    def slow(features, labels, mode, params):
        if mode == "train":
            building.set()
            assert exported.wait(60)
        seen[mode] = params.get("batch_size")
        return model_fn(features, labels, mode, params)

    other = estimator(tmp_path / "model", slow)
    thread = threading.Thread(target=lambda: other.train(batches, steps=1))
    thread.start()
    assert building.wait(60)
    other.export_saved_model(str(tmp_path / "export"), linear_model.raw_receiver)
    exported.set()
    thread.join(60)
    assert seen == {"infer": None, "train": 4}


def test_a_host_call_runs_in_every_step_with_its_own_writer(tmp_path):
    def write(step, values):
        with tf.summary.create_file_writer(str(tmp_path / "host")).as_default():
            tf.summary.scalar("sum", tf.reduce_sum(values), step=tf.cast(step[0], tf.int64))
        return v1.summary.all_v2_summary_ops()

    def model(features, labels, mode, params):
        y = linear_model.linear(features["x"])
        if mode != "train":
            return spec(mode, y, labels)
        step = tf.reshape(v1.train.get_global_step(), [1])
        with tf.control_dependencies([step]):
            return spec(mode, y, labels, host_call=(write, {"values": tf.ones([3]), "step": step}))

    estimator(tmp_path / "model", model, tpu_config=tpu.TPUConfig(100)).train(batches, steps=4)
    assert scalars(tmp_path / "host") == {"sum": [0, 1, 2, 3]}


def test_names_that_a_host_call_does_not_take_are_told(tmp_path):
    def model(features, labels, mode, params):
        return spec(
            mode, linear_model.linear(features["x"]), labels, host_call=(lambda a: None, {"b": labels})
        )

    with pytest.raises(TypeError, match="unexpected keyword argument 'b'") as error:
        estimator(tmp_path, model).train(batches, steps=1)
    assert "TPUEstimatorSpec.host_call, with the tensors ['b']" in error.value.__notes__[0]


@pytest.mark.parametrize(
    ("iterations", "log_steps", "steps"),
    [(1, 4, [5, 9]), (2, 4, [3, 5, 7, 9]), ("4", 4, list(range(2, 11))), (2, None, None)],
)
def test_the_interval_of_the_log_is_counted_in_loops(tmp_path, iterations, log_steps, steps):
    made = estimator(
        tmp_path, tpu_config=tpu.TPUConfig(iterations), run_config={"log_step_count_steps": log_steps}
    ).train(batches, steps=10)
    found = scalars(made.model_dir)
    assert found.get("examples/sec") == found.get("global_step/sec") == steps
    assert made.config.log_step_count_steps is None


@pytest.mark.parametrize(("time", "secs"), [("30s", 30), ("5m", 300), ("2h", 7200)])
def test_an_interval_may_be_a_time(monkeypatch, time, secs):
    made = []
    monkeypatch.setattr(speed, "TimedExamplesHook", lambda **given: made.append(given) or Hook())

    class Hook:
        pass

    assert speed.hook(time, None, batch_size=3, directory="d").batch_size == 3
    assert made == [{"every_n_steps": None, "every_n_secs": secs, "output_dir": "d"}]


def test_the_hook_of_the_speed_lets_steps_be_made_in_loops():
    hook = speed.hook(2, 100, batch_size=3, directory=None)
    assert isinstance(hook, Look)
    assert hook.is_untouched
    assert hook.period == 50


@pytest.mark.parametrize("steps_per_loop", [1, 10])
def test_loops_of_steps_give_the_same_model_and_the_same_events(tmp_path, steps_per_loop):
    made = estimator(
        tmp_path,
        tpu_config=tpu.TPUConfig(1),
        run_config={"log_step_count_steps": 25, "steps_per_loop": steps_per_loop},
    ).train(batches, steps=60)
    assert scalars(made.model_dir) == {"loss": [1], "global_step/sec": [26, 51], "examples/sec": [26, 51]}
    assert made.get_variable_value("w").item() == pytest.approx(2.0)


def test_it_evaluates_and_predicts_what_was_never_trained(tmp_path):
    made = estimator(tmp_path)
    assert made.evaluate(once)["global_step"] == 0
    assert next(made.predict(once))["y"] == [0.0]


def test_train_and_evaluate_takes_it(tmp_path):
    made = estimator(tmp_path / "model", run_config={"save_checkpoints_steps": 4})
    metrics, exports = estimator_runtime.train_and_evaluate(
        made,
        estimator_runtime.TrainSpec(batches, max_steps=8),
        estimator_runtime.EvalSpec(
            once,
            throttle_secs=0,
            exporters=estimator_runtime.FinalExporter("final", linear_model.raw_receiver),
        ),
    )
    assert metrics["global_step"] == 8
    assert os.path.exists(os.path.join(exports[0], "saved_model.pb"))


def test_an_export_is_for_cpus_alone(tmp_path):
    made = estimator(tmp_path / "model").train(batches, steps=1)
    path = made.export_saved_model(str(tmp_path / "export"), linear_model.raw_receiver)
    served = tf.saved_model.load(path).signatures["serving_default"]
    assert served(x=tf.constant([[2.0]]))["y"].numpy() == 2 * made.get_variable_value("w")
    for arguments, error in (
        ({"export_to_cpu": False}, TPUNotSupportedError),
        ({"export_to_cpu": False, "export_to_tpu": False}, ValueError),
    ):
        other = estimator(tmp_path / "model", **arguments)
        with pytest.raises(error, match="export_to_cpu"):
            other.export_saved_model(str(tmp_path / "export"), linear_model.raw_receiver)


@pytest.mark.parametrize("caught", [ValueError, RuntimeError])
def test_a_tpu_is_refused_with_the_way_out(tmp_path, caught):
    with pytest.raises(caught, match="pass use_tpu=False"):
        estimator(tmp_path, use_tpu=True)


def embeddings(**settings):
    ids = tf.feature_column.categorical_column_with_identity("ids", 4)
    column = v1.tpu.experimental.embedding_column(ids, 2, initializer=v1.constant_initializer(0.25))
    parameters = optimization_parameters.AdagradParameters(0.1)
    return tpu.experimental.EmbeddingConfigSpec([column], parameters, **settings)


def test_embeddings_are_trained_by_the_model_function(tmp_path):
    spec_of_embeddings = embeddings(clipping_limit=0.5)

    def model(features, labels, mode, params):
        net = v1.feature_column.input_layer(features, spec_of_embeddings.feature_columns)
        return spec(mode, tf.reduce_sum(net, 1, keepdims=True), labels)

    def input_fn(params):
        return tf.data.Dataset.from_tensors(({"ids": [0, 1]}, [[1.0], [2.0]])).repeat()

    trained = estimator(tmp_path, model, embedding_config_spec=spec_of_embeddings).train(input_fn, steps=40)
    table = trained.get_variable_value("input_layer/ids_embedding/embedding_weights")
    np.testing.assert_allclose(table[:2].sum(1), [1.0, 2.0], rtol=0.05)
    np.testing.assert_array_equal(table[2:], np.full([2, 2], 0.25))


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: tpu.experimental.EmbeddingConfigSpec(None), ValueError, "must be given and not be empty"),
        (lambda: tpu.experimental.EmbeddingConfigSpec(["ids"]), TypeError, "no feature column: ids"),
        (lambda: optimization_parameters.AdamParameters(0.1, beta1=2.0), ValueError, "beta1 must be between"),
        (lambda: embeddings(partition_strategy="x"), ValueError, 'must be "div" or "mod", given: x'),
        (lambda: estimator("d", embedding_config_spec="x"), AttributeError, "EmbeddingConfigSpec, given: x"),
    ],
)
def test_a_spec_of_embeddings_is_checked(make, error, said):
    with pytest.raises(error, match=said):
        make()


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"params": {"batch_size": 1}}, ValueError, "reserved keys but existed"),
        ({"params": {"context": 1}}, ValueError, "reserved keys but existed"),
        ({"model": None}, TypeError, "model_fn must be provided"),
        ({"model": lambda labels, params: None}, ValueError, "must include features"),
        ({"model": lambda features, params, more: None}, ValueError, r"not expected args: \['more'\]"),
        ({"tpu_config": 3}, ValueError, "is a TPUConfig, given: 3"),
    ],
)
def test_what_does_not_fit_is_told_when_it_is_made(tmp_path, arguments, error, said):
    with pytest.raises(error, match=said):
        estimator(tmp_path, **arguments)


def test_the_config_of_an_estimator_is_not_enough():
    with pytest.raises(ValueError, match=r"tpu\.RunConfig; given"):
        tpu.TPUEstimator(model_fn, config=estimator_runtime.RunConfig(), use_tpu=False)


@pytest.mark.parametrize(
    ("model", "input_fn", "error", "said"),
    [
        (model_fn, lambda: None, ValueError, r"input_fn .* does not include params"),
        (model_fn, None, TypeError, "`input_fn` must be callable"),
        (lambda features, labels, mode: None, batches, ValueError, r"model_fn .* does not include params"),
        (lambda features, mode, params: None, batches, ValueError, "does not take labels"),
        (lambda features, labels, params: None, batches, ValueError, "TPUEstimatorSpec or an EstimatorSpec"),
    ],
)
def test_functions_that_do_not_fit_are_told_in_training(tmp_path, model, input_fn, error, said):
    with pytest.raises(error, match=said):
        estimator(tmp_path, model).train(input_fn, steps=1)


def test_params_that_only_hold_a_batch_size_are_nothing_to_warn_of(tmp_path, tf_log):
    estimator(tmp_path)
    assert not [line for line in tf_log if "params are not passed" in line]


def test_a_program_can_derive_its_own_class(tmp_path):
    class Own(tpu.TPUEstimator):
        def __init__(self, directory):
            config = tpu.RunConfig(model_dir=directory)
            super().__init__(self.model, config=config, use_tpu=False, train_batch_size=2)

        def model(self, features, labels, mode, params):
            return model_fn(features, labels, mode, params)

    assert Own(str(tmp_path)).train(batches, steps=1).get_variable_value("global_step") == 1


def test_pairs_take_as_many_tensors_as_they_have_arguments():
    def of_two(one, two):
        return {}

    with tf.Graph().as_default():
        loss = tf.constant(1.0)
        for pair in (
            (of_two, [1, 2]),
            (of_two, (1, 2)),
            (lambda *any: {}, [1]),
            [of_two, {"one": 1, "two": 2}],
        ):
            assert tpu.TPUEstimatorSpec("eval", loss=loss, eval_metrics=pair).as_estimator_spec()
        for pair in ((of_two, [1]), (of_two, [1, 2, 3]), (lambda **any: {}, [1])):
            with pytest.raises(RuntimeError, match="length of tensors"):
                tpu.TPUEstimatorSpec("eval", loss=loss, host_call=pair)


@pytest.mark.usefixtures("reference_variables")
def test_the_global_step_is_a_resource_where_other_variables_are_references(tmp_path):
    kinds = []

    def model(features, labels, mode, params):
        y = linear_model.linear(features["x"])
        kinds.extend(v.op.type for v in (v1.train.get_global_step(), *v1.trainable_variables()))
        return spec(mode, y, labels)

    made = estimator(tmp_path, model)
    made.train(batches, steps=1)
    made.evaluate(once)
    assert kinds == ["VarHandleOp", *["VariableV2"] * (len(kinds) // 2 - 1)] * 2


def test_a_graph_with_a_global_step_gets_no_second_one(tmp_path):
    with tf.Graph().as_default() as graph:
        v1.train.create_global_step()
        with pytest.raises(ValueError, match='"global_step" already exists'):
            estimator(tmp_path)._create_global_step(graph)
