"""What the smaller parts inside tf.estimator compute: metrics of former heads, Baseline's model functions, TPU's words."""

import models
import numpy as np
import tensorflow as tf
from catalogue import KERAS_2, program
from computations import evaluated, outcome, values
from models import v1
from programs_canned import OTHER_SLOTS
from programs_internal_names import deep

LABELS = np.array([[1.0], [0.0], [1.0], [1.0]], np.float32)
CHANCES = np.array([[0.9], [0.6], [0.5], [0.2]], np.float32)
WEIGHTS = np.array([[1.0], [2.0], [0.5], [1.0]], np.float32)


@program("EstimatorSpec", "evaluate")
def metrics_of_former_heads(directory):
    head = deep("canned.head")

    def pairs(weights, labels=LABELS, chances=CHANCES):
        labels, chances = tf.constant(labels), tf.constant(chances)
        weights = None if weights is None else tf.constant(weights)
        mean = head._indicator_labels_mean(labels, weights, name="mean")
        return {
            "labels mean": mean,
            "baseline": head._accuracy_baseline(mean),
            "predictions mean": head._predictions_mean(chances, weights),
            "roc": head._auc(labels, chances, weights),
            "pr": head._auc(labels, chances, weights, curve="PR", name="pr"),
            **{
                f"{kind} at {threshold}": getattr(head, f"_{kind}_at_threshold")(
                    labels, chances, weights, threshold
                )
                for kind in ("accuracy", "precision", "recall")
                for threshold in (0.0, 0.5, 0.6, 1.0)
            },
        }

    given = {
        "none": lambda: pairs(None),
        "each": lambda: pairs(WEIGHTS),
        "one": lambda: pairs(np.array([[2.0]], np.float32)),
        "whole numbers": lambda: pairs(None, LABELS.astype(np.int64)),
        "float64": lambda: pairs(None, LABELS.astype(np.float64), CHANCES.astype(np.float64)),
        "whole weights": lambda: pairs(WEIGHTS.astype(np.int32)),
    }
    return {name: outcome(lambda m=make: evaluated(m)) for name, make in given.items()}


@program(
    "Baseline",
    "EstimatorSpec",
    "heads",
    differs={
        "checkpoints/v2/*": "an optimizer of Keras 3 is replaced by that of tf.compat.v1.train, slots and all"
    },
    repeated={KERAS_2: {"checkpoints/v2/*": OTHER_SLOTS}},
)
def baseline_model_functions(directory):
    baseline = deep("canned.baseline")

    def told(name, model_fn, head, optimizer):
        def of_estimator(features, labels, mode, config):
            return model_fn(features, labels, mode, head(), optimizer(), config=config)

        made = models.estimator(directory, of_estimator, name=name).train(models.batches, steps=3)
        return {
            "bias": made.get_variable_value("baseline/bias"),
            "metrics": made.evaluate(models.once),
            "predictions": list(made.predict(models.features_only)),
        }

    def logits():
        return baseline._baseline_logit_fn_builder(3)({"x": tf.ones([2, 1])})

    heads = deep("canned.head")
    return {
        "v1": told(
            "v1",
            baseline._baseline_model_fn,
            lambda: heads._regression_head(loss_reduction=v1.losses.Reduction.SUM),
            lambda: v1.train.GradientDescentOptimizer(0.05),
        ),
        "v2": told("v2", baseline._baseline_model_fn_v2, tf.estimator.RegressionHead, lambda: "Adagrad"),
        "logits": outcome(lambda: values(logits)),
    }


@program("heads")
def heads_by_number_of_classes(directory):
    make = deep("head.head_utils", "binary_or_multi_class_head")
    mean = "sum_over_batch_size"
    given = {
        "two": (2, None, None, mean),
        "three": (3, "w", ["a", "b", "c"], "sum"),
        "one": (1, None, None, mean),
        "no number": ("2", None, None, mean),
    }

    def told(arguments):
        head = make(*arguments)
        return [type(head).__name__, head.logits_dimension, head.loss_reduction, head.name]

    return {name: outcome(lambda a=arguments: told(a)) for name, arguments in given.items()}


@program("TPUConfig")
def words_of_tpu_util(directory):
    util = deep("tpu.util")

    def parsed(given):
        counter = util.parse_iterations_per_loop(given)
        return [counter.value, counter.unit]

    return {
        "parsed": {
            str(given): outcome(lambda g=given: parsed(g))
            for given in (1, "7", "30s", "5m", "2h", 0, "0s", "-1", "1.5m", "m", "", None, 1.5)
        },
        "positive": {
            str(given): outcome(lambda g=given: util.check_positive_integer(g, "steps"))
            for given in (1, 0, -1, 1.0, "1", True, None)
        },
        "batches": list(deep("tpu.tpu_estimator", "BatchConfig")(1, 2, 3, [2])),
    }


@program(
    "stop_if hooks",
    "make_early_stopping_hook",
    differs={"checkpoints/*/signal_early_stopping/STOP": "no checkpoint holds the variable that says stop"},
)
def parts_of_early_stopping(directory):
    stopping = deep("early_stopping")
    estimator = models.estimator(directory)
    estimator.train(models.batches, steps=2)
    estimator.evaluate(models.once)
    events = [event for event in stopping._summaries(estimator.eval_dir()) if event.HasField("summary")]

    def steps(hook):
        made = models.estimator(directory, name=f"stopped-{len(found)}")
        made.train(models.batches, steps=6, hooks=[hook])
        return int(made.get_variable_value("global_step"))

    found = {}
    rules = {
        "higher": ("loss", 0.0, True),
        "lower": ("loss", 0.0, False),
        "no such metric": ("nothing", 0.0, True),
    }
    for name, (metric, threshold, is_higher) in rules.items():
        hook = stopping._stop_if_threshold_crossed_hook(
            estimator, metric, threshold, is_higher, None, 0, None, 1
        )
        found[name] = outcome(lambda h=hook: steps(h)) if name != "no such metric" else None
    found["predicate"] = steps(
        stopping._StopOnPredicateHook(lambda: True, run_every_secs=None, run_every_steps=2)
    )
    better = stopping._stop_if_no_metric_improvement_hook(estimator, "loss", 0, True, None, 0, None, 1)
    found["no improvement"] = steps(better)
    with tf.Graph().as_default():
        first, second = stopping._get_or_create_stop_var(), stopping._get_or_create_stop_var()
        found["variable"] = [first.op.name, first.dtype.name, first.op.name == second.op.name]
    return {"found": found, "events": [event.step for event in events]}


@program("subclass")
def small_functions_of_the_estimator_module(directory):
    module = deep("estimator")

    class Plain(tf.estimator.Estimator):
        pass

    class Own(Plain):
        def train(self, *given, **settings):
            return self

        def _assert_members_are_not_overridden(self):
            pass

    def checked(kind):
        return module._assert_members_are_not_overridden(kind, kind(models.linear, directory))

    def of(base, kind):
        return module._assert_members_are_not_overridden(base, kind(models.linear, directory))

    def added(metrics):
        with tf.Graph().as_default():
            result = module._verify_and_create_loss_metric(metrics, tf.constant(2.0))
        return None if result is None else sorted(result)

    return {
        "valid": sorted(module._VALID_MODEL_FN_ARGS),
        "plain": outcome(lambda: of(module.EstimatorV2, Plain)),
        "own": outcome(lambda: of(module.EstimatorV2, Own)),
        "own of itself": outcome(lambda: checked(Own)),
        "loss": outcome(lambda: added({})),
        "loss again": outcome(lambda: added({"loss": None})),
    }


@program("signatures")
def signatures_of_one_receiver(directory):
    build = deep("export.export_lib", "build_all_signature_defs")

    def told(receiver, **given):
        with tf.Graph().as_default():
            x = v1.placeholder(tf.string, [None], "x")
            outputs = {
                None: tf.estimator.export.PredictOutput({"y": tf.strings.length(x)}),
                "other": tf.estimator.export.PredictOutput(tf.strings.length(x)),
            }
            made = build(receiver(x), outputs, **given)
            return {
                key: [signature.method_name, sorted(signature.inputs), sorted(signature.outputs)]
                for key, signature in made.items()
            }

    receivers = {
        "a tensor": lambda x: x,
        "a dict": lambda x: {"examples": x},
        "a word": lambda x: "x",
        "a list": lambda x: [x],
        "none": lambda x: None,
        "a number": lambda x: 1.0,
        "a dict of a word": lambda x: {"x": "x"},
    }
    return {name: outcome(lambda r=receiver: told(r)) for name, receiver in receivers.items()}
