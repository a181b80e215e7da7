"""Several heads on one model: a weighted sum of their losses, and everything else side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned.heads import head, streaming_metrics, summaries, targets
from estimator_runtime.canned.heads.keys import MetricKeys
from estimator_runtime.model.export_outputs import DEFAULT_KEY, ExportOutput, PredictOutput
from estimator_runtime.model.model_fn import ModeKeys


class MultiHead(head.Head):
    """A head made of heads.

    Logits are a Tensor whose last dimension is all heads' together, in their order, or a dict from a head's name to
    its logits. Labels are a dict from a head's name to its labels.

    Args:
        heads: list of heads with names that differ.
        head_weights: list of numbers, the weights of the heads' losses; 1 for each without.

    Raises:
        ValueError: there are no heads, one has no name or another's, or the weights are not as many.
    """

    def __init__(self, heads: Sequence[head.Head], head_weights: Sequence[float] | None = None) -> None:
        if not heads:
            raise ValueError(f"Must specify heads. Given: {heads}")
        names = [one.name for one in heads]
        if not all(names):
            raise ValueError(f"All given heads must have name specified. Given: {names}")
        if len(set(names)) < len(names):
            raise ValueError(f"All heads must have names of their own. Given: {names}")
        if head_weights and len(head_weights) != len(heads):
            raise ValueError(
                f"heads and head_weights must have the same size. Given len(heads): {len(heads)}. Given "
                f"len(head_weights): {len(head_weights)}."
            )
        self._heads: dict[str, head.Head] = {str(one.name): one for one in heads}
        self._weights = tuple(head_weights or ())

    @property
    def name(self) -> str:
        """The names of all heads."""
        return "_".join(self._heads)

    @property
    def logits_dimension(self) -> int:
        """The sum of all heads' dimensions."""
        return sum(int(one.logits_dimension) for one in self._heads.values())

    @property
    def loss_reduction(self) -> Any:
        """The one that all heads have.

        Raises:
            ValueError: they have several.
        """
        reductions = [one.loss_reduction for one in self._heads.values()]
        if len(set(reductions)) > 1:
            raise ValueError(f"The loss_reduction must be the same for different heads. Given: {reductions}")
        return reductions[0]

    def loss(
        self,
        labels: Any,
        logits: Any,
        features: Any = None,
        mode: str | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> Any:
        """See `Head.loss`; `labels` is a dict from the heads' names."""
        losses = list(self._losses(labels, logits, features, mode).values())
        if self._weights:
            losses = [loss * weight for loss, weight in zip(losses, self._weights, strict=True)]
        return self._regularized(tf.add_n(losses), regularization_losses, mode)

    def predictions(self, logits: Any, keys: Sequence[Any] | None = None) -> dict[Any, Any]:
        """Dict from (name of the head, name of its prediction) to Tensor: all of them, as in tf.estimator."""
        del keys
        made = {}
        for name, own in self._split(logits).items():
            with tf.name_scope(name):
                predictions = self._heads[name].predictions(own)
            made.update({(name, key): value for key, value in predictions.items()})
        return made

    def metrics(self, regularization_losses: Sequence[Any] | None = None) -> dict[str, Any]:
        """See `Head.metrics`: the loss of each head; `update_metrics` adds the heads' own."""
        keys = [one.key(MetricKeys.LOSS) for one in self._heads.values()]
        made = {key: streaming_metrics.mean(key) for key in keys}
        if regularization_losses is not None:
            key = self._regularization_key
            made[key] = streaming_metrics.mean(key)
        return made

    def update_metrics(  # type: ignore[override]  # tf.estimator's order of arguments, which differs from Head's
        self,
        eval_metrics: dict[str, Any],
        features: Any,
        logits: Any,
        labels: Any,
        regularization_losses: Sequence[Any] | None = None,
    ) -> dict[str, Any]:
        """See `Head.update_metrics`."""
        logits = self._split(logits)
        losses = self._losses(labels, logits, features, None)
        for name, one in self._heads.items():
            eval_metrics[one.key(MetricKeys.LOSS)].update_state(losses[name])
            eval_metrics |= one.update_metrics(
                one.metrics(), features=features, logits=logits[name], labels=labels[name]
            )
        self._update_regularization(eval_metrics, regularization_losses)
        return eval_metrics

    def export_outputs(self, predictions: dict[Any, Any]) -> dict[str, ExportOutput]:
        """The signatures of all heads, "name/key"; the first head's default is the default."""
        made: dict[str, ExportOutput] = {}
        for name, one in self._heads.items():
            own = {key: value for (of, key), value in predictions.items() if of == name}
            with head.scope_as_it_is(name):
                outputs = one.export_outputs(own)
            for key, output in outputs.items():
                if key != DEFAULT_KEY:
                    made[f"{name}/{key}"] = output
                    continue
                made.setdefault(DEFAULT_KEY, output)
                made[name] = output
        made["predict"] = PredictOutput(predictions)
        return made

    def key(self, metric: str) -> str:
        """The metric's own name: what all heads have together is named after none."""
        return metric

    @property
    def _regularization_key(self) -> str:
        # As in tf.estimator, whose summary of the same has no name of a head.
        return f"{MetricKeys.LOSS_REGULARIZATION}/{self.name}"

    def _losses(self, labels: Any, logits: Any, features: Any, mode: str | None) -> dict[str, Any]:
        """The loss of each head, summarized when there is training."""
        if not isinstance(labels, Mapping):
            raise ValueError(f"labels must be a dict from the heads' names. Given: {labels}")  # noqa: TRY004 - tf.estimator's type
        missing = [name for name in self._heads if name not in labels]
        if missing:
            raise ValueError(f"labels of the heads {missing} are missing. Given: {sorted(map(str, labels))}")
        losses = {}
        for name, own in self._split(logits).items():
            losses[name] = self._heads[name].loss(labels[name], own, features, mode)
            if mode == ModeKeys.TRAIN:
                summaries.summarize_scalar(self._heads[name].key(MetricKeys.LOSS), losses[name])
        return losses

    def _split(self, logits: Any) -> dict[str, Any]:
        """The logits of each head."""
        if isinstance(logits, Mapping):
            missing = [name for name in self._heads if name not in logits]
            if missing:
                raise ValueError(
                    f"logits of the heads {missing} are missing. Given: {sorted(map(str, logits))}"
                )
            return {name: logits[name] for name in self._heads}
        logits = tf.convert_to_tensor(logits)
        if targets.last_dimension(logits.shape) not in (None, self.logits_dimension):
            raise ValueError(
                f"logits' last dimension must be that of all heads together, {self.logits_dimension}. Given: "
                f"{logits.shape}"
            )
        sizes = [int(one.logits_dimension) for one in self._heads.values()]
        with tf.name_scope("split_logits"):
            # By the names that tf.estimator's have, of slices.
            parts = [tf.identity(part, name="Slice") for part in tf.split(logits, sizes, axis=-1)]
        return dict(zip(self._heads, parts, strict=True))
