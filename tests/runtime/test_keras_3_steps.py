"""Steps of Keras 3 optimizers in a model function of a program's own: those that Keras takes eagerly."""

import keras
import linear_model
import numpy as np
import pytest
import replicated
import tensorflow as tf
from linear_model import X, Y, v1

from estimator_runtime import EstimatorSpec
from estimator_runtime.errors import EstimatorError
from estimator_runtime.keras import step_intervals

OPTIMIZERS = {
    "Adadelta": lambda: keras.optimizers.Adadelta(0.5),
    "Adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "Adam": lambda: keras.optimizers.Adam(0.1),
    "Ftrl": lambda: keras.optimizers.Ftrl(0.1),
    "RMSprop": lambda: keras.optimizers.RMSprop(0.1),
    "SGD": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "clipped": lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.5),
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.2, 2, 0.5)),
}
BY_ITSELF = {
    "get_updates": lambda optimizer, loss, variables: tf.group(*optimizer.get_updates(loss, variables)),
    "minimize a tensor": lambda optimizer, loss, variables: optimizer.minimize(loss, variables),
    "minimize a function": lambda optimizer, loss, variables: optimizer.minimize(
        lambda: loss, lambda: variables
    ),
    "apply_gradients of get_gradients": lambda optimizer, loss, variables: optimizer.apply_gradients(
        zip(optimizer.get_gradients(loss, variables), variables, strict=True)
    ),
}
COUNTED = {
    **BY_ITSELF,
    "apply_gradients": lambda optimizer, loss, variables: optimizer.apply_gradients(
        zip(tf.gradients(loss, variables), variables, strict=True)
    ),
    "apply": lambda optimizer, loss, variables: optimizer.apply(tf.gradients(loss, variables), variables),
}


def model_of(make, step=COUNTED["minimize a tensor"], *, counts=True):
    """A model function that makes its optimizer in every mode, as programs for TensorFlow 2 do."""

    def model_fn(features, labels, mode):
        optimizer = make()
        y = linear_model.linear(features["x"])
        if mode != "train":
            return linear_model.spec(mode, y, labels)
        loss = tf.reduce_mean(tf.square(y - labels))
        if counts:
            optimizer.iterations = v1.train.get_or_create_global_step()
        train_op = step(optimizer, loss, v1.trainable_variables())
        if not counts:
            train_op = tf.group(train_op, v1.train.get_global_step().assign_add(1))
        return EstimatorSpec(mode, loss=loss, train_op=train_op)

    return model_fn


def eagerly(make, steps):
    """The weight after as many steps of eager Keras on the same batches."""
    optimizer, w = make(), keras.Variable(np.zeros((1, 1), np.float32), name="w")
    for number in range(steps):
        rows = slice(4 * (number % 2), 4 * (number % 2) + 4)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.matmul(X[rows], w.value) - Y[rows]))
        optimizer.apply([tape.gradient(loss, w.value)], [w])
    return w.numpy()


def trained(directory, model_fn, *steps):
    estimator = linear_model.estimator(directory, model_fn)
    for some in steps:
        estimator.train(linear_model.train_input, steps=some)
    return estimator


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_takes_the_steps_of_eager_keras(name, tmp_path):
    make = OPTIMIZERS[name]
    estimator = trained(tmp_path, model_of(make), 6)
    np.testing.assert_allclose(estimator.get_variable_value("w"), eagerly(make, 6), rtol=1e-5)


@pytest.mark.parametrize(
    ("step", "counts"), [*((step, True) for step in COUNTED), *((step, False) for step in BY_ITSELF)]
)
def test_every_way_to_make_a_step_makes_it_and_counts_it_once(step, counts, tmp_path):
    make = OPTIMIZERS["Adam"]
    estimator = trained(tmp_path, model_of(make, COUNTED[step], counts=counts), 4)
    np.testing.assert_allclose(estimator.get_variable_value("w"), eagerly(make, 4), rtol=1e-5)
    assert estimator.get_variable_value("global_step") == 4
    assert estimator.evaluate(linear_model.eval_input)["global_step"] == 4
    assert next(iter(estimator.predict(linear_model.eval_input)))["y"] == 0


def applied(optimizer, loss, variables):
    optimizer.apply_gradients(zip(tf.gradients(loss, variables), variables, strict=True))
    return tf.no_op()


def applied_in_a_function(optimizer, loss, variables):
    optimizer.build(variables)
    step = tf.function(lambda *gradients: optimizer.apply(list(gradients), variables) or tf.constant(0))
    return step(*tf.gradients(loss, variables))


OF_KERAS = {
    "sgd": (lambda: keras.optimizers.SGD(0.1), set()),
    "lion": (lambda: keras.optimizers.Lion(0.1), {"lion_2/w_0_momentum"}),
}


@pytest.mark.parametrize("step", [applied, applied_in_a_function])
@pytest.mark.parametrize("name", OF_KERAS)
def test_a_step_that_counts_in_no_variable_of_the_program_is_keras_own_and_in_its_checkpoints(
    name, step, tmp_path
):
    make, slots = OF_KERAS[name]
    estimator = trained(tmp_path, model_of(make, step, counts=False), 2, 2)
    np.testing.assert_allclose(estimator.get_variable_value("w"), eagerly(make, 4), rtol=1e-5)
    assert set(estimator.get_variable_names()) == {
        *("global_step", "w", f"{name}/iteration", f"{name}_1/learning_rate"),
        *slots,
    }
    assert estimator.get_variable_value(f"{name}/iteration") == 4


APPLIED = {
    **OPTIMIZERS,
    "AdamW": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.01),
    "Adamax": lambda: keras.optimizers.Adamax(0.1),
    "Lion": lambda: keras.optimizers.Lion(0.1),
    "Nadam": lambda: keras.optimizers.Nadam(0.1),
    "amsgrad": lambda: keras.optimizers.Adam(0.1, amsgrad=True),
    "use_ema": lambda: keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2),
    "use_ema without an end": lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
    "gradient_accumulation_steps": lambda: keras.optimizers.Adam(0.1, gradient_accumulation_steps=2),
    "loss_scale_factor": lambda: keras.optimizers.SGD(0.1, loss_scale_factor=8.0),
    "weight_decay": lambda: keras.optimizers.SGD(0.1, weight_decay=0.02),
    "clipnorm": lambda: keras.optimizers.SGD(0.1, clipnorm=0.5),
    "clipvalue": lambda: keras.optimizers.Adam(0.1, clipvalue=0.05),
    "a scaled loss": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), 4.0, 2),
}


@pytest.mark.parametrize("name", APPLIED)
def test_keras_own_step_reads_what_it_has_assigned_as_eagerly(name, tmp_path):
    make = APPLIED[name]
    estimator = trained(tmp_path, model_of(make, applied, counts=False), 2, 3)
    np.testing.assert_allclose(estimator.get_variable_value("w"), eagerly(make, 5), rtol=1e-5)


def test_what_is_done_every_few_steps_is_in_checkpoints(tmp_path):
    def make():
        return keras.optimizers.SGD(0.1, gradient_accumulation_steps=4)

    estimator = trained(tmp_path, model_of(make, applied, counts=False), 2)
    assert estimator.get_variable_value("w") == 0
    estimator.train(linear_model.train_input, steps=2)
    np.testing.assert_allclose(estimator.get_variable_value("w"), eagerly(make, 4), rtol=1e-5)


def test_replicas_refuse_what_is_done_every_few_steps():
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    with (
        tf.distribute.OneDeviceStrategy("cpu:0").scope(),
        pytest.raises(
            ValueError, match="gradient_accumulation_steps, which the replicas .* train_distribute"
        ),
        step_intervals.compared(optimizer),
    ):
        pass
    assert optimizer.gradient_accumulation_steps == 2


def test_a_learning_rate_that_is_set_in_the_model_function_is_the_one_of_its_steps(tmp_path):
    def step(optimizer, loss, variables):
        optimizer.learning_rate = 0.2
        return optimizer.minimize(loss, variables)

    estimator = trained(tmp_path, model_of(lambda: keras.optimizers.SGD(0.1), step), 3)
    expected = eagerly(lambda: keras.optimizers.SGD(0.2), 3)
    np.testing.assert_allclose(estimator.get_variable_value("w"), expected, rtol=1e-5)


def test_a_count_that_is_set_after_a_step_is_refused(tmp_path):
    def step(optimizer, loss, variables):
        train_op = optimizer.minimize(loss, variables)
        optimizer.iterations = v1.train.get_global_step()
        return train_op

    with pytest.raises(RuntimeError, match=r"has made a step already\. Set its `iterations` before"):
        trained(tmp_path, model_of(OPTIMIZERS["Adam"], step, counts=False), 1)


def test_a_training_that_is_taken_up_again_ends_as_one_that_was_not_interrupted(tmp_path):
    model_fn = model_of(OPTIMIZERS["Adam"])
    apart = trained(tmp_path / "apart", model_fn, 2, 3)
    at_once = trained(tmp_path / "at_once", model_fn, 5)
    assert apart.get_variable_names() == at_once.get_variable_names()
    assert set(apart.get_variable_names()) == {
        *("beta1_power", "beta2_power", "global_step", "w", "w/Adam", "w/Adam_1")
    }
    np.testing.assert_array_equal(apart.get_variable_value("w"), at_once.get_variable_value("w"))


def test_the_learning_rate_of_an_optimizer_can_be_read(tmp_path):
    rates = []

    class Hook(v1.train.SessionRunHook):
        def before_run(self, run_context):
            return v1.train.SessionRunArgs("rate:0")

        def after_run(self, run_context, run_values):
            rates.append(run_values.results)

    def step(optimizer, loss, variables):
        tf.identity(optimizer.learning_rate, "rate")
        return optimizer.minimize(loss, variables)

    estimator = linear_model.estimator(tmp_path, model_of(OPTIMIZERS["Adam"], step))
    estimator.train(linear_model.train_input, steps=2, hooks=[Hook()])
    np.testing.assert_allclose(rates, [0.1, 0.1])


def test_clipped_gradients_are_those_that_get_gradients_returns(tmp_path):
    def step(optimizer, loss, variables):
        return optimizer.apply_gradients(
            zip(optimizer.get_gradients(loss, variables), variables, strict=True)
        )

    make = OPTIMIZERS["clipped"]
    estimator = trained(tmp_path, model_of(make, step), 3)
    np.testing.assert_allclose(estimator.get_variable_value("w"), eagerly(make, 3), rtol=1e-5)


def test_layers_of_keras_train_by_their_own_list_of_variables(tmp_path):
    def model_fn(features, labels, mode):
        layer = keras.layers.Dense(1, name="line", kernel_initializer="zeros")
        loss = tf.reduce_mean(tf.square(layer(features["x"]) - labels))
        optimizer = keras.optimizers.Adam(0.1)
        optimizer.iterations = v1.train.get_global_step()
        return EstimatorSpec(mode, loss=loss, train_op=optimizer.minimize(loss, layer.trainable_weights))

    estimator = trained(tmp_path, model_fn, 1)
    np.testing.assert_allclose(estimator.get_variable_value("line/kernel"), [[0.1]], rtol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Lion(0.1),
        lambda: keras.optimizers.AdamW(0.1),
        lambda: keras.optimizers.Adam(0.1, use_ema=True),
    ],
)
def test_an_optimizer_without_a_counterpart_names_the_way(make, tmp_path):
    with pytest.raises(ValueError, match=r"optimizer of tf\.compat\.v1\.train"):
        trained(tmp_path, model_of(make), 1)


def test_outside_of_an_estimators_graph_optimizers_stay_what_they_are(tmp_path):
    trained(tmp_path, model_of(OPTIMIZERS["Adam"]), 1)
    optimizer = keras.optimizers.Adam(0.1)
    assert not hasattr(optimizer, "minimize")
    with pytest.raises(AttributeError, match="'Adam' object has no attribute 'get_updates'"):
        optimizer.get_updates([], [])
    optimizer.minimize = "one's own"
    assert optimizer.minimize == "one's own"
    with pytest.raises(AttributeError, match="has no setter") as raised:
        optimizer.iterations = 1
    assert not isinstance(raised.value, EstimatorError)
    w = keras.Variable([1.0])
    optimizer.apply([tf.constant([1.0])], [w])
    np.testing.assert_allclose(w.numpy(), [0.9], rtol=1e-5)


def counted_by_keras(loss):
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.iterations = v1.train.get_global_step()
    # The gradients of replicas are added up, as with Keras 2.
    mean = loss / tf.distribute.get_strategy().num_replicas_in_sync
    return optimizer.minimize(mean, v1.trainable_variables())


def trained_by_keras(directory, strategy, size):
    def batches():
        return tf.data.Dataset.from_tensor_slices(({"x": replicated.X}, replicated.Y)).batch(size).repeat()

    estimator = replicated.train(directory, strategy, steps=4, step=counted_by_keras, input_fn=batches)
    return replicated.values(estimator.train(batches, steps=2))


def test_two_replicas_take_the_steps_of_one_device_on_both_batches(tmp_path):
    with replicated.executor() as executor:
        two = executor.submit(trained_by_keras, str(tmp_path / "two"), "mirrored", 2).result()
        one = executor.submit(trained_by_keras, str(tmp_path / "one"), None, 4).result()
    assert (
        one.keys() == two.keys() == {"beta1_power", "beta2_power", "global_step", "w", "w/Adam", "w/Adam_1"}
    )
    assert two["global_step"] == 6
    np.testing.assert_allclose(two["w"], one["w"], rtol=1e-5)
