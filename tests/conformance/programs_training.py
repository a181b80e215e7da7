"""Training: when it ends, what it calls in which order, what it writes."""

import os

import models
import numpy as np
import tensorflow as tf
from catalogue import V1, program
from models import Listener, Recorder, v1


@program("train steps", "checkpoint names", "variables", "latest_checkpoint", "loss summary")
def two_calls_with_steps(directory):
    estimator = models.estimator(directory)
    returned = estimator.train(models.batches, steps=5) is estimator
    estimator.train(models.batches, steps=4)
    return {
        "returns itself": returned,
        "variables": models.variables(estimator),
        "latest": os.path.basename(estimator.latest_checkpoint()),
    }


@program("train max_steps")
def max_steps_counts_all_calls(directory):
    estimator = models.estimator(directory)
    with models.logged("Skipping training") as lines:
        for max_steps in (4, 4, 3, 6):
            estimator.train(models.batches, max_steps=max_steps)
    return {"variables": models.variables(estimator), "log": lines}


@program("end of input")
def dataset_ends(directory):
    return models.variables(models.estimator(directory).train(models.once))


@program("end of input")
def python_source_ends(directory):
    def three_batches():
        parts = iter([models.X, models.X, models.X])
        x = v1.py_func(lambda: next(parts), [], tf.float32)
        x.set_shape([8, 1])
        return {"x": x}, 2 * x

    return models.variables(models.estimator(directory).train(three_batches))


@program(
    "end of input",
    differs={"result/log/*": "the warning that no steps were made is also given for an empty dataset"},
)
def empty_input(directory):
    def nothing():
        return models.once().take(0)

    with models.logged("Training with", "Loss for final step") as lines:
        estimator = models.estimator(directory).train(nothing, steps=3)
    return {"variables": models.variables(estimator), "log": lines}


@program("train hooks", "saving listeners")
def order_of_hooks(directory):
    calls = []

    def spec(features, labels, mode):
        return models.regression(
            mode,
            models.line(features["x"]),
            labels,
            training_hooks=[Recorder("model", calls)],
            training_chief_hooks=[Recorder("model's chief", calls)],
        )

    models.estimator(directory, spec, save_checkpoints_steps=2).train(
        models.batches,
        hooks=[Recorder("first", calls), Recorder("second", calls)],
        steps=3,
        saving_listeners=[Listener("listener", calls), Listener("other listener", calls)],
    )
    return calls


@program("saving listeners")
def listeners_of_a_saver_hook_of_ones_own(directory):
    calls = []
    estimator = models.estimator(directory, save_checkpoints_steps=None, save_checkpoints_secs=None)
    hook = v1.train.CheckpointSaverHook(
        estimator.model_dir, save_steps=3, listeners=[Listener("hook's", calls)]
    )
    estimator.train(models.batches, hooks=[hook], steps=5, saving_listeners=[Listener("train's", calls)])
    return calls


@program("saver")
def no_checkpoints(directory):
    estimator = models.estimator(directory, save_checkpoints_steps=None, save_checkpoints_secs=None)
    estimator.train(models.batches, steps=5)
    return {"latest": estimator.latest_checkpoint()}


@program("saver", "checkpoint names")
def two_checkpoints_are_kept(directory):
    config = {"save_checkpoints_steps": 2, "keep_checkpoint_max": 2, "checkpoint_save_graph_def": False}
    models.estimator(directory, **config).train(models.batches, steps=7)


@program("saver")
def saver_in_the_collection(directory):
    def model_fn(features, labels, mode):
        spec = models.linear(features, labels, mode)
        if mode == "train":
            saver = v1.train.Saver([v for v in v1.global_variables() if v.op.name != "b"], max_to_keep=1)
            v1.add_to_collection(v1.GraphKeys.SAVERS, saver)
        return spec

    return models.variables(models.estimator(directory, model_fn).train(models.batches, steps=6))


@program("NaN loss")
def nan_loss(directory):
    model_fn = models.linear_in("train", loss=lambda y: tf.reduce_mean(y) * np.nan)
    models.estimator(directory, model_fn).train(models.batches, steps=3)


@program("summaries", "loss summary", repeated={V1: {}})
def summaries_of_training(directory):
    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        v1.summary.scalar("mean", tf.reduce_mean(y))
        v1.summary.histogram("predicted", y)
        v1.summary.text("words", tf.constant(["some", "words"]))
        v1.summary.image("picture", tf.reshape(tf.range(4, dtype=tf.float32), [1, 2, 2, 1]))
        with v1.name_scope("inner"):
            v1.summary.scalar("scoped", tf.reduce_max(y))
        return models.regression(mode, y, labels)

    models.estimator(directory, model_fn, save_summary_steps=2, log_step_count_steps=3).train(
        models.batches, steps=7
    )


@program("loss summary")
def loss_summary_of_ones_own(directory):
    def model_fn(features, labels, mode):
        spec = models.linear(features, labels, mode)
        v1.summary.scalar("loss", 10 * spec.loss)
        return spec

    models.estimator(directory, model_fn, save_summary_steps=1).train(models.batches, steps=2)


@program("summaries")
def no_summaries(directory):
    models.estimator(directory, save_summary_steps=0, log_step_count_steps=None).train(
        models.batches, steps=3
    )


@program("scaffold")
def scaffold_of_training(directory):
    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        local = v1.get_local_variable("local", initializer=tf.constant(3.0))
        v1.summary.scalar("local", local)
        w = next(v for v in v1.global_variables() if v.op.name == "w")
        seven = w.assign([[7.0]])
        scaffold = v1.train.Scaffold(
            init_feed_dict=None,
            init_fn=lambda scaffold, session: session.run(seven),
            saver=v1.train.Saver(max_to_keep=1, sharded=False),
            local_init_op=local.initializer,
        )
        return models.regression(mode, y, labels, scaffold=scaffold)

    estimator = models.estimator(directory, model_fn, save_summary_steps=1)
    return models.variables(estimator.train(models.batches, steps=6))


@program("request to stop")
def a_hook_stops(directory):
    class Stop(v1.train.SessionRunHook):
        steps = 0

        def after_run(self, run_context, run_values):
            self.steps += 1
            if self.steps == 2:
                run_context.request_stop()

    return models.variables(models.estimator(directory).train(models.batches, hooks=[Stop()], steps=9))


@program("EstimatorSpec")
def loss_of_shape_one(directory):
    def model_fn(features, labels, mode):
        spec = models.linear(features, labels, mode)
        return tf.estimator.EstimatorSpec(mode, loss=tf.reshape(spec.loss, [1]), train_op=spec.train_op)

    models.estimator(directory, model_fn, save_summary_steps=1).train(models.batches, steps=2)


@program("collections", "random seed", repeated={V1: {}})
def graph_of_training(directory):
    seen = {}

    class Look(v1.train.SessionRunHook):
        def begin(self):
            graph = v1.get_default_graph()
            seen["collections"] = sorted(
                k for k in graph.get_all_collection_keys() if isinstance(k, str) and not k.startswith("__")
            )
            seen["losses"] = len(v1.losses.get_losses())
            seen["summaries"] = [s.op.name for s in v1.get_collection(v1.GraphKeys.SUMMARIES)]
            seen["global step"] = [v1.train.get_global_step().op.name, v1.train.get_global_step().dtype.name]
            seen["variables"] = [v.op.name for v in v1.global_variables()]

    def model_fn(features, labels, mode):
        seen["seed"] = v1.get_default_graph().seed
        seen["device of features"] = features["x"].device
        return models.linear(features, labels, mode)

    models.estimator(directory, model_fn, tf_random_seed=17).train(models.batches, hooks=[Look()], steps=1)
    return seen


@program("train steps", repeated={V1: {}})
def optimizers(directory):
    made = {
        "momentum": lambda: v1.train.MomentumOptimizer(0.05, 0.9),
        "adam": lambda: v1.train.AdamOptimizer(0.05),
        "adagrad": lambda: v1.train.AdagradOptimizer(0.05),
        "ftrl": lambda: v1.train.FtrlOptimizer(0.05, l1_regularization_strength=0.01),
        "rmsprop": lambda: v1.train.RMSPropOptimizer(0.01),
    }

    def model_fn(features, labels, mode, params):
        return models.regression(
            mode, models.line(features["x"]), labels, optimizer=made[params["optimizer"]]()
        )

    return {
        name: models.variables(
            models.estimator(directory, model_fn, params={"optimizer": name}, name=name).train(
                models.batches, steps=12
            )
        )
        for name in made
    }


@program("device_fn", repeated={V1: {}})
def device_function(directory):
    devices = {}

    def device_fn(op):
        return "/device:CPU:0" if op.type == "VariableV2" or op.type.startswith("VarHandle") else ""

    class Look(v1.train.SessionRunHook):
        def begin(self):
            devices.update({v.op.name: v.device for v in v1.global_variables()})

    models.estimator(directory, device_fn=device_fn).train(models.batches, hooks=[Look()], steps=1)
    return devices


@program("hook aliases")
def every_hook_at_work(directory):
    te = tf.estimator
    estimator = models.estimator(directory, save_checkpoints_steps=None, save_checkpoints_secs=None)
    seen = []

    class AtEnd(te.SessionRunHook):
        def begin(self):
            self.doubled = 2 * tf.constant(21)  # the step itself may be read before or after it is counted

        def before_run(self, run_context):
            assert isinstance(run_context, te.SessionRunContext)
            return te.SessionRunArgs(self.doubled)

        def after_run(self, run_context, run_values):
            assert isinstance(run_values, te.SessionRunValues)
            seen.append(run_values.results)

    out = os.path.join(directory, "hooks")
    with tf.Graph().as_default():
        hooks = [
            AtEnd(),
            te.CheckpointSaverHook(estimator.model_dir, save_steps=2),
            te.StepCounterHook(every_n_steps=2, output_dir=out),
            te.GlobalStepWaiterHook(0),
            te.ProfilerHook(save_steps=100, output_dir=out),
        ]
    with models.logged("loss = ", "Saving checkpoints") as lines:
        estimator.train(models.batches, hooks=hooks, steps=5)
    return {"seen": seen, "log": lines}


@program("hook aliases")
def names_of_the_hooks(directory):
    names = [
        "CheckpointSaverHook", "CheckpointSaverListener", "FeedFnHook", "FinalOpsHook", "GlobalStepWaiterHook",
        "LoggingTensorHook", "NanLossDuringTrainingError", "NanTensorHook", "ProfilerHook", "SecondOrStepTimer",
        "SessionRunArgs", "SessionRunContext", "SessionRunHook", "SessionRunValues", "StepCounterHook",
        "StopAtStepHook", "SummarySaverHook",
    ]  # fmt: skip
    return {
        name: [getattr(face, name) is getattr(v1.train, name) for face in (tf.estimator, v1.estimator)]
        for name in names
    }
