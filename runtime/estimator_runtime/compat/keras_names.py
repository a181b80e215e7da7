"""Names that tf.keras of TensorFlow 2.15 had and that of Keras 3 has not, as far as they have a clear meaning there.

Most are Keras 3's own by other names or in other modules; the rest is in `estimator_runtime.keras.former`. What Keras 3 has by
the same name stays as it is. `docs/decisions/legacy-keras.md` says which names are left out, and why.

`tensorflow.keras`, `tensorflow.compat.v1.keras` and what is below them can be imported, as it could, and are the modules that
`tf.keras` has: Python would read Keras's files again for a second module, and put that in the place of the first.
"""

import functools
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_KERAS = "keras._tf_keras.keras"
_IMPORTED = ("tensorflow.keras", "tensorflow.compat.v1.keras", "tensorflow.compat.v2.keras")
_FORMER = "estimator_runtime.keras.former"


def _of(home: str, *names: str, **renamed: str) -> dict[str, tuple[str, str]]:
    """{name: (module, name there)}."""
    return {**{name: (home, name) for name in names}, **{name: (home, own) for name, own in renamed.items()}}


_LOSSES = _of(
    f"{_FORMER}.losses",
    "cosine_proximity",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    cosine="cosine_proximity",
)
_SCHEDULES = _of("tf.keras.optimizers.schedules", "CosineDecay", "CosineDecayRestarts")

NAMES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "callbacks.experimental": _of("tf.keras.callbacks", "BackupAndRestore"),
    "experimental": _SCHEDULES | _of(f"{_FORMER}.sequence_features", "SequenceFeatures"),
    # Those that were of tf.compat.v1 alone are in tf.keras as well: in Keras 3 the two are one.
    "initializers": _of("tf.keras.initializers", normal="RandomNormal", uniform="RandomUniform"),
    "layers": _of(f"{_FORMER}.dense_features", "DenseFeatures")
    | _of(f"{_FORMER}.rnn_cells", "AbstractRNNCell"),
    "layers.experimental": _of("tf.keras.layers", "EinsumDense"),
    "layers.experimental.preprocessing": _of(
        "tf.keras.layers",
        "CategoryEncoding",
        "CenterCrop",
        "Discretization",
        "HashedCrossing",
        "Hashing",
        "IntegerLookup",
        "Normalization",
        "RandomContrast",
        "RandomCrop",
        "RandomFlip",
        "RandomHeight",
        "RandomRotation",
        "RandomTranslation",
        "RandomWidth",
        "RandomZoom",
        "Rescaling",
        "Resizing",
        "StringLookup",
        "TextVectorization",
    ),
    "losses": _LOSSES,
    "metrics": _LOSSES | _of(f"{_FORMER}.metrics", "MeanRelativeError"),
    "optimizers.experimental": _of(
        "tf.keras.optimizers",
        "Adadelta",
        "Adafactor",
        "Adagrad",
        "Adam",
        "AdamW",
        "Adamax",
        "Ftrl",
        "Nadam",
        "Optimizer",
        "RMSprop",
        "SGD",
    ),
    "saving": _of(
        "tf.keras.saving",
        "custom_object_scope",
        "deserialize_keras_object",
        "get_custom_objects",
        "get_registered_name",
        "get_registered_object",
        "load_model",
        "register_keras_serializable",
        "save_model",
        "serialize_keras_object",
    ),
}
"""Path of a module below tf.keras -> name -> where it is."""


def give(tf: Any) -> None:
    """Gives tf.keras the names where it lacks them, and has its modules imported as one; with Keras 2 all of this is there.

    Args:
        tf: the module tensorflow.
    """
    if not getattr(tf.keras, "__version__", "2").startswith("3."):
        return
    # A module that was imported before is another one than the attribute of `tf.compat.v1`.
    roots = [tf.keras, tf.compat.v2.keras, tf.compat.v1.keras]
    roots += [importlib.import_module(f"tensorflow.compat.{version}").keras for version in ("v1", "v2")]
    roots += [sys.modules[name] for name in _IMPORTED if name in sys.modules]
    made: dict[str, ModuleType] = {}
    for path, names in NAMES.items():
        holders = [_below(root, path, made) for root in roots]
        for name, (home, own) in names.items():
            value = getattr(_home(tf, home), own)
            for holder in holders:
                if not hasattr(holder, name):
                    setattr(holder, name, value)
    for name in _IMPORTED:
        root = sys.modules.setdefault(name, tf.keras)
        for path, module in _modules(root):
            sys.modules.setdefault(f"{name}.{path}", module)


def _home(tf: Any, home: str) -> Any:
    """A module: the attribute of TensorFlow's, which an import may not find, or what is imported."""
    first, _, rest = home.partition(".")
    return functools.reduce(getattr, rest.split("."), tf) if first == "tf" else importlib.import_module(home)


def _below(root: Any, path: str, made: dict[str, ModuleType]) -> Any:
    """The module of a path below tf.keras, which is made where there is none."""
    found, walked = root, ""
    for name in path.split("."):
        walked = f"{walked}.{name}".removeprefix(".")
        if not hasattr(found, name):
            if walked not in made:
                made[walked] = _imported_or_new(walked)
            setattr(found, name, made[walked])
        found = getattr(found, name)
    return found


def _imported_or_new(path: str) -> ModuleType:
    # Keras has modules that it does not import. To look for one further down would make another module of its parent.
    if "." not in path and importlib.util.find_spec(f"{_KERAS}.{path}") is not None:
        return importlib.import_module(f"{_KERAS}.{path}")
    name = f"tensorflow.keras.{path}"
    module = ModuleType(name, "Names of Keras 2 for Keras 3; see estimator_runtime.compat.")
    module.__path__ = []
    module.__spec__ = ModuleSpec(name, loader=None, is_package=True)
    return module


def _modules(root: ModuleType, prefix: str = "") -> Iterator[tuple[str, ModuleType]]:
    """(Path, module) for all public modules below one of Keras's."""
    for name, value in vars(root).items():
        if isinstance(value, ModuleType) and not name.startswith("_"):
            yield f"{prefix}{name}", value
            yield from _modules(value, f"{prefix}{name}.")
