"""Arguments of canned Estimators that may be given in several forms: the same model, step by step."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from canned_data import v1

import estimator_runtime as er
from estimator_runtime import faces
from estimator_runtime.canned import network

FORMS = {"V1": faces.V1, "V2": faces.V2}


def first_step(made, labels):
    """The loss and the predictions of a canned Estimator's model before its first step of training, and after it."""
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(1)
        v1.train.create_global_step()
        features = {"x": tf.constant([[0.5], [2.0], [-1.0]])}
        spec = made.model_fn(features, tf.constant(labels), er.ModeKeys.TRAIN, made.config)
        session.run(v1.global_variables_initializer())
        before = session.run([spec.loss, spec.predictions["predictions"]])
        session.run(spec.train_op)
        return before, session.run([spec.loss, spec.predictions["predictions"]])


@pytest.mark.parametrize("face", FORMS.values(), ids=FORMS)
def test_an_activation_may_be_named(face):
    column = [tf.feature_column.numeric_column("x")]

    def stepped(activation):
        made = face.resolve("DNNRegressor")([3], column, activation_fn=activation)
        return first_step(made, [[1.0], [2.0], [3.0]])

    by_name, by_function = stepped("tanh"), stepped(tf.nn.tanh)
    for one, other in zip(by_name, by_function, strict=True):
        np.testing.assert_allclose(one[1], other[1])
    with pytest.raises(ValueError, match="activation"):
        stepped("no such activation")


ACTIVATIONS = (
    *("ELU", "LeakyReLU", "ReLU", "Softmax", "elu", "exponential", "gelu", "hard_sigmoid", "leaky_relu"),
    *("linear", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus"),
    *("softsign", "swish", "tanh"),
)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_name_of_an_activation_means_what_it_means_in_keras_2(name):
    made = network.network_of([2], [tf.feature_column.numeric_column("x")], name, None, False)
    given = tf.constant(np.linspace(-6, 6, 50, dtype=np.float32).reshape(10, 5))
    np.testing.assert_allclose(
        made.activation_fn(given), tf_keras.activations.get(name)(given), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("face", FORMS.values(), ids=FORMS)
def test_none_is_the_default_optimizer_of_a_linear_model(face):
    column = [tf.feature_column.numeric_column("x")]
    none, default = (
        first_step(face.resolve("LinearRegressor")(column, **given), [[1.0], [2.0], [3.0]])
        for given in ({"optimizer": None}, {})
    )
    np.testing.assert_allclose(none[1][1], default[1][1])
    assert none[0][0] != none[1][0]


@pytest.mark.parametrize(
    ("form", "optimizer"),
    [("V1", v1.train.GradientDescentOptimizer), ("V2", tf.keras.optimizers.SGD)],
)
def test_the_network_beside_a_linear_model_learns_at_a_rate_of_its_own_where_its_optimizer_is_named(
    form, optimizer
):
    column = [tf.feature_column.numeric_column("x")]

    def stepped(dnn_optimizer):
        made = FORMS[form].resolve("DNNLinearCombinedRegressor")(
            dnn_feature_columns=column, dnn_hidden_units=[3], dnn_optimizer=dnn_optimizer
        )
        return first_step(made, [[10.0], [20.0], [30.0]])

    by_name, given = stepped("SGD"), stepped(optimizer(0.001))
    np.testing.assert_allclose(by_name[0][1], given[0][1])
    np.testing.assert_allclose(by_name[1][1], given[1][1])


@pytest.mark.parametrize("face", FORMS.values(), ids=FORMS)
def test_units_are_what_int_makes_of_them(face):
    column = [tf.feature_column.numeric_column("x")]
    by_number, by_other = (
        first_step(face.resolve("DNNRegressor")(units, column), [[1.0], [2.0], [3.0]])
        for units in ([3, 2], ["3", 2.7])
    )
    np.testing.assert_allclose(by_number[1][1], by_other[1][1])
    for units in ([3, 0], [-1], ["none"]):
        with pytest.raises(ValueError, match="hidden_units|invalid literal"):
            face.resolve("DNNRegressor")(units, column)


@pytest.mark.parametrize("face", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("rate", [0, 0.0, np.float32(0)])
def test_the_first_weights_beside_a_dropout_of_nothing_are_those_without_one(face, rate):
    column = [tf.feature_column.numeric_column("x")]
    without, nothing = (
        first_step(
            face.resolve("DNNRegressor")([3, 2], column, activation_fn="tanh", dropout=dropout),
            [[1.0], [2.0], [3.0]],
        )
        for dropout in (None, rate)
    )
    np.testing.assert_array_equal(nothing[0][1], without[0][1])


@pytest.mark.parametrize("face", FORMS.values(), ids=FORMS)
def test_a_number_is_no_list_of_columns(face):
    for make in (lambda: face.resolve("LinearRegressor")(3), lambda: face.resolve("DNNRegressor")([2], 3)):
        with pytest.raises(TypeError, match="feature_columns must be a list of feature columns. Given: 3"):
            make()


def test_a_label_has_any_key_that_a_dict_takes():
    column = [tf.feature_column.numeric_column("x")]
    for key in ("label", None, 3):
        assert set(er.classifier_parse_example_spec(column, label_key=key)) == {"x", key}
    with pytest.raises(TypeError, match=r"label_key must be a string. Given: \['label'\]"):
        er.classifier_parse_example_spec(column, label_key=["label"])
