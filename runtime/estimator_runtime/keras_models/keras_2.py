"""Models of Keras 2 in an Estimator's graph: a clone, whose inputs and targets are the tensors of a batch.

In a graph of TensorFlow 1 a model of tf_keras is one of the old kind, of which loss, metrics and updates are operations
of the graph. tf.estimator 2.15 did the same, so variables have the names of its checkpoints.
"""

import contextlib
import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime.keras_models import (
    batches,
    first_weights,
    keras_2_objects,
    keras_2_optimizers,
    outputs,
)
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys


def model_fn_of(
    model: Any,
    *,
    custom_objects: Mapping[str, Any] | None,
    metric_names: Mapping[str, str] | None,
    export_outputs: Mapping[str, Any] | None,
    saves_objects: bool,
) -> Callable[..., EstimatorSpec]:
    """The model function of a compiled model.

    Args:
        model: the model; it is not changed, but for one of a subclass that cannot be made from its config, of which the
            layers are replaced while the function runs.
        custom_objects: dict from name to what the model's configs mean by it.
        metric_names: dict from the name of a metric in Keras to its name in an evaluation.
        export_outputs: dict from the name of an output to a class of `ExportOutput`.
        saves_objects: whether checkpoints hold the model's objects, and not variables by name.

    Raises:
        ValueError: the optimizer does not run in a graph, or the model is of a program's own class and its objects are to be
            saved.
    """
    if saves_objects:
        keras_2_objects.check(model, is_graph_network=is_graph_network(model))
    new_optimizer = keras_2_optimizers.recipe(model.optimizer)
    compiled = _compiled(model)

    def model_fn(features: Any, labels: Any, mode: str) -> EstimatorSpec:
        features, weights = batches.without_weights(features)
        with _clone(model, features, mode, custom_objects) as clone:
            predictions = outputs.by_name(clone.outputs, clone.output_names)
            made: dict[str, Any] = {
                "predictions": predictions,
                "export_outputs": outputs.exports(predictions, export_outputs),
            }
            if mode == ModeKeys.PREDICT:
                if saves_objects:
                    made["scaffold"] = keras_2_objects.scaffold(clone, None)
                return EstimatorSpec(mode, **made)
            batches.check_labels(labels, compiled.get("loss"))
            optimizer = new_optimizer()
            _compile(clone, optimizer, compiled, labels, weights)
            if mode == ModeKeys.TRAIN:
                trained = keras_2_optimizers.train_op(optimizer, clone.total_loss, clone.trainable_weights)
                made["train_op"] = tf.group(trained, *clone.updates)
            else:
                outputs.check_names(metric_names, [metric.name for metric in clone.metrics])
                made["eval_metric_ops"] = {
                    (metric_names or {}).get(metric.name, metric.name): _pair(metric)
                    for metric in clone.metrics
                }
            if saves_objects:
                made["scaffold"] = keras_2_objects.scaffold(
                    clone, optimizer if mode == ModeKeys.TRAIN else None
                )
            return EstimatorSpec(mode, loss=_reported(clone.total_loss, mode), **made)

    return model_fn


def is_graph_network(model: Any) -> bool:
    """Whether the model is Sequential or made of inputs and outputs, and not a program's own class."""
    tf_keras: Any = importlib.import_module("tf_keras")

    return isinstance(model, tf_keras.Sequential) or bool(model._is_graph_network)  # noqa: SLF001 - no public name


def weights_of(
    model: Any, *, custom_objects: Mapping[str, Any] | None, saves_objects: bool
) -> first_weights.Weights | None:
    """The model's weights, saved as a training saves them before its first step, with what its optimizer keeps.

    So Keras reads that checkpoint where it reads those of a training, and so do programs that look into it.

    Args:
        model: the model.
        custom_objects: as in `model_fn_of`.
        saves_objects: as in `model_fn_of`.

    Returns:
        None for a model that is not built, and for one of a program's own class: what variables that has, and in which
        order, is known when it is called.
    """
    if not model.built or not model.weights:
        return None
    if not is_graph_network(model):
        tf.compat.v1.logging.warning(
            "The Keras model is one of a subclass that was built before. As with tf.estimator, its weights are not taken "
            "over: the Estimator begins with newly initialized ones."
        )
        return None
    # Of a model that has been cloned into a graph Keras does not tell these any more.
    values, compiled, new_optimizer = (
        model.get_weights(),
        _compiled(model),
        keras_2_optimizers.recipe(model.optimizer),
    )
    with tf.Graph().as_default(), _clone(model, None, ModeKeys.PREDICT, custom_objects) as clone:
        names = [variable.op.name for variable in clone.weights]

    def save(prefix: str, session_config: Any) -> None:
        v1: Any = tf.compat.v1
        with tf.Graph().as_default(), _clone(model, None, ModeKeys.TRAIN, custom_objects) as clone:
            v1.train.create_global_step()
            optimizer = new_optimizer()
            _compile(clone, optimizer, compiled, None, None)
            keras_2_optimizers.train_op(optimizer, clone.total_loss, clone.trainable_weights)
            with v1.Session(config=session_config) as session:
                session.run(v1.global_variables_initializer())
                clone.set_weights(values)
                if saves_objects:
                    keras_2_objects.save(clone, optimizer, prefix)
                else:
                    first_weights.save_variables(session, prefix)

    return first_weights.Weights(names, save)


def _compiled(model: Any) -> dict[str, Any]:
    """What the model was compiled with, but for the optimizer."""
    # What Keras clones models with; the public config knows no function that is not registered.
    compiled = dict(model._get_compile_args())  # noqa: SLF001
    compiled.pop("optimizer", None)
    return compiled


def _pair(metric: Any) -> Any:
    """(value, update) of a metric.

    One that counts by sample weights is compiled without them first: its last update alone has them.
    """
    if len(metric.updates) < 2:
        return metric
    keys = tf.compat.v1.GraphKeys
    for key in (keys.LOCAL_VARIABLES, keys.METRIC_VARIABLES):
        known = {id(variable) for variable in tf.compat.v1.get_collection(key)}
        for variable in metric.variables:
            if id(variable) not in known:
                tf.compat.v1.add_to_collection(key, variable)
    return metric.result(), metric.updates[-1]


def _reported(loss: Any, mode: str) -> Any:
    """The loss of a replica, of which an evaluation takes the mean and a training the sum: Keras has divided it."""
    if mode == ModeKeys.EVAL and tf.distribute.has_strategy():
        return loss * tf.distribute.get_strategy().num_replicas_in_sync
    return loss


@contextlib.contextmanager
def _clone(model: Any, features: Any, mode: str, custom_objects: Mapping[str, Any] | None) -> Iterator[Any]:
    """A model like this one in the default graph, with variables of its own.

    Args:
        model: the model.
        features: what it is called with; None for placeholders.
        mode: a `ModeKeys` value, by which layers know whether they are trained.
        custom_objects: as in `model_fn_of`.

    Raises:
        MissingNameError: (a KeyError) an input is not among the features.
    """
    tf_keras: Any = importlib.import_module("tf_keras")

    # What Keras 2 has for tf.estimator; it is no longer developed.
    internal = tf_keras.__internal__.models
    names = model.input_names if is_graph_network(model) and getattr(model, "inputs", None) else None
    inputs = batches.ordered(features, names, "input")
    with warnings.catch_warnings():
        # An argument of each layer's call takes its place, and nobody here makes these calls.
        warnings.filterwarnings("ignore", message=".*set_learning_phase. is deprecated")
        tf_keras.backend.set_learning_phase(int(mode == ModeKeys.TRAIN))
    with tf_keras.utils.custom_object_scope(dict(custom_objects or {})):
        clone = internal.clone_and_build_model(
            model,
            input_tensors=inputs,
            custom_objects=custom_objects,
            compile_clone=False,
            in_place_reset=True,
        )
        try:
            yield clone
        finally:
            if clone is model:
                internal.in_place_subclassed_model_state_restoration(model)


def _compile(clone: Any, optimizer: Any, compiled: Mapping[str, Any], labels: Any, weights: Any) -> None:
    """Gives the clone its targets, loss and metrics; optimizer and metrics are new ones."""
    tf_keras: Any = importlib.import_module("tf_keras")

    def fresh(metric: Any) -> Any:
        if isinstance(metric, tf_keras.metrics.Metric):
            return type(metric).from_config(metric.get_config())
        return metric

    names = clone.output_names
    arguments = {name: value for name, value in compiled.items() if value is not None}
    for kind in ("metrics", "weighted_metrics"):
        arguments[kind] = tf.nest.map_structure(fresh, compiled.get(kind))
    if isinstance(optimizer, tf.compat.v1.train.Optimizer):
        # Keras would make a step of its own for it.
        optimizer = tf_keras.optimizers.legacy.SGD()
    optimizer.iterations = tf.compat.v1.train.get_global_step()
    if labels is not None:
        targets = batches.ordered(labels, names, "output")
        arguments["target_tensors"] = targets if isinstance(targets, list) else [targets]
    clone.compile(optimizer, **arguments)
    if weights is not None:
        weights = batches.ordered(weights, names, "output")
        weights = weights if isinstance(weights, list) else [weights] * len(names)
        # Keras has it for Estimators, whose weights are tensors of the graph.
        clone._compile_weights_loss_and_weighted_metrics(weights)  # noqa: SLF001
