"""Names of tensorflow_estimator's own API, as copies of its files declare them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

_Exported = TypeVar("_Exported")


def estimator_export(*names: str, v1: Sequence[str] | None = None) -> Callable[[_Exported], _Exported]:
    """Decorates a function or class with the names that it had in `tf`: it stays as it is, and has no other name here.

    Args:
        *names: its names in the API of TensorFlow 2.
        v1: those in the API of TensorFlow 1.
    """
    del names, v1

    def unchanged(exported: _Exported) -> _Exported:
        return exported

    return unchanged
