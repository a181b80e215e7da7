"""The import hooks of compat: the modules it stands for, and the moment TensorFlow appears."""

import importlib.abc
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from estimator_runtime.compat.modules import FaceModule

_TENSORFLOW = "tensorflow"


class EstimatorModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules that stand for tf.estimator's.

    First on `sys.meta_path` it comes before any tensorflow_estimator that may be installed; last, it has what no other finder
    knows, and hides no module that TensorFlow itself has.

    Args:
        modules: dict from full module name to the module.
        package: the package of which these are all the modules.
        replaced: dict from a module's path below tf.estimator's directory to what takes its place.
    """

    def __init__(
        self, modules: Mapping[str, ModuleType], package: str, replaced: Mapping[str, str] | None = None
    ) -> None:
        self._modules = modules
        self._package = package
        self._replaced = replaced or {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module that this finder has; None for what is none of its business.

        Raises:
            ModuleNotFoundError: a module of the package that nothing here stands for.
            ImportError: a name that one of the modules has not.
        """
        del path, target
        is_inside = fullname.startswith(f"{self._package}.")
        if is_inside and sys.modules.get(self._package) is not self._modules.get(self._package):
            return None  # a package of that name is installed
        if fullname in self._modules:
            return ModuleSpec(fullname, self, is_package=True)
        parent, _, name = fullname.rpartition(".")
        holder = self._modules.get(parent)
        if isinstance(holder, FaceModule) and name.isidentifier() and not name.startswith("__"):
            # `from holder import name` comes here when there is no such name, and of a ModuleNotFoundError it would keep no
            # more than that.
            raise ImportError(f"cannot import name {name!r}: {holder.missing(name)}", name=parent)
        if is_inside:
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: {self._reason(fullname)}", name=fullname
            )
        return None

    def _reason(self, fullname: str) -> str:
        path = fullname.partition("estimator.")[2].removeprefix("python.estimator.")
        for replaced, instead in self._replaced.items():
            if f"{path}.".startswith(f"{replaced}."):
                return f"{instead}."
        return (
            f"{self._package} is estimator_runtime here, which has tf.estimator's public names and those of its internal "
            "modules that libraries import. Import the name from tf.estimator or tf.compat.v1.estimator; "
            "docs/public-names.md lists them."
        )

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module that was made when compat was installed."""
        return self._modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: the module is complete."""


class WhenTensorFlowComes(importlib.abc.MetaPathFinder):
    """Calls a function once, when TensorFlow has been imported.

    Args:
        then: function without arguments.
    """

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then
        self._searching = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """TensorFlow's own spec, whose loader also calls the function; None for every other module."""
        if fullname != _TENSORFLOW or self._searching:
            return None
        self._searching = True
        try:
            for finder in sys.meta_path:
                find: Any = getattr(finder, "find_spec", None)
                spec: ModuleSpec | None = (
                    None if finder is self or find is None else find(fullname, path, target)
                )
                if spec is not None and spec.loader is not None:
                    spec.loader = _LoaderAndThen(spec.loader, self._loaded)
                    return spec
        finally:
            self._searching = False
        return None

    def _loaded(self) -> None:
        sys.meta_path.remove(self)
        self._then()


class _LoaderAndThen(importlib.abc.Loader):
    """TensorFlow's loader, which puts itself back as the module's loader before the module runs."""

    def __init__(self, loader: Any, then: Callable[[], None]) -> None:
        self._loader = loader
        self._then = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the loader does."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Runs TensorFlow's package, then calls the function."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._then()
