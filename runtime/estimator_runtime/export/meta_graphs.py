"""One MetaGraph of an export: the model in one mode, with the signatures and the tags of that mode."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimator_runtime.export.signatures import build_signatures
from estimator_runtime.export.supervised import EvalOutput, TrainOutput
from estimator_runtime.model.bound_model import BoundModel
from estimator_runtime.model.export_outputs import ExportOutput
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

InputReceiverFn = Callable[[], Any]

_TRAIN_OP_COLLECTION = "saved_model_train_op"


def _for_serving(spec: EstimatorSpec) -> Mapping[str, ExportOutput]:
    if not spec.export_outputs:
        raise ValueError("export_outputs must be provided by model_fn: there is nothing to export.")
    return spec.export_outputs


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


def add(
    builder: Any,
    model: BoundModel,
    mode: str,
    input_receiver_fn: InputReceiverFn,
    *,
    checkpoint_path: str | None,
    strip_default_attrs: bool,
) -> list[str]:
    """Builds the model in `mode` and adds it to a SavedModel.

    Args:
        builder: a `tf.compat.v1.saved_model.Builder`.
        model: the model.
        mode: a `ModeKeys` value.
        input_receiver_fn: makes the receiver of requests in the model's graph.
        checkpoint_path: where the export's variables come from; None when an earlier MetaGraph has brought them.
        strip_default_attrs: leave out attributes with default values.

    Returns:
        The names of the signatures.

    Raises:
        ValueError: the model offers nothing to export, or the checkpoint lacks a variable.
    """
    kind = KINDS[mode]
    with tf.Graph().as_default() as graph:
        model.begin_graph(graph)
        receiver = input_receiver_fn()
        spec = model.call_model_fn(receiver.features, getattr(receiver, "labels", None), mode)
        signatures = build_signatures(
            receiver_tensors=receiver.receiver_tensors,
            export_outputs=kind.outputs(spec),
            receiver_tensors_alternatives=getattr(receiver, "receiver_tensors_alternatives", None),
            is_for_serving=mode == ModeKeys.PREDICT,
        )
        if mode == ModeKeys.TRAIN:
            tf.compat.v1.add_to_collection(_TRAIN_OP_COLLECTION, spec.train_op)
        saver = spec.scaffold.saver or tf.compat.v1.train.Saver(sharded=True)
        contents = {
            "tags": [kind.tag],
            "signature_def_map": signatures,
            "assets_collection": tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS),
            "main_op": _local_init_op(spec),
            "saver": saver,
            "strip_default_attrs": strip_default_attrs,
        }
        if checkpoint_path is None:
            builder.add_meta_graph(**contents)
        else:
            with tf.compat.v1.Session(config=model.config.session_config) as session:
                _restore(saver, session, checkpoint_path)
                builder.add_meta_graph_and_variables(session, **contents)
    return sorted(signatures)


def _local_init_op(spec: EstimatorSpec) -> Any:
    local_init = spec.scaffold.local_init_op
    if local_init is None:
        local_init = tf.compat.v1.train.Scaffold.default_local_init_op()
    # A resource variable's assignment is no operation, and the builder takes nothing else.
    return tf.group(local_init)


def _restore(saver: Any, session: Any, checkpoint_path: str) -> None:
    try:
        saver.restore(session, checkpoint_path)
    except tf.errors.NotFoundError as error:
        raise ValueError(
            "Could not load all requested variables from checkpoint. Please make sure your model_fn does "
            f"not expect variables that were not saved in the checkpoint {checkpoint_path}: {error.message}"
        ) from error
