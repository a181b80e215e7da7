"""Modules whose attributes are the names of a Face, imported when they are first asked for."""

from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType
from typing import Any

from estimator_runtime.faces import V1, Face


class FaceModule(ModuleType):
    """A module with what a Face lists, and a plain word about what it does not.

    Args:
        name: name of the module.
        face: what it offers.
        prefix: path below tf.estimator, for messages: "" or "experimental.".
        replaced: dict from the path of a name that is missing to the reason, or to what takes its place.
    """

    def __init__(
        self, name: str, face: Face, prefix: str = "", replaced: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(name, "A face of estimator_runtime's Estimator; see estimator_runtime.compat.")
        self.__path__: list[str] = []
        self.__spec__ = ModuleSpec(name, loader=None, is_package=True)
        self.__package__ = name
        self.__all__ = [shown for shown in face.names() if not shown.startswith("_")]
        self._face = face
        self._prefix = prefix
        self._replaced = replaced
        for child, below in face.submodules.items():
            setattr(self, child, FaceModule(f"{name}.{child}", below, f"{prefix}{child}.", replaced))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name not in self._face.homes:
            raise AttributeError(self.missing(name))
        value = self._face.resolve(name)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._face.homes})

    def submodules(self) -> dict[str, "FaceModule"]:
        """The modules below, and those below them, by their paths from here."""
        found: dict[str, FaceModule] = {}
        for name in self._face.submodules:
            below: FaceModule = vars(self)[name]
            found |= {name: below, **{f"{name}.{path}": each for path, each in below.submodules().items()}}
        return found

    def missing(self, name: str) -> str:
        """What is said of a name that is not there: the reason, or what takes its place."""
        path = f"{self._prefix}{name}"
        said = f"{self.__name__}.{name} is not among what estimator_runtime offers"
        reason = self._replaced.get(path)
        if reason is not None:
            return f"{said}: {reason}. See docs/public-names.md."
        if not self._prefix and name in V1.names():
            return f"{said}: it is tf.compat.v1.estimator.{name}, as in tf.estimator 2.15."
        return f"{said}, which is: {', '.join(self._face.names())}."
