"""Scaffold, field by field, in each of the methods that make a session."""

import os

import models
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1


def with_scaffold(make, only=None):
    """A model whose EstimatorSpec has the scaffold that `make(w)` makes, of its weight; in the mode `only`, or in all."""

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        (w,) = (variable for variable in v1.global_variables() if variable.op.name == "w")
        scaffold = make(w) if only in (None, mode) else None
        return models.regression(mode, y, labels, scaffold=scaffold)

    return model_fn


def first_values(directory, make, name="model"):
    """The variables of the first checkpoint, which is written before the first step."""
    estimator = models.estimator(directory, with_scaffold(make), name=name)
    estimator.train(models.batches, steps=1)
    reader = tf.train.load_checkpoint(os.path.join(estimator.model_dir, "model.ckpt-0"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def everything(directory, model_fn):
    """What each method makes of a model."""
    estimator = models.estimator(directory, model_fn)
    return {
        "train": outcome(lambda: models.variables(estimator.train(models.batches, steps=2))),
        "evaluate": outcome(lambda: estimator.evaluate(models.once)),
        "predict": outcome(lambda: list(estimator.predict(models.features_only))[:2]),
        "export": outcome(
            lambda: models.served(
                estimator.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
            )
        ),
    }


NOTHING_WRITTEN = {
    pattern: "a training that never begins leaves no empty event file"
    for pattern in ("events", "events/*", "files", "files/model/events.out.tfevents.*")
}


@program("scaffold")
def an_init_op_of_ones_own(directory):
    def make(w):
        with tf.control_dependencies([v1.global_variables_initializer()]):
            return v1.train.Scaffold(init_op=w.assign([[4.0]]))

    return first_values(directory, make)


@program("scaffold")
def an_init_feed_dict(directory):
    def make(w):
        value = v1.placeholder(tf.float32, [1, 1])
        init = tf.group(v1.global_variables_initializer())
        with tf.control_dependencies([init]):
            return v1.train.Scaffold(init_op=tf.group(w.assign(value)), init_feed_dict={value: [[5.0]]})

    return first_values(directory, make)


@program("scaffold", "evaluate", "predict")
def an_init_fn_after_a_restore(directory):
    """init_fn is for first values: a session that restores does not call it."""
    calls = []

    def make(w):
        six = w.assign([[6.0]])

        def init_fn(scaffold, session):
            calls.append([type(scaffold).__name__, type(session).__name__])
            session.run(six)

        return v1.train.Scaffold(init_fn=init_fn)

    return {"results": everything(directory, with_scaffold(make)), "calls": calls}


@program("scaffold", differs=NOTHING_WRITTEN)
def an_init_fn_of_one_argument(directory):
    seen = []

    def make(w):
        six = w.assign([[6.0]])
        return v1.train.Scaffold(
            init_fn=lambda session: seen.append(type(session).__name__) or session.run(six)
        )

    return [outcome(lambda: first_values(directory, make)), seen]


@program("scaffold", "evaluate")
def a_ready_op(directory):
    def make(w):
        return v1.train.Scaffold(ready_op=v1.report_uninitialized_variables([w]))

    return everything(directory, with_scaffold(make))


@program("scaffold")
def a_ready_for_local_init_op(directory):
    def make(w):
        local = v1.get_local_variable("local", initializer=tf.constant(2.0))
        return v1.train.Scaffold(
            ready_for_local_init_op=v1.report_uninitialized_variables([w]), local_init_op=local.initializer
        )

    return first_values(directory, make)


@program("scaffold", "evaluate", "predict")
def a_local_init_op_that_leaves_metrics_out(directory):
    """What evaluation adds is initialised beside it."""

    def make(w):
        local = v1.get_local_variable("local", initializer=tf.constant(3.0))
        v1.add_to_collection("locals", local)
        return v1.train.Scaffold(local_init_op=tf.group(local.initializer))

    return everything(directory, with_scaffold(make))


@program("scaffold", "summaries")
def a_summary_op_of_ones_own(directory):
    def make(w):
        mine = v1.summary.scalar("mine", w[0, 0], collections=[])
        v1.summary.scalar("left_out", w[0, 0])
        return v1.train.Scaffold(summary_op=mine)

    models.estimator(directory, with_scaffold(make), save_summary_steps=1).train(models.batches, steps=2)


@program("scaffold", "saver")
def a_saver_that_leaves_a_variable_out(directory):
    """The other one has its first value whenever a session restores."""

    def make(w):
        return v1.train.Scaffold(saver=v1.train.Saver([w, v1.train.get_global_step()], max_to_keep=2))

    return everything(directory, with_scaffold(make))


@program("scaffold", "saver", "export_saved_model")
def a_saver_of_other_names(directory):
    def make(w):
        (b,) = v1.global_variables("b")
        step = v1.train.get_global_step()
        return v1.train.Scaffold(saver=v1.train.Saver({"weight": w, "bias": b, "global_step": step}))

    results = everything(directory, with_scaffold(make))
    estimator = models.estimator(directory)
    return {"results": results, "names": sorted(estimator.get_variable_names())}


@program("scaffold", "saver")
def a_saver_that_is_sharded(directory):
    def make(w):
        return v1.train.Scaffold(saver=v1.train.Saver(sharded=True, max_to_keep=None, filename="other"))

    return models.variables(models.estimator(directory, with_scaffold(make)).train(models.batches, steps=6))


@program("scaffold")
def a_scaffold_copied_from_another(directory):
    def make(w):
        first = v1.train.Scaffold(
            init_fn=lambda scaffold, session: session.run(seven),
            saver=v1.train.Saver(max_to_keep=1),
            summary_op=v1.summary.scalar("first", w[0, 0]),
        )
        seven = w.assign([[7.0]])
        return v1.train.Scaffold(summary_op=v1.summary.scalar("second", w[0, 0]), copy_from_scaffold=first)

    estimator = models.estimator(directory, with_scaffold(make), save_summary_steps=1)
    return models.variables(estimator.train(models.batches, steps=6))


@program("scaffold")
def a_finalized_scaffold(directory):
    def make(w):
        return v1.train.Scaffold().finalize()

    return outcome(lambda: first_values(directory, make))


@program("scaffold")
def a_scaffold_of_a_class_of_ones_own(directory):
    calls = []

    class Mine(v1.train.Scaffold):
        def finalize(self):
            calls.append("finalize")
            return super().finalize()

    return {"values": first_values(directory, lambda w: Mine()), "finalized": bool(calls)}


@program("scaffold", differs=NOTHING_WRITTEN)
def an_init_op_that_leaves_variables_out(directory):
    """A session that finds variables without values does not begin."""

    def make(w):
        return v1.train.Scaffold(init_op=w.initializer)

    return outcome(lambda: first_values(directory, make))


@program("scaffold", "evaluate")
def a_scaffold_of_evaluation_alone(directory):
    """A saver that restores an average in the place of the weight, as moving averages are evaluated."""

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        w, b = (v1.global_variables(name)[0] for name in ("w", "b"))
        average = tf.train.ExponentialMovingAverage(0.5)
        if mode == "train":
            made = models.regression(mode, y, labels)
            with tf.control_dependencies([made.train_op]):
                return made._replace(train_op=average.apply([w, b]))
        names = {average.average_name(variable): variable for variable in (w, b)}
        step = {"global_step": v1.train.get_global_step()}
        scaffold = v1.train.Scaffold(saver=v1.train.Saver({**names, **step}))
        return models.regression(mode, y, labels, scaffold=scaffold)

    return everything(directory, model_fn)
