"""Variables, composite tensors and scalars where a Tensor is due: what an export can name, and what a request can fill."""

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import raw_receiver, v1

from estimator_runtime import EstimatorSpec, ModeKeys, export


def served(path, tag="serve", key="serving_default", **inputs):
    with tf.Graph().as_default(), v1.Session() as session:
        signature = v1.saved_model.load(session, [tag], path).signature_def[key]
        feeds = {signature.inputs[name].name: value for name, value in inputs.items()}
        return session.run({name: info.name for name, info in signature.outputs.items()}, feeds)


COMPOSITE = {
    "sparse": lambda: tf.SparseTensor([[0, 0]], [1.0], [1, 1]),
    "ragged": lambda: tf.RaggedTensor.from_row_lengths([1.0], [1]),
    "slices": lambda: tf.IndexedSlices(tf.constant([1.0]), tf.constant([0])),
}
OUTPUTS = {
    "predictions": lambda value: export.PredictOutput({"a": value}),
    "regression": export.RegressionOutput,
    "scores": lambda value: export.ClassificationOutput(scores=value),
    "loss": lambda value: export.EvalOutput(loss=value),
    "metric": lambda value: export.EvalOutput(metrics={"m": (value, tf.no_op())}),
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", COMPOSITE)
def test_an_output_is_one_tensor(kind, output):
    with tf.Graph().as_default(), pytest.raises(ValueError, match="must be a"):
        OUTPUTS[output](COMPOSITE[kind]())


@pytest.mark.parametrize("use_resource", [True, False])
def test_a_variable_among_the_predictions_is_served_by_its_value(use_resource, tmp_path):
    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        learned = v1.get_variable("learned", initializer=[[3.0]], use_resource=use_resource)
        if mode != ModeKeys.PREDICT:
            return linear_model.spec(mode, y, labels)
        return EstimatorSpec(mode, predictions={"y": y, "learned": learned})

    estimator = linear_model.estimator(tmp_path, model_fn).train(linear_model.train_input, steps=2)
    answer = served(estimator.export_saved_model(tmp_path / "export", raw_receiver), x=[[1.0]])
    np.testing.assert_allclose(answer["learned"], [[3.0]])
    batches = estimator.predict(linear_model.eval_input, yield_single_examples=False)
    np.testing.assert_allclose(next(batches)["learned"], [[3.0]])


@pytest.mark.parametrize("part", ["loss", "predictions", "metrics"])
def test_a_variable_in_an_evaluation_output_is_what_it_reads(part):
    with tf.Graph().as_default():
        variable = v1.get_variable("v", [], use_resource=True)
        given = {"m": (variable, tf.no_op())} if part == "metrics" else variable
        held = getattr(export.EvalOutput(**{part: given}), part)
        assert not any(isinstance(tensor, tf.Variable) for tensor in held.values())


def test_metrics_of_an_evaluation_output_have_the_names_of_the_signature():
    with tf.Graph().as_default():
        output = export.EvalOutput(metrics={"m": v1.metrics.mean(1.0)})
        assert sorted(output.metrics) == ["metrics/m/update_op", "metrics/m/value"]


@pytest.mark.parametrize("make", [COMPOSITE["slices"], lambda: v1.get_variable("v", [1])])
def test_a_request_cannot_fill_what_is_no_placeholder(make):
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None])
        value = make()
        for call in (
            lambda: export.ServingInputReceiver(value, x),
            lambda: export.ServingInputReceiver(x, value),
            lambda: export.ServingInputReceiver(x, x, {"more": value}),
            lambda: export.TensorServingInputReceiver(value, x),
        ):
            with pytest.raises(ValueError, match="must be a Tensor, SparseTensor, or RaggedTensor"):
                call()


def test_a_variable_as_train_op_stands_for_its_operation():
    """An assignment to a variable returns the variable, and the operation of that is the assignment."""
    with tf.Graph().as_default():
        step = v1.train.create_global_step()
        spec = EstimatorSpec(ModeKeys.TRAIN, loss=tf.constant(1.0), train_op=v1.assign_add(step, 1))
        assert isinstance(spec.train_op, tf.Operation)
        assert spec.train_op.type.startswith("Assign")
        by_itself = EstimatorSpec(ModeKeys.TRAIN, loss=tf.constant(1.0), train_op=step)
        assert by_itself.train_op is step.op


@pytest.mark.parametrize(("size", "shape"), [(None, [None]), (3, [3])])
def test_a_scalar_describes_a_feature_of_one_number_for_each_example(size, shape):
    with tf.Graph().as_default():
        receiver = export.build_raw_serving_input_receiver_fn({"n": tf.constant(1.0)}, size)()
        assert receiver.features["n"].shape.as_list() == shape


def test_a_ragged_metric_is_refused_as_a_metric():
    with tf.Graph().as_default(), pytest.raises(TypeError, match=r"metric_value of eval_metric_ops\[m\]"):
        EstimatorSpec(
            ModeKeys.EVAL,
            loss=tf.constant(1.0),
            eval_metric_ops={"m": (COMPOSITE["ragged"](), tf.no_op())},
        )


@pytest.mark.parametrize("scaffold", [None, False, [], 0])
def test_no_scaffold_is_a_new_one(scaffold):
    with tf.Graph().as_default():
        spec = EstimatorSpec(ModeKeys.PREDICT, predictions=tf.constant([1.0]), scaffold=scaffold)
        assert isinstance(spec.scaffold, v1.train.Scaffold)
