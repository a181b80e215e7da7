"""train_and_evaluate keeps one session for its evaluations where nobody can tell, and only there."""

import collections

import linear_model
import pytest
import tensorflow as tf
from kept_evaluations import assert_as_alone, evaluated
from linear_model import X, Y, eval_input, train_input, v1

from estimator_runtime import (
    ModeKeys,
)
from estimator_runtime.loop.kept import keeping
from estimator_runtime.training.early_stopping import read_eval_metrics

keras = pytest.importorskip("keras")


def test_five_evaluations_open_one_session(tmp_path, opened):
    made, closed = opened
    evaluated(tmp_path)
    assert len(made) == 2  # the other one trains
    assert set(made) <= set(closed)


def test_input_fn_and_model_fn_are_called_for_each_evaluation(tmp_path):
    calls = collections.Counter()

    def input_fn():
        calls["input"] += 1
        return eval_input()

    def model(features, labels, mode):
        calls[mode] += 1
        return linear_model.model_fn(features, labels, mode)

    evaluated(tmp_path, model, input_fn)
    assert calls == {"input": 5, "train": 1, "eval": 5}


# What is kept gives the values of evaluations by themselves


def streaming(features, labels, mode):
    y = linear_model.linear(features["x"])
    if mode != ModeKeys.EVAL:
        return linear_model.spec(mode, y, labels)
    metrics = {
        "mean": v1.metrics.mean(y),
        "auc": v1.metrics.auc(labels > 1, tf.sigmoid(y)),
        "precision": v1.metrics.precision(labels > 1, y > 0.5),
        "percentage": v1.metrics.percentage_below(y, 1.0),
        "tensor": v1.metrics.mean_tensor(tf.reduce_sum(y, keepdims=True)),
    }
    return linear_model.spec(mode, y, labels, eval_metric_ops=metrics)


def of_keras(features, labels, mode):
    y = linear_model.linear(features["x"])
    if mode != ModeKeys.EVAL:
        return linear_model.spec(mode, y, labels)
    metric = keras.metrics.MeanSquaredError()
    metric.update_state(labels, y)
    return linear_model.spec(mode, y, labels, eval_metric_ops={"mse": metric})


def with_table(features, labels, mode):
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(["a", "b"]), tf.constant([2.0, 3.0])), -1.0
    )
    found = table.lookup(tf.constant(["a", "b", "c"]))
    y = linear_model.linear(features["x"])
    fields = {"eval_metric_ops": {"found": v1.metrics.mean(found)}} if mode == ModeKeys.EVAL else {}
    return linear_model.spec(mode, y, labels, **fields)


def counting(features, labels, mode):
    """Counts batches in a variable of the model, which an evaluation by itself begins with the checkpoint's value of."""
    y = linear_model.linear(features["x"])
    count = v1.get_variable("batches", [], initializer=v1.zeros_initializer(), trainable=False)
    if mode != ModeKeys.EVAL:
        return linear_model.spec(mode, y, labels)
    return linear_model.spec(
        mode, y, labels, eval_metric_ops={"count": (tf.identity(count), v1.assign_add(count, 1.0))}
    )


def with_keras_layers(features, labels, mode):
    y = keras.layers.Dense(1)(keras.layers.BatchNormalization()(features["x"]))
    return linear_model.spec(mode, y, labels)


def partitioned(features, labels, mode):
    """Variables with random first values, which no evaluation draws."""
    weights = v1.get_variable("v", [4, 1], partitioner=v1.fixed_size_partitioner(2))
    y = linear_model.linear(features["x"]) + tf.reduce_sum(tf.concat(list(weights), 0))
    return linear_model.spec(mode, y, labels)


MODELS = [linear_model.model_fn, streaming, of_keras, with_table, counting, with_keras_layers, partitioned]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_metrics_begin_anew(tmp_path, opened, model):
    estimator, results = evaluated(tmp_path, model)
    assert len(opened[0]) == 2
    assert_as_alone(estimator, results)


def mapped():
    return eval_input().map(lambda features, labels: ({"x": features["x"] + 1}, labels))


def shuffled():
    data = tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).shuffle(8, seed=3)
    return data.repeat().batch(3).prefetch(tf.data.AUTOTUNE)


def shuffled_by_the_graphs_seed():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).shuffle(8).batch(3)


def cached():
    return eval_input().cache().repeat(2)


def interleaved():
    rows = tf.data.Dataset.range(2).interleave(
        lambda index: tf.data.Dataset.from_tensors(
            ({"x": tf.gather(X, [index])}, tf.gather(Y, [index]))
        ).repeat(3)
    )
    return rows.batch(2)


def filtered_by_a_table():
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant([0, 1, 2], tf.int64), tf.constant([1, 0, 1], tf.int64)
        ),
        0,
    )
    data = tf.data.Dataset.range(4).filter(lambda index: tf.equal(table.lookup(index), 1))
    return data.map(lambda index: ({"x": tf.gather(X, [index])}, tf.gather(Y, [index])))


def sparse_and_ragged():
    rows = tf.RaggedTensor.from_row_splits(X[:, 0], [0, 1, 3, 5, 8])
    sparse = tf.sparse.from_dense(X[:4])
    return tf.data.Dataset.from_tensor_slices(({"ragged": rows, "sparse": sparse, "x": X[:4]}, Y[:4])).batch(
        2
    )


def own_iterator():
    iterator = v1.data.make_initializable_iterator(eval_input())
    v1.add_to_collection(v1.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
    return iterator.get_next()


INPUTS = [
    mapped,
    shuffled,
    shuffled_by_the_graphs_seed,
    cached,
    sparse_and_ragged,
    interleaved,
    filtered_by_a_table,
    own_iterator,
]


@pytest.mark.parametrize("input_fn", INPUTS, ids=lambda input_fn: input_fn.__name__)
@pytest.mark.parametrize("steps", [None, 2])
def test_the_input_begins_anew(tmp_path, opened, input_fn, steps):
    if steps is None and input_fn is shuffled:
        steps = 5  # it has no end
    estimator, results = evaluated(tmp_path, input_fn=input_fn, steps=steps)
    assert len(opened[0]) == 2
    assert_as_alone(estimator, results, input_fn, steps)


def test_files_are_read_anew(tmp_path):
    """Words and rows that a file holds at the time of each evaluation."""
    words, rows = tmp_path / "words", tmp_path / "rows"

    def input_fn():
        table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                str(words),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            -1,
        )
        data = tf.data.TextLineDataset(str(rows)).cache().batch(1)
        return data.map(lambda row: ({"x": tf.cast(table.lookup(row), tf.float32)[:, None]}, tf.ones([1, 1])))

    estimator = linear_model.estimator(tmp_path / "model").train(train_input, steps=10)
    found = []
    with keeping.call():
        for text in ("a b c", "c b a", "b", "d c"):
            words.write_text("\n".join(text.split()))
            rows.write_text("\n".join("ab" * len(text)))
            found.append(estimator.evaluate(input_fn))
    for text, result in zip(("a b c", "c b a", "b", "d c"), found, strict=True):
        words.write_text("\n".join(text.split()))
        rows.write_text("\n".join("ab" * len(text)))
        assert estimator.evaluate(input_fn) == result
    assert len({float(result["loss"]) for result in found}) > 2


def test_events_are_written_at_the_same_steps(tmp_path):
    estimator, results = evaluated(tmp_path)
    written = read_eval_metrics(estimator.eval_dir())
    assert list(written) == [5, 10, 15, 20, 25]
    for result in results.values():
        step = int(result["global_step"])
        assert written[step] == {name: pytest.approx(result[name]) for name in ("loss", "mae")}


# What is not kept, for there would be a difference


def noisy(features, labels, mode):
    y = linear_model.linear(features["x"])
    fields = {}
    if mode == ModeKeys.EVAL:
        fields["eval_metric_ops"] = {"noise": v1.metrics.mean(tf.random.uniform([4]))}
    return linear_model.spec(mode, y, labels, **fields)


def noisy_input():
    return eval_input().map(
        lambda features, labels: ({"x": features["x"] + tf.random.normal([], seed=1)}, labels)
    )


def one_shot():
    return v1.data.make_one_shot_iterator(eval_input()).get_next()


def generated():
    return tf.data.Dataset.from_generator(
        lambda: zip(X, Y, strict=True),
        output_signature=(tf.TensorSpec([1]), tf.TensorSpec([1])),
    ).map(lambda x, y: ({"x": x[None]}, y[None]))


def in_python():
    return eval_input().map(
        lambda features, labels: (
            {"x": tf.ensure_shape(tf.numpy_function(lambda x: x, [features["x"]], tf.float32), [4, 1])},
            labels,
        )
    )


def queue():
    x = v1.train.batch([v1.train.input_producer(X, num_epochs=1, shuffle=False).dequeue()], 8)
    return {"x": x}, 2 * x


@pytest.mark.parametrize(
    ("model", "input_fn"),
    [
        (noisy, eval_input),
        (linear_model.model_fn, noisy_input),
        (linear_model.model_fn, one_shot),
        (linear_model.model_fn, generated),
        (linear_model.model_fn, in_python),
        (linear_model.model_fn, queue),
    ],
    ids=lambda function: function.__name__,
)
def test_what_lasts_in_a_session_has_one_for_each_evaluation(tmp_path, opened, model, input_fn):
    estimator, results = evaluated(tmp_path, model, input_fn)
    assert len(opened[0]) == 6
    assert_as_alone(estimator, results, input_fn)


def with_hook(features, labels, mode):
    return linear_model.spec(
        mode, linear_model.linear(features["x"]), labels, evaluation_hooks=[linear_model.Recorder()]
    )


def with_scaffold(features, labels, mode):
    y = linear_model.linear(features["x"])
    count = v1.get_variable("count", [], collections=["mine"], trainable=False)
    return linear_model.spec(mode, y, labels, scaffold=v1.train.Scaffold(local_init_op=v1.assign(count, 3.0)))


@pytest.mark.parametrize("model", [with_hook, with_scaffold], ids=lambda model: model.__name__)
def test_hooks_and_scaffolds_of_the_model_have_sessions_of_their_own(tmp_path, opened, model):
    evaluated(tmp_path, model)
    assert len(opened[0]) == 6


def test_hooks_of_the_evaluation_see_a_new_graph_and_session_each_time(tmp_path, opened):
    class Sees(v1.train.SessionRunHook):
        graphs, sessions = [], []

        def begin(self):
            tf.constant(1)  # the graph is not finalized
            self.graphs.append(v1.get_default_graph())

        def after_create_session(self, session, coord):
            self.sessions.append(session)

    evaluated(tmp_path, hooks=[Sees()])
    assert len(set(map(id, Sees.graphs))) == len(set(map(id, Sees.sessions))) == 5
    assert len(opened[0]) == 6


def test_an_input_that_has_changed_is_read_as_it_is(tmp_path, opened):
    """One that counts its own calls: the first two are the same, as are the last two."""
    scales = iter([1.0, 1.0, 2.0, 3.0, 3.0] * 2)

    def input_fn():
        return tf.data.Dataset.from_tensor_slices(({"x": next(scales) * X}, Y)).batch(4)

    estimator, results = evaluated(tmp_path, input_fn=input_fn)
    assert len(opened[0]) == 1 + 1 + 3
    assert_as_alone(estimator, results, input_fn)


def test_a_replaced_monitored_session_is_made_for_each_evaluation(tmp_path, monkeypatch, opened):
    class Own(v1.train.MonitoredSession):
        pass

    monkeypatch.setattr(v1.train, "MonitoredSession", Own)
    evaluated(tmp_path)
    assert len(opened[0]) == 6
