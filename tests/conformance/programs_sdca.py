"""LinearSDCA: weights after every step, columns of all kinds, weights of examples, shards, the first form, checkpoints."""

import inspect
import os
import shutil

import models
import numpy as np
import tensorflow as tf
import traces
from catalogue import program
from computations import outcome
from models import v1
from programs_canned import COLLECTION

fc = tf.feature_column
X = np.linspace(-1, 1, 16, dtype=np.float32).reshape(16, 1)
WORDS = np.array([["a"], ["b"], ["c"], ["z"]] * 4)
SEVERAL = np.array([["a", "b"], ["b", "b"], ["c", "z"], ["z", "z"]] * 4)
WEIGHTS = np.linspace(0.5, 2, 16, dtype=np.float32).reshape(16, 1)
IDS = np.array([str(number) for number in range(16)])
NUMBERS = 2 * X + 1
CLASSES = (X > 0.1).astype(np.int64)
# One example in a batch: the kernel visits those of a batch in an order that nobody can give.


def input_of(labels, batch=1, part=(1, 0)):
    """Batches again and again; of one of several parts (their number, which) every so manieth example alone."""
    features = {
        "x": X,
        "word": WORDS,
        "words": SEVERAL,
        "id": IDS,
        "weight": WEIGHTS,
        "pair": np.hstack([X, X**2]),
    }
    return lambda: tf.data.Dataset.from_tensor_slices((features, labels)).shard(*part).batch(batch).repeat()


def columns():
    words = fc.categorical_column_with_vocabulary_list("word", ["a", "b", "c"])
    several = fc.categorical_column_with_vocabulary_list("words", ["a", "b", "c"])
    x = fc.numeric_column("x")
    buckets = fc.bucketized_column(x, [-0.5, 0.0, 0.5])
    return {
        "plain": [x, words],
        "several": [x, several, fc.numeric_column("pair", shape=[2])],
        "crossed": [buckets, fc.crossed_column([buckets, "word"], 10)],
        "weighted": [
            fc.weighted_categorical_column(words, "weight"),
            fc.categorical_column_with_hash_bucket("words", 5),
        ],
    }


def sdca(**settings):
    return tf.estimator.experimental.LinearSDCA("id", **settings)


def config():
    return models.config(
        save_checkpoints_steps=10,
        save_summary_steps=None,
        session_config=v1.ConfigProto(inter_op_parallelism_threads=1, allow_soft_placement=True),
    )


def after(make, labels, directory, name, *, steps=(1, 30)):
    """What a model is after some steps, and after more."""
    found = {}
    for count in steps:
        estimator = make(model_dir=os.path.join(directory, name), config=config())
        estimator.train(input_of(labels), steps=count)
        found[str(count)] = {
            "variables": traces.rows_in_use(models.variables(estimator)),
            "metrics": estimator.evaluate(input_of(labels, 16), steps=1),
            "names": sorted(estimator.get_variable_names()),
        }
    return found


@program("LinearSDCA")
def sdca_names(directory):
    kind = tf.estimator.experimental.LinearSDCA
    from tensorflow_estimator.python.estimator.canned import linear

    return {
        "name": kind.__name__,
        "inside": linear.LinearSDCA is kind,
        "of both faces": v1.estimator.experimental.LinearSDCA is kind,
        "constructor": {name: str(one.default) for name, one in inspect.signature(kind).parameters.items()},
        "get_train_step": list(inspect.signature(kind.get_train_step).parameters),
    }


@program("LinearSDCA", "Linear")
def sdca_classifier(directory):
    classifier = tf.estimator.LinearClassifier

    def of(name, **settings):
        made = columns()[name]
        return after(
            lambda **kw: classifier(made, optimizer=sdca(**settings), **kw), CLASSES, directory, name
        )

    return {name: of(name) for name in columns()}


@program("LinearSDCA", "Linear")
def sdca_regressor(directory):
    def of(name, **settings):
        return after(
            lambda **kw: tf.estimator.LinearRegressor(
                columns()["plain"], optimizer=sdca(**settings), weight_column="weight", **kw
            ),
            NUMBERS,
            directory,
            name,
        )

    return {
        "plain": of("plain"),
        "L1": of("l1", symmetric_l1_regularization=0.3),
        "both": of("both", symmetric_l1_regularization=0.2, symmetric_l2_regularization=3.0),
        "little L2": of("l2", symmetric_l2_regularization=0.01),
        "partitions": of("partitions", num_loss_partitions=3),
        "shards": of("shards", num_table_shards=3),
        "adaptive": of("adaptive", adaptive=True),
    }


@program("LinearSDCA", "Linear")
def sdca_in_the_first_form(directory):
    face = v1.estimator
    return {
        "classifier": after(
            lambda **kw: face.LinearClassifier(columns()["plain"], optimizer=sdca(), **kw),
            CLASSES,
            directory,
            "classifier",
        ),
        "parts": after(
            lambda **kw: face.LinearRegressor(
                columns()["weighted"], optimizer=sdca(), partitioner=v1.fixed_size_partitioner(2), **kw
            ),
            NUMBERS,
            directory,
            "parts",
        ),
    }


@program(
    "LinearSDCA",
    "Linear",
    "heads",
    differs={"result/two numbers": "a ValueError that names the head, where an assertion failed"},
)
def sdca_with_heads(directory):
    te = tf.estimator
    heads = {
        "binary": te.BinaryClassHead,
        "numbers": te.RegressionHead,
        "classes": lambda: te.MultiClassHead(3),
        "two numbers": lambda: te.RegressionHead(2),
    }

    def of(name):
        return after(
            lambda **kw: te.LinearEstimator(heads[name](), columns()["plain"], optimizer=sdca(), **kw),
            CLASSES,
            directory,
            name,
            steps=(20,),
        )

    return {name: outcome(lambda name=name: of(name)) for name in heads}


class FromOneState(v1.train.SessionRunHook):
    """Before the first step, makes two from what one has read: as workers do that visit an example at the same time."""

    def begin(self):
        (self.kernel,) = (
            one for one in v1.get_default_graph().get_operations() if one.type == "SdcaOptimizerV2"
        )
        self.steps_made = 0

    def before_run(self, run_context):
        step, session = run_context.original_args.fetches[0], run_context.session
        if not self.steps_made:
            read = session.run(list(self.kernel.inputs))
        while self.steps_made < 2:
            # Copies: the kernel writes the example's new dual variable where it read the old one.
            session.run(
                step, {tensor: value.copy() for tensor, value in zip(self.kernel.inputs, read, strict=True)}
            )
            self.steps_made += 1


@program("LinearSDCA", "Linear", "train hooks")
def sdca_of_two_steps_from_one_state(directory):
    """The weights get both changes, the table one: what they are apart stays, and the training ends elsewhere."""
    often = {"x": np.repeat(X, 3, axis=0), "id": np.repeat(IDS, 3)}

    def examples():
        return tf.data.Dataset.from_tensor_slices((often, np.repeat(CLASSES, 3, axis=0))).batch(1).repeat()

    found = {}
    for name, hooks in (("one after the other", []), ("from one state", [FromOneState()])):
        estimator = tf.estimator.LinearClassifier(
            [fc.numeric_column("x")], os.path.join(directory, name), optimizer=sdca(), config=config()
        )
        for steps in (1, 999):
            estimator.train(examples, steps=steps, hooks=hooks if steps == 1 else [])
            variables = models.variables(estimator)
            duals = variables["ShardedMutableHashTable-1-of-1-values"][:, 0]
            bias = variables["linear/linear_model/bias_weights_unshrunk"]
            found[f"{name}, {steps}"] = {
                "weights": {key: value for key, value in variables.items() if "linear_model" in key},
                "apart": round(float(bias[0] - duals.sum()), 4),
            }
    return found


@program("LinearSDCA", "Linear", "device_fn")
def sdca_places(directory):
    """On which of five parameter servers variables and tables are."""
    config = models.config(device_fn=v1.train.replica_device_setter(5, worker_device="/job:worker/task:1"))
    estimator = tf.estimator.LinearClassifier(
        columns()["crossed"], directory, optimizer=sdca(num_table_shards=3), config=config
    )
    with tf.Graph().as_default() as graph, graph.device(config.device_fn):
        v1.train.create_global_step()
        features, labels = v1.data.make_one_shot_iterator(input_of(CLASSES)()).get_next()
        estimator.model_fn(features, labels, "train", config)
        kinds = ("VarHandleOp", "MutableDenseHashTableV2", "VariableV2")
        return {
            one.name.removeprefix("ShardedMutableHashTable/"): one.device
            for one in graph.get_operations()
            if one.type in kinds
        }


@program("LinearSDCA", "checkpoint names", "export_saved_model", differs=COLLECTION)
def sdca_for_the_other(directory):
    make = tf.estimator.LinearClassifier
    estimator = make(columns()["plain"], os.path.join(directory, "model"), optimizer=sdca(), config=config())
    estimator.train(input_of(CLASSES), steps=20)
    receiver = tf.estimator.export.build_parsing_serving_input_receiver_fn(
        fc.make_parse_example_spec(columns()["plain"])
    )
    estimator.export_saved_model(os.path.join(directory, "exports"), receiver)
    return {}


@program("LinearSDCA", "variables", meets=True)
def resuming_sdca(directory, own, other):
    found = {}
    for whose, results in (("own", own), ("other", other)):
        target = os.path.join(directory, whose)
        shutil.copytree(os.path.join(results, "sdca_for_the_other", "model"), target)
        estimator = tf.estimator.LinearClassifier(
            columns()["plain"], target, optimizer=sdca(), config=config()
        )
        estimator.train(input_of(CLASSES), max_steps=40)
        found[whose] = traces.rows_in_use(models.variables(estimator))
    return found
