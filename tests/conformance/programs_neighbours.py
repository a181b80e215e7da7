"""Several Estimators in one process, and threads that use them at the same time."""

import os
import threading

import counting_model
import models
import numpy as np
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1


def ys(predictions):
    return [one["y"].item() for one in predictions]


@program("train steps", "evaluate", "predict")
def two_estimators_that_take_turns(directory):
    one, other = (models.estimator(directory, name=name) for name in ("one", "other"))
    seen = []
    for _ in range(3):
        for estimator, steps in ((one, 1), (other, 2)):
            estimator.train(models.batches, steps=steps)
            seen.append(
                {
                    "metrics": estimator.evaluate(models.once),
                    "predictions": ys(estimator.predict(models.features_only)),
                    "variables": models.variables(estimator),
                }
            )
    return seen


@program("train steps", "latest_checkpoint", "checkpoint names")
def two_estimators_in_one_directory(directory):
    """Each goes on from where the other one stopped."""
    one, other = (models.estimator(directory, keep_checkpoint_max=2) for _ in range(2))
    seen = []
    for estimator in (one, other, one):
        estimator.train(models.batches, steps=3)
        seen.append([os.path.basename(each.latest_checkpoint()) for each in (one, other)])
        seen.append([each.evaluate(models.once) for each in (one, other)])
    state = tf.train.get_checkpoint_state(one.model_dir)
    kept = [os.path.basename(path) for path in state.all_model_checkpoint_paths]
    return {"seen": seen, "kept": kept, "predictions": ys(other.predict(models.features_only))}


@program("predict", "train steps")
def trainings_during_predictions(directory):
    """A generator that was begun keeps the variables that it was begun with."""
    estimator = models.estimator(directory).train(models.batches, steps=1)
    open_one = estimator.predict(models.features_only)
    seen = [next(open_one)["y"].item()]
    estimator.train(models.batches, steps=4)
    seen.append(next(open_one)["y"].item())
    seen.append(ys(estimator.predict(models.features_only)))
    open_one.close()
    return {"seen": seen, "step": estimator.get_variable_value("global_step")}


@program("predict", "train hooks")
def predictions_in_a_hook(directory):
    estimator = models.estimator(directory, save_checkpoints_steps=2)
    other = models.estimator(directory, name="other").train(models.batches, steps=3)
    seen = []

    class Predicts(v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            seen.append(
                {
                    "own": outcome(lambda: ys(estimator.predict(models.features_only))),
                    "other": ys(other.predict(models.features_only)),
                    "own metrics": outcome(lambda: estimator.evaluate(models.once, name="inside")),
                    "graph": v1.get_default_graph() is run_context.session.graph,
                }
            )

    estimator.train(models.batches, hooks=[Predicts()], steps=5)
    return seen


@program("input_fn tensors", "predict")
def predictions_as_labels_of_another(directory):
    """A model that learns from another one's predictions, which its input function asks for."""
    teacher = models.estimator(directory, name="teacher").train(models.batches, steps=6)

    def input_fn():
        labels = np.array([one["y"] for one in teacher.predict(models.features_only)])
        return tf.data.Dataset.from_tensor_slices(({"x": models.X}, labels)).batch(4).repeat()

    pupil = models.estimator(directory, name="pupil").train(input_fn, steps=4)
    return {"pupil": models.variables(pupil), "teacher": models.variables(teacher)}


def in_threads(*calls):
    """What each call returns (or the kind of its error), all of them in threads of their own."""
    found = [None] * len(calls)

    def run(index):
        found[index] = outcome(calls[index])

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@program("predict", "predict batches")
def threads_that_predict(directory):
    estimator = models.estimator(directory).train(models.batches, steps=5)
    alike = in_threads(*[lambda: ys(estimator.predict(models.features_only))] * 4)
    return {"of all": alike[0], "alike": [one == alike[0] for one in alike]}


@program("predict", "evaluate", "train hooks")
def threads_that_serve_beside_a_training(directory):
    """They are asked between two steps, of the checkpoint that there is."""
    estimator = counting_model.estimator(directory, save_checkpoints_steps=2)
    seen = []

    class Asks(v1.train.SessionRunHook):
        def begin(self):
            self.w = v1.global_variables("w")[0]
            self.steps = 0

        def after_run(self, run_context, run_values):
            self.steps += 1
            if self.steps not in (3, 5):
                return
            before = run_context.session.run(self.w)
            found = in_threads(
                lambda: ys(estimator.predict(counting_model.few)),
                lambda: ys(estimator.predict(counting_model.few)),
                lambda: estimator.evaluate(counting_model.few, steps=1, name="beside"),
                lambda: estimator.get_variable_value("w"),
            )
            seen.append([*found, before, run_context.session.run(self.w)])

    estimator.train(counting_model.few_again, hooks=[Asks()], steps=6)
    return seen


@program("train steps", "random seed")
def threads_that_train(directory):
    """Models of their own, at the same time."""
    estimators = [models.estimator(directory, name=str(index)) for index in range(3)]
    in_threads(*[lambda one=one: one.train(models.batches, steps=4).model_dir for one in estimators])
    return [models.variables(one) for one in estimators]


@program("Keras layers", "predict")
def threads_that_predict_with_keras_layers(directory):
    def model_fn(features, labels, mode):
        net = tf.keras.layers.Dense(2, kernel_initializer="ones")(features["x"])
        return models.regression(mode, tf.keras.layers.Dense(1, kernel_initializer="ones")(net), labels)

    estimator = models.estimator(directory, model_fn).train(models.batches, steps=2)
    alike = in_threads(*[lambda: ys(estimator.predict(models.features_only))] * 4)
    return {"names": estimator.get_variable_names(), "predictions": alike}


def thirds(rows):
    return [bool(np.any(rows // 334 == third)) for third in range(3)]


@program("numpy_input_fn", "train steps")
def repeated_trainings_on_shuffled_rows(directory):
    """Rows of every third of the array are trained on, although each call stops after the first few."""
    estimator = counting_model.estimator(directory)
    seen = set()

    class Rows(v1.train.SessionRunHook):
        def begin(self):
            queues = [op for op in v1.get_default_graph().get_operations() if "QueueDequeue" in op.type]
            self.batch = queues[0].outputs[-1]

        def before_run(self, run_context):
            return v1.train.SessionRunArgs(self.batch)

        def after_run(self, run_context, run_values):
            seen.update(run_values.results.ravel().tolist())

    for _ in range(3):
        estimator.train(counting_model.shuffled, hooks=[Rows()], steps=40)
    return {
        "thirds": thirds(np.array(sorted(seen))),
        "mostly new": len(seen) > 150,
        "step": estimator.get_variable_value("global_step"),
    }
