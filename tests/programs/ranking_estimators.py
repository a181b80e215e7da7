"""TF-Ranking's Estimators on made-up lists: of its builders, of its heads, of a Keras model, and its pipeline."""

import numpy as np
import tensorflow as tf
import tensorflow_ranking as tfr
from tensorflow_serving.apis import input_pb2

LISTS, DOCUMENTS = 8, 4
RANDOM = np.random.default_rng(0)
QUERIES = RANDOM.random((LISTS, 1)).astype("float32")
SCORES = RANDOM.random((LISTS, DOCUMENTS, 1)).astype("float32")
RELEVANCE = (SCORES[..., 0] > 0.5).astype("float32")


def context_columns():
    return {"query": tf.feature_column.numeric_column("query", shape=(1,))}


def example_columns():
    return {"score": tf.feature_column.numeric_column("score", shape=(1,))}


def lists():
    features = {"query": QUERIES, "score": SCORES}
    return tf.data.Dataset.from_tensor_slices((features, RELEVANCE)).batch(4)


def lived(estimator, predicts=True):
    """Trains, evaluates, predicts; gives the metrics."""
    estimator.train(lambda: lists().repeat(), steps=4)
    result = estimator.evaluate(lists)
    assert result["global_step"] == 4
    assert np.isfinite(result["loss"])
    if predicts:
        assert len(list(estimator.predict(lists))) == LISTS
    return result


def test_dnn(tmp_path):
    estimator = tfr.estimator.make_dnn_ranking_estimator(
        example_columns(),
        hidden_units=[4],
        context_feature_columns=context_columns(),
        loss="approx_ndcg_loss",
        optimizer=tf.compat.v1.train.AdagradOptimizer(0.05),
        model_dir=str(tmp_path),
        listwise_inference=True,
    )
    assert 0 <= lived(estimator)["metric/ndcg_5"] <= 1


def test_generalized_additive_model(tmp_path):
    estimator = tfr.estimator.make_gam_ranking_estimator(
        example_columns(),
        [4],
        context_feature_columns=context_columns(),
        context_hidden_units=[4],
        optimizer=tf.compat.v1.train.AdagradOptimizer(0.05),
        model_dir=str(tmp_path),
        listwise_inference=True,
    )
    lived(estimator)


def groupwise(head, directory, outputs=1):
    """An Estimator of a groupwise model: pairs of documents are scored together."""

    def score(context, group, mode, params, config):
        del context, mode, params, config
        flat = tf.compat.v1.layers.flatten(group["score"])
        return tf.compat.v1.layers.dense(flat, units=2 * outputs)

    def transform(features, mode):
        return tfr.feature.encode_listwise_features(
            features, context_columns(), example_columns(), mode=mode, scope="transform"
        )

    model_fn = tfr.model.make_groupwise_ranking_fn(
        group_score_fn=score, group_size=2, transform_fn=transform, ranking_head=head
    )
    return tf.estimator.Estimator(model_fn, model_dir=str(directory))


def head(**more):
    optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.1)

    def train_op(loss):
        return optimizer.minimize(loss, global_step=tf.compat.v1.train.get_global_step())

    metrics = {"ndcg": tfr.metrics.make_ranking_metric_fn(tfr.metrics.RankingMetricKey.NDCG, topn=2)}
    loss = tfr.losses.make_loss_fn("sigmoid_cross_entropy_loss")
    return tfr.head.create_ranking_head(loss_fn=loss, eval_metric_fns=metrics, train_op_fn=train_op, **more)


def test_groupwise_model(tmp_path):
    assert 0 <= lived(groupwise(head(), tmp_path))["ndcg"] <= 1


def keras_model():
    network = tfr.keras.canned.DNNRankingNetwork(
        context_feature_columns=context_columns(),
        example_feature_columns=example_columns(),
        hidden_layer_dims=[4],
        activation=tf.nn.relu,
    )
    return tfr.keras.model.create_keras_model(
        network=network,
        loss=tfr.keras.losses.get("softmax_loss", reduction=tf.losses.Reduction.SUM_OVER_BATCH_SIZE),
        metrics=tfr.keras.metrics.default_keras_metrics(),
        optimizer=tf.keras.optimizers.legacy.Adagrad(0.05),
        size_feature_name=None,
    )


def test_keras_model(tmp_path):
    config = tf.estimator.RunConfig(model_dir=str(tmp_path))
    estimator = tfr.keras.estimator.model_to_estimator(keras_model(), config=config)
    assert 0 <= lived(estimator, predicts=False)["metric/ndcg_5"] <= 1


def write_lists(path):
    """The lists as records of ExampleListWithContext."""
    with tf.io.TFRecordWriter(path) as writer:
        for query, scores, labels in zip(QUERIES, SCORES, RELEVANCE, strict=True):
            record = input_pb2.ExampleListWithContext()
            record.context.features.feature["query"].float_list.value.extend(query)
            for score, label in zip(scores, labels, strict=True):
                features = record.examples.add().features.feature
                features["score"].float_list.value.extend(score)
                features["relevance"].int64_list.value.append(int(label))
            writer.write(record.SerializeToString())


def test_pipeline_trains_evaluates_and_exports(tmp_path):
    records = str(tmp_path / "lists.tfrecord")
    write_lists(records)
    model_dir = tmp_path / "model"
    settings = {
        "train_input_pattern": records,
        "eval_input_pattern": records,
        "train_batch_size": 4,
        "eval_batch_size": 4,
        "checkpoint_secs": 120,
        "num_checkpoints": 10,
        "num_train_steps": 4,
        "num_eval_steps": 2,
        "loss": "softmax_loss",
        "list_size": DOCUMENTS,
        "listwise_inference": True,
        "convert_labels_to_binary": False,
        "model_dir": str(model_dir),
    }
    estimator = tfr.estimator.make_dnn_ranking_estimator(
        example_columns(),
        hidden_units=[4],
        context_feature_columns=context_columns(),
        optimizer=tf.compat.v1.train.AdagradOptimizer(0.05),
        loss="softmax_loss",
        model_dir=str(model_dir),
        listwise_inference=True,
    )
    tfr.ext.pipeline.RankingPipeline(
        context_columns(), example_columns(), settings, estimator=estimator, label_feature_name="relevance"
    ).train_and_eval()
    for exporter in ("latest_model", "best_model_by_loss"):
        assert len(list((model_dir / "export" / exporter).glob("*/saved_model.pb"))) == 1
    assert list((model_dir / "eval_on_eval").glob("*tfevents*"))
