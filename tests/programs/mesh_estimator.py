"""Mesh TensorFlow's hooks and meshes in the model function of an Estimator and of a TPUEstimator, on a made-up line."""

import mesh_tensorflow as mtf
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

BATCH = 16
X = np.linspace(-1, 1, 2 * BATCH, dtype="float32").reshape(-1, 1)


def points(params=None):
    del params
    data = tf.data.Dataset.from_tensor_slices((X, 2 * X))
    return data.batch(BATCH, drop_remainder=True)


def model_fn(features, labels, mode, params):
    """A network of one hidden layer on a mesh of one processor, as the library's mnist example has it."""
    graph = mtf.Graph()
    mesh = mtf.Mesh(graph, "mesh")
    batch, inputs, hidden = (mtf.Dimension(n, s) for n, s in (("batch", BATCH), ("in", 1), ("hidden", 4)))
    outputs = mtf.Dimension("out", 1)
    x = mtf.import_tf_tensor(mesh, features, shape=mtf.Shape([batch, inputs]))
    net = mtf.layers.dense(x, hidden, reduced_dims=[inputs], activation=mtf.relu, name="hidden")
    net = mtf.layers.dense(net, outputs, reduced_dims=[hidden], name="out")
    training = mode == tf.estimator.ModeKeys.TRAIN
    updates = []
    if mode != tf.estimator.ModeKeys.PREDICT:
        wanted = mtf.import_tf_tensor(mesh, labels, shape=mtf.Shape([batch, outputs]))
        loss = mtf.reduce_mean(mtf.square(net - wanted))
    if training:
        gradients = mtf.gradients([loss], [v.outputs[0] for v in graph.trainable_variables])
        updates = mtf.optimize.SgdOptimizer(0.05).apply_grads(gradients, graph.trainable_variables)
    implementation = mtf.placement_mesh_impl.PlacementMeshImpl(mtf.Shape([]), {}, [""])
    lowering = mtf.Lowering(graph, {mesh: implementation})
    predictions = lowering.export_to_tf_tensor(net)
    restore = mtf.MtfRestoreHook(lowering)
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"y": predictions}, prediction_hooks=[restore])
    total = lowering.export_to_tf_tensor(loss)
    if mode == tf.estimator.ModeKeys.EVAL:
        metrics = {"error": tf.metrics.mean_absolute_error(labels, predictions)}
        return tf.estimator.EstimatorSpec(
            mode, loss=total, eval_metric_ops=metrics, evaluation_hooks=[restore]
        )
    step = tf.assign_add(tf.train.get_global_step(), 1)
    train_op = tf.group(step, *(lowering.lowered_operation(update) for update in updates))
    with mtf.utils.outside_all_rewrites():
        saver = tf.train.Saver(tf.global_variables(), sharded=True, save_relative_paths=True)
        tf.add_to_collection(tf.GraphKeys.SAVERS, saver)
        listener = mtf.MtfCheckpointSaverListener(lowering)
        saving = tf.train.CheckpointSaverHook(
            params["model_dir"], save_steps=2, saver=saver, listeners=[listener]
        )
    return tf.estimator.EstimatorSpec(
        mode, loss=total, train_op=train_op, training_hooks=[restore], training_chief_hooks=[saving]
    )


def estimators(directory):
    """The two Estimators that the library is used with."""
    more = {"model_dir": str(directory), "params": {"model_dir": str(directory)}}
    return {
        "Estimator": lambda: tf.estimator.Estimator(model_fn, **more),
        "TPUEstimator": lambda: tf.estimator.tpu.TPUEstimator(
            model_fn,
            use_tpu=False,
            train_batch_size=BATCH,
            eval_batch_size=BATCH,
            predict_batch_size=BATCH,
            config=tf.estimator.tpu.RunConfig(tpu_config=tf.estimator.tpu.TPUConfig(iterations_per_loop=2)),
            **more,
        ),
    }


@pytest.mark.parametrize("kind", ["Estimator", "TPUEstimator"])
def test_mesh(kind, tmp_path):
    estimator = estimators(tmp_path)[kind]()
    estimator.train(lambda params: points().repeat(), steps=4)
    result = estimator.evaluate(points, steps=2)
    assert result["global_step"] == 4
    assert np.isfinite(result["error"])
    assert len(list(estimator.predict(points))) == len(X)
