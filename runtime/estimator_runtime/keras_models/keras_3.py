"""Models of Keras 3 in an Estimator's graph: the model itself, on variables of the graph in place of its own.

In a `keras.StatelessScope` a model reads what stands for its variables, and what it would assign (moving averages, seeds
of masks, metrics) comes out as tensors. So nothing is cloned: layers of a program's own need no config, models of its own
classes work, and the model keeps the weights that it had.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime import arguments
from estimator_runtime.keras_models import (
    batches,
    first_weights,
    input_names,
    keras_3_building,
    keras_3_metrics,
    keras_3_steps,
    outputs,
    stand_ins,
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
        model: the model; it is built by the first batch if it is not, and its weights stay as they are.
        custom_objects: unused, for nothing is made from a config.
        metric_names: dict from the name of a metric in Keras to its name in an evaluation.
        export_outputs: dict from the name of an output to a class of `ExportOutput`.
        saves_objects: unused: what is saved stands for the model's variables, and is in none of its objects.

    Raises:
        ValueError: the model has a layer that cannot be run in a graph.
    """
    del custom_objects, saves_objects
    keras_3_building.check(model)
    # What is made later is in no checkpoint of first weights: all of a model that is not built, and layers in one of a program's
    # own class of which Keras says after `model.build(shape)` that it is.
    made_before = _names_of(model)
    first: dict[str, Any] = {}
    begun = keras_3_metrics.first_values(model)

    def model_fn(features: Any, labels: Any, mode: str) -> EstimatorSpec:
        features, weights = batches.without_weights(features)
        inputs = _inputs(model, features)
        needs_loss = mode != ModeKeys.PREDICT
        if needs_loss:
            batches.check_labels(labels, model.loss)
            labels, weights = _targets(model, labels, weights)
        with begun.noted(model):
            keras_3_building.prepared(model, inputs, labels, weights, is_compiled=needs_loss)
        if not _names_of(model) <= made_before.union(first):
            late = {name: value for name, value in values_of(model).items() if name not in made_before}
            first.update({**late, **first})
        variables = model.variables
        own = stand_ins.of_model(variables, model.trainable_variables, first)
        metrics = keras_3_metrics.Metrics(model, begun) if mode == ModeKeys.EVAL else None
        # The loss and some layers count in metrics, whether they are asked for or not.
        counted = model.metrics_variables
        if metrics is None:
            values = stand_ins.Values(variables, own, zero=counted)
        else:
            values = stand_ins.Values([*variables, *counted], [*own, *metrics.own])
        loss = None
        with values:
            predicted = model(inputs, training=mode == ModeKeys.TRAIN)
            if needs_loss:
                loss = _loss(model, (inputs, labels, predicted, weights), mode)
            if metrics is not None:
                model.compute_metrics(inputs, labels, predicted, sample_weight=weights)
        predictions = outputs.by_name(predicted, _output_names(model))
        made: dict[str, Any] = {
            "predictions": predictions,
            "export_outputs": outputs.exports(predictions, export_outputs),
        }
        if metrics is not None:
            made["eval_metric_ops"] = metrics.pairs(values, metric_names)
        if mode == ModeKeys.TRAIN:
            trained = keras_3_steps.train_op(model.optimizer, loss, *_trainable(model, variables, own))
            made["train_op"] = tf.group(trained, *_state_updates(values.changes(variables, own), loss))
        return EstimatorSpec(mode, loss=loss, **made)

    return model_fn


def weights_of(
    model: Any, *, custom_objects: Mapping[str, Any] | None, saves_objects: bool
) -> first_weights.Weights | None:
    """The values of the model's variables, by the names of those that stand for them; None when it is not built."""
    del custom_objects, saves_objects
    return first_weights.of_values(values_of(model)) if model.built else None


def _names_of(model: Any) -> frozenset[str]:
    """The names of the variables that a model has, if it is built."""
    return frozenset(stand_ins.names_of(model.variables) if model.built else ())


def values_of(model: Any) -> dict[str, Any]:
    """The values of the model's variables, numpy arrays, by the names of those that stand for them."""
    variables = model.variables
    values = keras_3_building.eagerly(lambda: [variable.numpy() for variable in variables])
    return dict(zip(stand_ins.names_of(variables), values, strict=True))


def _loss(model: Any, batch: tuple[Any, Any, Any, Any], mode: str) -> Any:
    """The loss of a batch (inputs, labels, outputs, weights), as it is on one device."""
    told = {"training": mode == ModeKeys.TRAIN}
    if "training" not in arguments.declared(model.compute_loss):
        # A program's own, of the time before Keras 3.3.
        told = {}
    loss = model.compute_loss(*batch, **told)
    if not tf.distribute.has_strategy():
        return loss
    # Keras divides it by the number of replicas, and so does the optimizer.
    return loss * tf.distribute.get_strategy().num_replicas_in_sync


def _inputs(model: Any, features: Any) -> Any:
    """The features as the model takes them: by name, or in order."""
    structure = _structure(model)
    is_unknown = not getattr(model, "inputs", None)
    if is_unknown or not isinstance(features, Mapping):
        return features
    if isinstance(structure, Mapping) and all(name in features for name in structure):
        return features
    inputs = batches.ordered(features, input_names.found_by(model, features), "input")
    if isinstance(structure, Mapping):
        # Keras 2 took such a model's inputs by their own names, which the dict it is made of need not have.
        keras: Any = importlib.import_module("keras")
        return keras.tree.pack_sequence_as(structure, inputs)
    return inputs[0] if len(inputs) == 1 else inputs


def _structure(model: Any) -> Any:
    return getattr(model, "input", None)


def _targets(model: Any, labels: Any, weights: Any) -> tuple[Any, Any]:
    """Labels and sample weights in the order of the outputs, where they are given by the outputs' names.

    Keras takes labels so, if no two outputs are of one layer, and weights in the structure of the outputs alone.
    """
    structure, names = getattr(model, "output", None), _output_names(model)
    if not names or isinstance(structure, Mapping):
        return labels, weights
    keras: Any = importlib.import_module("keras")

    def in_order(given: Any) -> Any:
        return keras.tree.pack_sequence_as(structure, batches.ordered(given, names, "output"))

    # What labels may lack, as those of an output without a loss, Keras knows.
    if isinstance(labels, Mapping) and all(name in labels for name in names):
        labels = in_order(labels)
    if isinstance(weights, Mapping):
        weights = in_order(weights)
    return labels, weights


def _output_names(model: Any) -> list[str] | None:
    """The names of the outputs: those of their layers, with a number for the next output of one, as Keras 2 had them."""
    names = getattr(model, "output_names", None)
    if not names:
        layers = getattr(model, "layers", None)
        return [layers[-1].name] if layers and type(model).__name__ == "Sequential" else names
    unique: dict[str, None] = {}
    for layer in names:
        name, number = layer, 0
        while name in unique:
            number += 1
            name = f"{layer}_{number}"
        unique[name] = None
    return list(unique)


def _trainable(model: Any, variables: Any, own: Any) -> tuple[list[Any], list[Any]]:
    """(what stands for them, the variables themselves) of those that are trained."""
    ids = {id(variable) for variable in model.trainable_variables}
    pairs = [pair for pair in zip(own, variables, strict=True) if id(pair[1]) in ids]
    return [stand_in for stand_in, _ in pairs], [variable for _, variable in pairs]


def _state_updates(new: list[tuple[Any, Any]], loss: Any) -> list[Any]:
    """Assignments of the pairs (variable, value), after the loss."""
    with tf.control_dependencies([loss, *(value for _, value in new)]):
        return [variable.assign(value) for variable, value in new]
