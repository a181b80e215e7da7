"""One MetaGraph of an export: the model in one mode, with the signatures and the tags of that mode."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints
from estimator_runtime.checkpoints import object_based
from estimator_runtime.export.signatures import build_signatures
from estimator_runtime.export.supervised import EvalOutput, TrainOutput
from estimator_runtime.keras import seed_states
from estimator_runtime.model.bound_model import BoundModel
from estimator_runtime.model.export_outputs import ExportOutput
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

InputReceiverFn = Callable[[], Any]

_TRAIN_OP_COLLECTION = "saved_model_train_op"


def _for_serving(spec: EstimatorSpec) -> Mapping[str, ExportOutput]:
    outputs: Mapping[str, ExportOutput] = spec.export_outputs or {}
    return outputs


def _for_training(spec: EstimatorSpec) -> Mapping[str, ExportOutput]:
    return {"train": TrainOutput(spec.loss, spec.predictions, spec.eval_metric_ops)}


def _for_evaluation(spec: EstimatorSpec) -> Mapping[str, ExportOutput]:
    return {"eval": EvalOutput(spec.loss, spec.predictions, spec.eval_metric_ops)}


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a mode is exported: its tag, and what its signatures answer."""

    tag: str
    outputs: Callable[[EstimatorSpec], Mapping[str, ExportOutput]]


# In the order of writing. The first MetaGraph brings the variables: training has all that the others have.
KINDS: Mapping[str, _Kind] = {
    ModeKeys.TRAIN: _Kind(tf.compat.v1.saved_model.tag_constants.TRAINING, _for_training),
    ModeKeys.EVAL: _Kind("eval", _for_evaluation),
    ModeKeys.PREDICT: _Kind(tf.compat.v1.saved_model.tag_constants.SERVING, _for_serving),
}


class _OpenGraph(tf.Graph):  # type: ignore[misc]  # TensorFlow is untyped
    """A graph that takes operations to its end: a Scaffold's `finalize` would close it before the builder adds its own."""

    def finalize(self) -> None:
        """Nothing."""


def add(
    builder: Any,
    model: BoundModel,
    mode: str,
    input_receiver_fn: InputReceiverFn,
    *,
    checkpoint_path: str,
    with_variables: bool,
    with_check: bool,
    may_be_empty: bool,
    tags: Sequence[str] | None,
    strip_default_attrs: bool,
) -> list[str]:
    """Builds the model in `mode` and adds it to a SavedModel.

    Args:
        builder: a `tf.compat.v1.saved_model.Builder`.
        model: the model.
        mode: a `ModeKeys` value.
        input_receiver_fn: makes the receiver of requests in the model's graph.
        checkpoint_path: where the model's variables come from.
        with_variables: write them; otherwise an earlier MetaGraph has brought them.
        with_check: hold the checkpoint against the model also where its variables are not written.
        may_be_empty: whether a model for serving may have no outputs, and its export no signature.
        tags: the MetaGraph's tags; None for that of the mode.
        strip_default_attrs: leave out attributes with default values.

    Returns:
        The names of the signatures.

    Raises:
        ValueError: the model offers nothing to export, or the checkpoint lacks a variable.
    """
    kind = KINDS[mode]
    with _OpenGraph().as_default() as graph:
        model.begin_graph(graph)
        receiver = input_receiver_fn()
        spec = model.call_model_fn_by_name(receiver.features, getattr(receiver, "labels", None), mode)
        seed_states.make_local()  # in a graph that trains, too
        outputs = kind.outputs(spec)
        if not outputs and (spec.export_outputs is None or not may_be_empty):
            raise ValueError("export_outputs must be provided by model_fn: there is nothing to export.")
        signatures = build_signatures(
            receiver_tensors=receiver.receiver_tensors,
            export_outputs=outputs,
            receiver_tensors_alternatives=getattr(receiver, "receiver_tensors_alternatives", None),
            is_for_serving=mode == ModeKeys.PREDICT,
        )
        if spec.train_op is not None:
            tf.compat.v1.add_to_collection(_TRAIN_OP_COLLECTION, spec.train_op)
        checkpoints.check_trained(checkpoint_path, spec.scaffold.saver)
        local_init_op = _local_init_op(spec)
        saver = _saver(spec)
        contents = {
            "tags": [kind.tag] if tags is None else list(tags),
            "signature_def_map": signatures,
            "assets_collection": tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS),
            "main_op": local_init_op,
            "saver": saver,
            "strip_default_attrs": strip_default_attrs,
        }
        with tf.compat.v1.Session(config=model.config.session_config) as session:
            # In each mode, as tf.estimator does: what the checkpoint lacks, no training has made.
            if with_variables or with_check:
                _restore(saver, session, checkpoint_path, mode)
            if with_variables:
                builder.add_meta_graph_and_variables(session, **contents)
            else:
                builder.add_meta_graph(**contents)
    return sorted(signatures)


def _local_init_op(spec: EstimatorSpec) -> Any:
    local_init = spec.scaffold.local_init_op
    if local_init is None:
        local_init = tf.compat.v1.train.Scaffold.default_local_init_op()
    # A resource variable's assignment is no operation, and the builder takes nothing else.
    return tf.group(local_init)


def _saver(spec: EstimatorSpec) -> Any:
    """The model's saver, or one of all variables."""
    saver = spec.scaffold.saver
    if not isinstance(saver, tf.train.Checkpoint | tf.compat.v1.train.Checkpoint):
        return saver or tf.compat.v1.train.Saver(sharded=True)
    # Only a Scaffold makes a graph's saver of a Checkpoint, and it makes all else that it is not given.
    nothing = tf.constant([], tf.string)
    return (
        tf.compat.v1.train.Scaffold(
            init_op=tf.no_op(),
            ready_op=nothing,
            ready_for_local_init_op=nothing,
            local_init_op=tf.no_op(),
            summary_op=nothing,
            saver=saver,
        )
        .finalize()
        .saver
    )


def _restore(saver: Any, session: Any, checkpoint_path: str, mode: str) -> None:
    try:
        saver.restore(session, checkpoint_path)
    except tf.errors.NotFoundError as error:
        missing = _missing(saver, session.graph, checkpoint_path)
        what = f"it has not {', '.join(missing)}" if missing else error.message
        if object_based.is_object_based(checkpoint_path):
            what += f", for {object_based.WHY}."
        raise ValueError(
            "Could not load all requested variables from checkpoint. Please make sure your model_fn does "
            f"not expect variables that were not saved in the checkpoint. The checkpoint is {checkpoint_path}, the mode "
            f"{mode!r}: {what}"
        ) from error


def _missing(saver: Any, graph: Any, checkpoint_path: str) -> list[str]:
    """Names, sorted, that the saver restores and the checkpoint has not."""
    held = tf.compat.v1.train.NewCheckpointReader(checkpoint_path).get_variable_to_shape_map()
    return sorted(_restored(saver, graph) - set(held))


def _restored(saver: Any, graph: Any) -> set[str]:
    """Names that the saver restores; the saver itself tells them to nobody, its operations do."""
    names: set[str] = set()
    seen: set[Any] = set()
    left = [graph.get_operation_by_name(saver.as_saver_def().restore_op_name)]
    while left:
        operation = left.pop()
        if operation in seen:
            continue
        seen.add(operation)
        if operation.type == "RestoreV2":
            names.update(name.decode() for name in tf.get_static_value(operation.inputs[1]))
        left += [*operation.control_inputs, *(tensor.op for tensor in operation.inputs)]
    return names
