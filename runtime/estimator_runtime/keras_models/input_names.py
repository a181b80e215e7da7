"""By which names a batch has a Keras 3 model's inputs.

Keras 2 called the input of a Sequential model after its first layer (`dense_input`), and others that have no name of their
own `input_1`, `input_2`; input functions of tf.estimator's programs return dicts by these names. Keras 3 calls all of them
`keras_tensor`, with a number that counts every tensor before it.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

_MADE_UP = re.compile(r"(keras_tensor|input_layer)(_\d+)?")
_NUMBERED = re.compile(r"input_(\d+)")


def found_by(model: Any, features: Iterable[str]) -> list[str]:
    """The names of a model's inputs, in its order, as a batch has them.

    Args:
        model: a Keras 3 model that knows its inputs.
        features: the names that the batch has.

    Returns:
        For each input its name, if the batch has that or the program has chosen it; else the name of Keras 2.
    """
    given = set(features)
    names = [tensor.name for tensor in model.inputs]
    unnamed = [name for name in names if name not in given and _MADE_UP.fullmatch(name)]
    former = dict(zip(unnamed, _former(model, given - set(names), len(unnamed)), strict=True))
    return [former.get(name, name) for name in names]


def _former(model: Any, given: set[str], count: int) -> Sequence[str]:
    """What Keras 2 may have called so many inputs without a name; those that the batch has, where it has as many."""
    # Keras 2 numbered the inputs of all models in a row.
    numbers = sorted(int(match[1]) for name in given if (match := _NUMBERED.fullmatch(name)))
    after_layer = f"{model.layers[0].name}_input" if type(model).__name__ == "Sequential" else None
    if count == 1 and after_layer is not None and (after_layer in given or len(numbers) != 1):
        return [after_layer]
    return [f"input_{number}" for number in (numbers if len(numbers) == count else range(1, count + 1))]
