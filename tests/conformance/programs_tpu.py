"""TPUEstimator without a TPU: training, evaluation, prediction, and what functions are told."""

import functools
import os

import models
import tensorflow as tf
import tpu_models
from catalogue import EVERYWHERE, V1, program
from computations import outcome
from models import Listener, Recorder, v1
from tpu_models import batches, features_only, once, tpu


def ys(predictions):
    return [one["y"].item() for one in predictions]


@program("TPUEstimator", "TPUEstimatorSpec", repeated=EVERYWHERE)
def tpu_estimator_from_end_to_end(directory):
    estimator = tpu_models.estimator(directory, run_config={"log_step_count_steps": 4})
    estimator.train(batches, steps=7)
    return {
        "metrics": estimator.evaluate(once),
        "two batches": estimator.evaluate(once, steps=2, name="two"),
        "predictions": list(estimator.predict(features_only)),
        "variables": models.variables(estimator),
        "checkpoint": os.path.basename(estimator.latest_checkpoint()),
        "directories": [estimator.model_dir, estimator.eval_dir(), estimator.eval_dir("two")],
    }


@program("TPUEstimator", "model_fn arguments", "input_fn arguments")
def params_of_a_tpu_estimator_by_mode(directory):
    seen = []

    def input_fn(params, mode, config):
        seen.append(["input", mode, tpu_models.plain(params), config.log_step_count_steps])
        params["left behind"] = 1
        return once(params)

    def model_fn(features, labels, mode, params, config):
        seen.append(["model", mode, tpu_models.plain(params), config.log_step_count_steps])
        params["left behind"] = 1
        return tpu_models.linear(features, labels, mode, params)

    estimator = tpu_models.estimator(
        directory, model_fn, params={"rate": 0.5, "units": [1], "use_tpu": "mine"}, export_to_tpu=False
    )
    estimator.train(input_fn, steps=1)
    estimator.evaluate(input_fn)
    list(estimator.predict(input_fn))
    estimator.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
    with tf.Graph().as_default():
        v1.train.create_global_step()
        estimator.model_fn({"x": tf.constant(models.X)}, tf.constant(models.Y), "eval", estimator.config)
    return {"seen": seen, "params": estimator.params, "config": type(estimator.config).__name__}


@program("TPUEstimator", "model_fn arguments")
def tpu_estimator_without_batch_sizes(directory):
    seen = []

    def input_fn(params):
        seen.append(sorted(params))
        return models.once()

    def model_fn(features, labels, mode, params):
        seen.append([mode, tpu_models.plain(params)])
        return tpu_models.linear(features, labels, mode, params)

    estimator = tpu_models.estimator(
        directory, model_fn, train_batch_size=None, eval_batch_size=None, predict_batch_size=None
    )
    estimator.train(input_fn, steps=2)
    return {
        "metrics": estimator.evaluate(input_fn),
        "predictions": ys(estimator.predict(input_fn)),
        "seen": seen,
    }


@program("TPUEstimator", "evaluate", "end of input")
def batches_that_are_not_full(directory):
    sizes = []

    class Sizes(v1.train.SessionRunHook):
        def begin(self):
            self.size = v1.get_default_graph().get_tensor_by_name("size:0")

        def before_run(self, run_context):
            return v1.train.SessionRunArgs(self.size)

        def after_run(self, run_context, run_values):
            sizes.append(int(run_values.results))

    def model_fn(features, labels, mode, params):
        tf.identity(tf.shape(features["x"])[0], name="size")
        return tpu_models.linear(features, labels, mode, params)

    estimator = tpu_models.estimator(directory, model_fn, train_batch_size=5)
    estimator.train(once, hooks=[Sizes()])
    metrics = estimator.evaluate(once, hooks=[Sizes()])
    predicted = list(estimator.predict(once, hooks=[Sizes()]))
    return {"sizes": sizes, "metrics": metrics, "predicted": len(predicted)}


@program("TPUEstimator", "model_fn arguments", "input_fn arguments")
def functions_that_a_tpu_estimator_takes(directory):
    def with_labels_only(features, labels, params):
        loss = tf.reduce_mean(tf.square(models.line(features["x"]) - labels))
        train_op = v1.assign_add(v1.train.get_global_step(), 1)
        return tpu().TPUEstimatorSpec("train", loss=loss, train_op=train_op)

    def unsupervised(features, mode, params):
        return tpu_models.regression(mode, models.line(features["x"]), 1.0)

    def with_more(features, labels, mode, params, rate, *, factor=2.0):
        return tpu_models.regression(mode, models.line(features["x"]) * rate * factor, labels)

    class Model:
        def __call__(self, features, labels, mode, params):
            return tpu_models.linear(features, labels, mode, params)

        def method(self, features, labels, mode, params):
            return tpu_models.linear(features, labels, mode, params)

    class Input:
        def __call__(self, params):
            return batches(params)

    def tensors(params):
        return {"x": tf.constant(models.X)}, tf.constant(models.Y)

    def pairs(params, unused=None):
        return v1.data.make_one_shot_iterator(batches(params)).get_next()

    def loss_of(number, model_fn, input_fn):
        estimator = tpu_models.estimator(directory, model_fn, name=str(number))
        return models.variables(estimator.train(input_fn, steps=3))

    cases = [
        (with_labels_only, batches),
        (unsupervised, features_only),
        (functools.partial(with_more, rate=0.5), batches),
        (Model(), batches),
        (Model().method, batches),
        (tpu_models.linear, Input()),
        (tpu_models.linear, tensors),
        (tpu_models.linear, pairs),
        (tpu_models.linear, functools.partial(pairs, unused=1)),
    ]
    return [outcome(lambda n=n, case=case: loss_of(n, *case)) for n, case in enumerate(cases)]


@program("TPUEstimator", "EstimatorSpec")
def tpu_estimator_with_plain_specs(directory):
    def model_fn(features, labels, mode, params):
        return models.linear(features, labels, mode)

    estimator = tpu_models.estimator(directory, model_fn).train(batches, steps=3)
    return {"metrics": estimator.evaluate(once), "predictions": ys(estimator.predict(features_only))}


@program("TPUEstimator", "train hooks", "saving listeners", "train max_steps", "request to stop")
def calls_of_a_tpu_estimator(directory):
    calls = []

    class Stops(v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            run_context.request_stop()

    estimator = tpu_models.estimator(directory, run_config={"save_checkpoints_steps": 2})
    estimator.train(batches, [Recorder("train", calls)], 3, None, [Listener("listener", calls)])
    steps = [estimator.get_variable_value("global_step")]
    for settings in ({"max_steps": 5}, {"max_steps": 4}, {"hooks": [Stops()]}, {"steps": 1, "hooks": None}):
        estimator.train(batches, **settings)
        steps.append(estimator.get_variable_value("global_step"))
    estimator.evaluate(once, 1, [Recorder("eval", calls)], None, "named")
    earlier = os.path.join(estimator.model_dir, "model.ckpt-2")
    by_batch = list(
        estimator.predict(
            features_only, ["twice"], [Recorder("infer", calls)], earlier, yield_single_examples=False
        )
    )
    return {"calls": calls, "steps": steps, "by batch": by_batch}


@program("TPUEstimator", "evaluate untrained", "predict untrained", "WarmStartSettings")
def tpu_estimator_that_was_never_trained(directory):
    """What BERT's feature extraction does: first values by init_from_checkpoint, and predictions."""
    trained = tpu_models.estimator(directory, name="trained").train(batches, steps=4)

    def initialized(features, labels, mode, params):
        y = models.line(features["x"])
        v1.train.init_from_checkpoint(trained.model_dir, {"w": "w", "b": "b"})
        return tpu_models.regression(mode, y, labels)

    fresh = tpu_models.estimator(directory, name="fresh")
    from_checkpoint = tpu_models.estimator(directory, initialized, name="initialized")
    return {
        "fresh": {"metrics": fresh.evaluate(once), "predictions": ys(fresh.predict(features_only))},
        "from a checkpoint": {
            "metrics": from_checkpoint.evaluate(once),
            "predictions": ys(from_checkpoint.predict(features_only)),
        },
        "trained": models.variables(trained),
        "export": outcome(lambda: fresh.export_saved_model(directory, models.raw_receiver)),
    }


@program("TPUEstimator", "WarmStartSettings")
def warm_start_of_a_tpu_estimator(directory):
    first = tpu_models.estimator(directory, name="first").train(batches, steps=4)
    settings = tf.estimator.WarmStartSettings(first.model_dir, vars_to_warm_start="w")
    second = tpu_models.estimator(directory, name="second", warm_start_from=settings)
    untrained = ys(second.predict(features_only))
    second.train(batches, steps=1)
    return {"untrained": untrained, "variables": models.variables(second)}


@program("TPUEstimator", "summaries", "train hooks", repeated={V1: {}})
def speeds_of_a_tpu_estimator(directory):
    """The log's interval is counted in loops of a TPU, also where there is none; what is written is compared by itself."""
    lines = {}
    for iterations in (1, 2, 3, 10, "3"):
        for log_steps in (1, 4, 9, None):
            name = f"{iterations!r} of {log_steps}"
            with models.logged("global_step/sec", "examples/sec", "loss =") as found:
                tpu_models.estimator(
                    directory,
                    name=name,
                    tpu_config=tpu().TPUConfig(iterations),
                    run_config={"log_step_count_steps": log_steps, "save_summary_steps": 100},
                ).train(batches, steps=12)
            lines[name] = [line.split(":")[1] for line in found]
    with models.logged("examples/sec") as found:
        tpu_models.estimator(
            directory, name="silent", run_config={"save_summary_steps": 0, "log_step_count_steps": 4}
        ).train(batches, steps=12)
    lines["without summaries"] = len(found)
    return lines


@program("TPUEstimator", "subclass")
def classes_derived_from_tpu_estimator(directory):
    base = tpu().TPUEstimator
    seen = []

    class Own(base):
        def __init__(self, directory, **arguments):
            self.own = 1
            super().__init__(
                model_fn=self.model,
                config=tpu_models.config(model_dir=directory),
                use_tpu=False,
                train_batch_size=2,
                eval_batch_size=2,
                **arguments,
            )

        def model(self, features, labels, mode, params):
            seen.append([mode, params.get("batch_size"), self.own])
            return tpu_models.linear(features, labels, mode, params)

        def twice(self, input_fn):
            return self.train(input_fn, steps=1).train(input_fn, steps=1)

    class Exports(Own):
        def _export_all_saved_models(self, *arguments, **settings):
            seen.append("export")
            return super()._export_all_saved_models(*arguments, **settings)

    class Trains(Own):
        def train(self, *arguments, **settings):
            return self

    own = Own(os.path.join(directory, "own")).twice(batches)
    exports = Exports(own.model_dir, export_to_tpu=False)
    return {
        "metrics": own.evaluate(once),
        "is an Estimator": [isinstance(own, v1.estimator.Estimator), isinstance(exports, Own)],
        "exported": os.path.isdir(
            exports.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
        ),
        "seen": seen,
        "overrides train": outcome(lambda: Trains(directory)),
    }


@program("TPUEstimator", "random seed", "variables")
def bert_like_training(directory):
    """A word embedding with attention, Adam with a decayed rate, and gradients clipped by their global norm."""
    ids = tf.constant([[3, 1, 4, 1], [5, 9, 2, 6], [5, 3, 5, 8], [9, 7, 9, 3]] * 8).numpy()
    labels = (ids[:, 0] > 4).astype("int32")

    def input_fn(params):
        data = tf.data.Dataset.from_tensor_slices({"ids": ids, "labels": labels})
        return data.repeat().batch(params["batch_size"], drop_remainder=True)

    def evaluation_input_fn(params):
        return tf.data.Dataset.from_tensor_slices({"ids": ids, "labels": labels}).batch(params["batch_size"])

    def weights(name, shape, seed):
        return v1.get_variable(
            name, shape, initializer=v1.truncated_normal_initializer(stddev=0.5, seed=seed)
        )

    def model_fn(features, labels, mode, params):
        with v1.variable_scope("bert"):
            x = tf.nn.embedding_lookup(weights("words", [10, 6], 1), features["ids"])
            queries = tf.einsum("blh,hk->blk", x, weights("query", [6, 6], 2))
            attention = tf.nn.softmax(tf.einsum("blk,bmk->blm", queries, x))
            pooled = tf.tanh(tf.einsum("blm,bmh->blh", attention, x)[:, 0])
        logits = tf.matmul(pooled, weights("output_weights", [2, 6], 3), transpose_b=True)
        if mode == "infer":
            return tpu().TPUEstimatorSpec(mode, predictions={"probabilities": tf.nn.softmax(logits)})
        per_example = tf.nn.sparse_softmax_cross_entropy_with_logits(features["labels"], logits)
        loss = tf.reduce_mean(per_example)
        if mode == "train":
            step = v1.train.get_or_create_global_step()
            optimizer = v1.train.AdamOptimizer(v1.train.polynomial_decay(1e-2, step, 30, 0.0))
            if params["use_tpu"]:
                optimizer = v1.tpu.CrossShardOptimizer(optimizer)
            variables = v1.trainable_variables()
            gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, variables), 1.0)
            train_op = optimizer.apply_gradients(zip(gradients, variables), global_step=step)
            return tpu().TPUEstimatorSpec(mode, loss=loss, train_op=train_op)

        def metric_fn(per_example, labels, logits):
            predictions = tf.argmax(logits, axis=-1, output_type=tf.int32)
            return {
                "eval_accuracy": v1.metrics.accuracy(labels, predictions),
                "eval_loss": v1.metrics.mean(per_example),
            }

        eval_metrics = (metric_fn, [per_example, features["labels"], logits])
        return tpu().TPUEstimatorSpec(mode, loss=loss, eval_metrics=eval_metrics)

    estimator = tpu_models.estimator(
        directory,
        model_fn,
        tpu_config=tpu().TPUConfig(
            iterations_per_loop=1000,
            num_shards=8,
            per_host_input_for_training=tpu().InputPipelineConfig.PER_HOST_V2,
        ),
        run_config={"save_checkpoints_steps": 1000, "log_step_count_steps": None, "master": None},
        train_batch_size=8,
        eval_batch_size=8,
    )
    estimator.train(input_fn, max_steps=30)
    return {
        "metrics": estimator.evaluate(evaluation_input_fn),
        "some": estimator.evaluate(evaluation_input_fn, steps=2),
        "predictions": [one["probabilities"] for one in estimator.predict(evaluation_input_fn)][:3],
    }
