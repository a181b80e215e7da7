"""The public names of tf.estimator: the facts about them, and the page that says what became of each.

    <python with tensorflow 2.15 and tensorflow-estimator 2.15> hack/public_names.py facts > tests/runtime/tf_estimator_names.txt
    .venv/bin/python hack/public_names.py page > docs/public-names.md

The facts are names and call signatures, one per line, as the old package shows them to whoever inspects it. The page
is made of the facts and of the tables in `estimator_runtime.faces`; a test holds the committed one against both.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FACTS = ROOT / "tests" / "runtime" / "tf_estimator_names.txt"
FACES = {"tf.compat.v1.estimator": "V1", "tf.estimator": "V2"}
_PLAIN = (type(None), bool, int, float, str)


def facts() -> Iterator[str]:
    """Lines "path kind signature", read from the tf.estimator of the running Python."""
    import tensorflow as tf

    for root, module in (("tf.estimator", tf.estimator), ("tf.compat.v1.estimator", tf.compat.v1.estimator)):
        yield from _module_facts(
            root, module, {value for _, value in _public(module) if inspect.isclass(value)}
        )


def _public(holder: Any) -> list[tuple[str, Any]]:
    return [(name, getattr(holder, name)) for name in sorted(dir(holder)) if not name.startswith("_")]


def _module_facts(path: str, module: Any, classes: set[type]) -> Iterator[str]:
    for name, value in _public(module):
        here = f"{path}.{name}"
        if inspect.ismodule(value):
            yield f"{here} module"
            yield from _module_facts(here, value, classes)
        elif inspect.isclass(value):
            yield f"{here} class {_signature(value)}".rstrip()
            yield from _class_facts(here, value, classes)
        elif callable(value):
            yield f"{here} function {_signature(value)}"
        else:
            yield f"{here} value {value!r}"


def _class_facts(path: str, kind: type, classes: set[type]) -> Iterator[str]:
    import tensorflow as tf

    if hasattr(tf.compat.v1.train, kind.__name__):
        return  # TensorFlow's own, which is still there
    members: dict[str, Any] = {}
    for base in kind.__mro__:
        if base in (object, tuple) or (base is not kind and base in classes):
            break
        for name in vars(base):
            members.setdefault(name, inspect.getattr_static(kind, name))
    for name, member in sorted(members.items()):
        if name.startswith("_"):
            continue
        here = f"{path}.{name}"
        if isinstance(member, property) or inspect.isdatadescriptor(member):
            yield f"{here} property"
        elif callable(getattr(kind, name)):
            yield f"{here} method {_signature(getattr(kind, name))}"
        else:
            yield f"{here} value {member!r}"


def _signature(function: Any) -> str:
    try:
        signature = inspect.signature(function)
    except ValueError:
        return ""
    return "(" + ", ".join(_parameter(parameter) for parameter in signature.parameters.values()) + ")"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    text = stars.get(parameter.kind, "") + parameter.name
    if parameter.default is inspect.Parameter.empty:
        return text
    return f"{text}={parameter.default!r}" if isinstance(parameter.default, _PLAIN) else f"{text}=..."


def face_of(path: str) -> tuple[str, str]:
    """The face that `path` belongs to ("V1" or "V2"), and the rest of the path."""
    for root, face in FACES.items():
        if path.startswith(f"{root}."):
            return face, path.removeprefix(f"{root}.")
    raise ValueError(f"{path} is in neither face")


def state(path: str) -> str:
    """Whether the public name at `path` is "here" or "missing"."""
    from estimator_runtime import faces

    name, rest = face_of(path)
    face = getattr(faces, name)
    *parents, last = rest.split(".")
    for parent in parents:
        face = face.submodules.get(parent, faces.Face({}))
    return "here" if last in face.homes or last in face.submodules else "missing"


def page() -> Iterator[str]:
    """The lines of docs/public-names.md."""
    lines = [line.split(" ", 2) for line in FACTS.read_text().splitlines()]
    names: dict[str, dict[str, str]] = {}
    for path, kind, *_ in lines:
        if kind in ("class", "function"):
            face, rest = face_of(path)
            names.setdefault(rest, {})[face] = state(path)
    yield "# Public names"
    yield ""
    yield "Every public class and function of tf.estimator 2.15, and its state in `estimator_runtime`. `tf.estimator` and"
    yield "`tf.compat.v1.estimator` are the two faces of `estimator_runtime.compat`; - means that the old face had no such"
    yield "name. A name of the first column's is also `estimator_runtime.<name>`, in the form of `tf.estimator`."
    yield ""
    yield "This page is written by `hack/public_names.py page`."
    yield ""
    yield "| name | tf.estimator | tf.compat.v1.estimator |"
    yield "|---|---|---|"
    for rest in sorted(names, key=lambda name: (name.rpartition(".")[0], name)):
        states = names[rest]
        yield f"| `{rest}` | {states.get('V2', '-')} | {states.get('V1', '-')} |"
    yield ""
    yield from internal_names()
    yield "Besides:"
    yield ""
    yield "* `tf.keras.estimator.model_to_estimator` is here, for models of Keras 2 and of Keras 3, as"
    yield "  `estimator_runtime.model_to_estimator` too; see [Keras models](decisions/keras-models.md)."
    yield "* `Estimator.export_savedmodel` is public in both faces; `tf.estimator` had hidden it."


def internal_names() -> Iterator[str]:
    """The lines of the page about the names inside tf.estimator that libraries import."""
    from estimator_runtime.compat.deep_modules import DEEP_MODULES
    from estimator_runtime.compat.forwarded_modules import FORWARDED
    from estimator_runtime.compat.replaced_names import REPLACED_MODULES, REPLACED_NAMES
    from estimator_runtime.faces import V1

    handed_on = set(FORWARDED.values())
    yield "## Names inside tf.estimator"
    yield ""
    yield "Libraries import from the modules below tensorflow_estimator.python.estimator, and from those that TensorFlow"
    yield "handed on as tensorflow.python.estimator and, two of them, as tensorflow.python.tpu.tpu_config and tpu_estimator;"
    yield "of tensorflow.python.distribute.estimator_training they ask `should_run_distribute_coordinator`."
    yield "After `compat.install()` these are there, with these names; a module of"
    yield "either package that is installed otherwise is not touched."
    yield ""
    yield "| module | in tensorflow.python.estimator | names |"
    yield "|---|---|---|"
    for path, face in DEEP_MODULES.items():
        is_whole = path == "estimator_lib"
        own = [f"`{name}`" for name in face.names() if not (is_whole and name in V1.names())]
        names = ", ".join(["all of `tf.compat.v1.estimator`", *own] if is_whole else own)
        yield f"| `{path}` | {'yes' if path in handed_on else 'no'} | {names} |"
    yield ""
    yield "What is not there says what takes its place:"
    yield ""
    yield "| module or name | what takes its place |"
    yield "|---|---|"
    for path, instead in {**REPLACED_MODULES, **REPLACED_NAMES}.items():
        if not path.startswith("estimator_lib."):
            yield f"| `{path}` | {instead} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in {"facts": facts, "page": page}[sys.argv[1]]())
