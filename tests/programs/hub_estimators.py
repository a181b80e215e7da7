"""TensorFlow Hub's feature columns and exporter in Estimators, on modules that are made here."""

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

TEXTS = np.array(["good", "bad", "good film", "bad film"] * 4)
LABELS = np.array([1, 0, 1, 0] * 4)
DIMENSIONS = 3


def text_module():
    """A specification of a module that embeds texts by their hashes."""

    def module():
        texts = tf.compat.v1.placeholder(tf.string, shape=[None])
        ids = tf.strings.to_hash_bucket_fast(texts, 8)
        table = tf.compat.v1.get_variable("table", initializer=tf.eye(8, DIMENSIONS))
        hub.add_signature(inputs=texts, outputs=tf.nn.embedding_lookup(table, ids))

    return hub.create_module_spec(module)


def images_module():
    """A specification of a module that gives the means of pictures of 2 by 2 pixels."""

    def module():
        images = tf.compat.v1.placeholder(tf.float32, shape=[None, 2, 2, 3])
        hub.add_signature(inputs={"images": images}, outputs=tf.reduce_mean(images, axis=[1, 2]))

    return hub.create_module_spec(module)


def texts():
    return tf.data.Dataset.from_tensor_slices(({"text": TEXTS}, LABELS)).batch(8)


def lived(estimator, inputs):
    estimator.train(lambda: inputs().repeat(), steps=4)
    result = estimator.evaluate(inputs)
    assert result["global_step"] == 4
    assert np.isfinite(result["loss"])
    assert len(list(estimator.predict(inputs))) == len(LABELS)
    return estimator


def test_text_embedding_column(tmp_path):
    column = hub.text_embedding_column("text", text_module(), trainable=True)
    estimator = tf.compat.v1.estimator.DNNClassifier([4], [column], model_dir=str(tmp_path))
    lived(estimator, texts)
    assert any("table" in name for name in estimator.get_variable_names())


def test_image_embedding_column(tmp_path):
    def pictures():
        pixels = np.random.default_rng(0).random((len(LABELS), 2, 2, 3)).astype("float32")
        return tf.data.Dataset.from_tensor_slices(({"image": pixels}, LABELS)).batch(8)

    column = hub.image_embedding_column("image", images_module(), image_size=(2, 2))
    lived(tf.compat.v1.estimator.DNNClassifier([4], [column], model_dir=str(tmp_path)), pictures)


def model_fn(features, labels, mode):
    module = hub.Module(text_module(), trainable=True)
    hub.register_module_for_export(module, "texts")
    logits = tf.compat.v1.layers.dense(module(features["text"]), 1)
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"logits": logits})
    loss = tf.compat.v1.losses.sigmoid_cross_entropy(tf.cast(labels, tf.float32)[:, None], logits)
    optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.1)
    train_op = optimizer.minimize(loss, global_step=tf.compat.v1.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def test_latest_module_exporter(tmp_path):
    def serving():
        text = tf.compat.v1.placeholder(tf.string, shape=[None])
        return tf.estimator.export.ServingInputReceiver({"text": text}, {"text": text})

    exporter = hub.LatestModuleExporter("hub", serving, exports_to_keep=1)
    estimator = tf.estimator.Estimator(model_fn, model_dir=str(tmp_path))
    tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(lambda: texts().repeat(), max_steps=4),
        tf.estimator.EvalSpec(texts, steps=2, exporters=exporter, throttle_secs=0, start_delay_secs=0),
    )
    (exported,) = (tmp_path / "export" / "hub").iterdir()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        embedded = hub.Module(str(exported / "texts"))(["good"])
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
        assert session.run(embedded).shape == (1, DIMENSIONS)
