"""Checkpoints of tf.estimator 2.x, whose optimizers were those of Keras 2: a training goes on from them.

It trained its canned Estimators, and models with `tf.keras.optimizers`, by optimizers of Keras 2. Their
checkpoints call the accumulator of a variable `training/Adagrad/w/accumulator`, where an optimizer of `tf.compat.v1.train`
looks for `w/Adagrad`: a training would not go on from them. The values mean the same, so they are restored under the names
that are there. The next checkpoint has the names of `tf.compat.v1.train`.

They have no states of seeds (`seed_states`), which begin with their first values then.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.checkpoints.faults import UNREADABLE
from estimator_runtime.keras import seed_states

v1 = tf.compat.v1

_STAND_INS = "estimator_runtime_stand_ins_of_keras_optimizers"
# Name of a slot in tf.compat.v1.train -> its name in Keras 2.
_NAMES: Mapping[type, Mapping[str, str]] = {
    v1.train.AdadeltaOptimizer: {"accum": "accum_grad", "accum_update": "accum_var"},
    v1.train.AdagradOptimizer: {"accumulator": "accumulator"},
    v1.train.AdamOptimizer: {"m": "m", "v": "v"},
    v1.train.FtrlOptimizer: {"accum": "accumulator", "linear": "linear"},
    v1.train.MomentumOptimizer: {"momentum": "momentum"},
    v1.train.RMSPropOptimizer: {"rms": "rms", "momentum": "momentum", "mg": "mg"},
}


def taking_over(optimizer: Any) -> Any:
    """The optimizer of `tf.compat.v1.train`, which stands for one of Keras; its graph remembers it once it has made a step."""
    apply = optimizer.apply_gradients

    def apply_gradients(*args: Any, **kwargs: Any) -> Any:
        applied = apply(*args, **kwargs)
        graph = applied.graph if isinstance(applied, tf.Operation | tf.Tensor) else v1.get_default_graph()
        known = getattr(graph, _STAND_INS, ())
        if not any(one is optimizer for one in known):
            setattr(graph, _STAND_INS, [*known, optimizer])
        return applied

    optimizer.apply_gradients = apply_gradients
    return optimizer


def taken_by(saver: Any, path: str | None) -> None:
    """Makes a saver of all variables restore checkpoints of Keras 2 as well.

    Args:
        saver: of `tf.compat.v1.train`, not built yet.
        path: path prefix of the checkpoint that is going to be restored first; None for none. Where the saver can restore
            that, it stays as it is.
    """
    optimizers, seeds = getattr(v1.get_default_graph(), _STAND_INS, ()), seed_states.global_ones()
    if path is None or not (optimizers or seeds):
        return
    try:
        reader = v1.train.NewCheckpointReader(path)
    except UNREADABLE:
        return  # restoring it says so
    saved = reader.get_variable_to_shape_map()
    slots = [slot for optimizer in optimizers for slot in _slots(optimizer)]
    keys = [slot.key(saved) for slot in slots]
    if not any(keys) or any(slot.variable.op.name in saved for slot in slots):
        slots, keys = [], []
    seeds = [seed for seed in seeds if seed.op.name not in saved]
    if not (slots or seeds):
        return
    own = {slot.variable.op.name for slot in slots} | {seed.op.name for seed in seeds}
    build, restore = saver.build, saver.restore
    former: list[_FormerCheckpoint] = []

    def built() -> None:
        if former:
            return  # a graph is made ready for each of its sessions
        former.append(_FormerCheckpoint(reader, slots, keys, seeds))
        build()

    def restored(session: Any, path: str) -> None:
        if own.isdisjoint(v1.train.NewCheckpointReader(path).get_variable_to_shape_map()):
            former[0].restore(session, path)
        else:
            restore(session, path)

    saver.build, saver.restore = built, restored


class _FormerCheckpoint:
    """Restores checkpoints of Keras 2.

    Args:
        reader: of such a checkpoint.
        slots: those of the graph, where the checkpoint has them under other names.
        keys: for each, its name in the checkpoint; None where Keras 2 had none, and it begins with its first value.
        seeds: the variables that the checkpoint does not have, and that begin with their first values.
    """

    def __init__(
        self, reader: Any, slots: Sequence["_Slot"], keys: Sequence[str | None], seeds: Sequence[Any]
    ) -> None:
        pairs = list(zip(slots, keys, strict=True))
        own = {slot.variable.op.name for slot in slots}
        optimizers = {id(slot.optimizer): slot.optimizer for slot in slots}.values()
        # What an optimizer has beside slots: powers, which Keras 2 computed of its count.
        powers = [one for each in optimizers for one in each.variables() if one.op.name not in own]
        own.update(one.op.name for one in (*powers, *seeds))
        rest = [
            one
            for one in (*v1.global_variables(), *v1.get_collection(v1.GraphKeys.SAVEABLE_OBJECTS))
            if one.op.name not in own
        ]
        kept = [(copy, key) for slot, key in pairs if key for copy in enumerate(_copies(slot.variable))]
        self._has_slots = bool(slots)
        with tf.name_scope("checkpoint_of_keras_2"):
            self._savers = [v1.train.Saver(rest)]
            for number in {number for (number, _), _ in kept}:
                copies = {key: copy for (place, copy), key in kept if place == number}
                self._savers.append(v1.train.Saver(copies))
            self._fresh = v1.variables_initializer(
                [*seeds, *(slot.variable for slot, key in pairs if not key)]
            )
            self._changed = [change for slot, key in pairs if key for change in slot.changes()]
            steps = _steps(reader)
            for power in (copy for one in powers for copy in _copies(one)):
                self._changed.append(v1.assign(power, power.initial_value ** (steps + 1.0)).op)

    def restore(self, session: Any, path: str) -> None:
        """Restores the checkpoint at a path prefix."""
        for saver in self._savers:
            saver.restore(session, path)
        session.run(self._fresh)
        session.run(self._changed)
        v1.logging.info(
            "%s is a checkpoint of Keras 2: %s.",
            path,
            "training goes on with the slots of its optimizers" if self._has_slots else "seeds begin anew",
        )


def _steps(reader: Any) -> float:
    """How many steps an optimizer of Keras 2 has counted, in the global step or in a variable of its own."""
    counts = [key for key in reader.get_variable_to_shape_map() if key.endswith("/iter")] or [
        v1.GraphKeys.GLOBAL_STEP
    ]
    return float(max((reader.get_tensor(key) for key in counts if reader.has_tensor(key)), default=0))


class _Slot:
    """One slot of one variable.

    Attributes:
        optimizer: whose slot it is.
        trained: the variable that is trained.
        variable: the slot.
        name: of the slot in Keras 2.
    """

    def __init__(self, optimizer: Any, trained: Any, variable: Any, name: str) -> None:
        self.optimizer = optimizer
        self.trained = trained
        self.variable = variable
        self.name = name

    def key(self, saved: Mapping[str, Any]) -> str | None:
        """The slot's name in a checkpoint, whose names have shapes; None where it has none, or not of this shape.

        Before it stands the optimizer's scope, which holds its rate or its decay as well.
        """
        ending = f"/{self.trained.op.name}/{self.name}"
        scopes = [key.removesuffix(ending) for key in saved if key.endswith(ending)]
        keys = [
            f"{scope}{ending}"
            for scope in scopes
            if f"{scope}/decay" in saved or f"{scope}/learning_rate" in saved
        ]
        if len(keys) != 1 or not self.variable.shape.is_compatible_with(saved[keys[0]]):
            return None
        return keys[0]

    def changes(self) -> Iterator[Any]:
        """Operations that make its value of one of Keras 2: none, but for momentum.

        That is the step itself there, and here what is to be multiplied by the rate.
        """
        if isinstance(self.optimizer, v1.train.MomentumOptimizer):
            for copy in _copies(self.variable):
                rate = tf.cast(self.optimizer._learning_rate_tensor, copy.dtype.base_dtype)  # noqa: SLF001 - it has no public name
                yield v1.assign(copy, -tf.math.divide_no_nan(v1.convert_to_tensor(copy), rate)).op


def _copies(variable: Any) -> tuple[Any, ...]:
    """A variable, or the copies that a strategy has of it."""
    return tuple(getattr(variable, "values", (variable,)))


def _slots(optimizer: Any) -> Iterator[_Slot]:
    names = next((names for kind, names in _NAMES.items() if isinstance(optimizer, kind)), {})
    for trained in v1.trainable_variables():
        for own, former in names.items():
            variable = optimizer.get_slot(trained, own)
            if variable is not None:
                yield _Slot(optimizer, trained, variable, former)
