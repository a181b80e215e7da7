"""Everything that tf.estimator 2.15 exported is here."""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest
import tensorflow as tf

from estimator_runtime import faces

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("public_names", ROOT / "hack" / "public_names.py")
public_names = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(public_names)
FACTS = [(*line.split(" ", 2), "")[:3] for line in public_names.FACTS.read_text().splitlines()]

# Where calling by position differs, and why.
OTHER_ORDER = {
    "Estimator.train": "steps come before hooks, as in the Estimator's document; tf's order is understood",
    "experimental.RNNClassifier.train": "the same",
    "experimental.RNNEstimator.train": "the same",
    "tpu.TPUEstimator.train": "the same",
}


def there(path):
    """The object of ours at `path`."""
    name, rest = public_names.face_of(path)
    face, parts = getattr(faces, name), rest.split(".")
    while parts[0] in face.submodules:
        face = face.submodules[parts.pop(0)]
        if not parts:
            return face
    value = face.resolve(parts[0])
    for part in parts[1:]:
        value = getattr(value, part)
    return value


CALLABLES = {path for path, kind, _ in FACTS if kind in ("class", "function")}


def is_here(path):
    """Whether the class or function that `path` is, or is a member of, is here and not TensorFlow's own."""
    owner = path if path in CALLABLES else path.rpartition(".")[0]
    return (
        owner in CALLABLES and public_names.state(owner) == "here" and owner.split(".")[-1] not in faces.HOOKS
    )


def test_no_name_is_missing():
    missing = [
        p
        for p, kind, _ in FACTS
        if kind in ("class", "function", "module") and public_names.state(p) == "missing"
    ]
    assert missing == []


def parameters(text):
    """Name to default (None when there is none) of a signature in the facts, without `*args` and `**kwargs`."""
    pairs = [part.partition("=")[::2] for part in re.sub(r"^\(|\)$", "", text).split(", ") if part]
    return {name: default or None for name, default in pairs if not name.startswith("*") and name != "self"}


@pytest.mark.parametrize(
    ("path", "text"),
    [(path, text) for path, kind, text in FACTS if kind in ("class", "function", "method") and is_here(path)],
)
def test_calls_fit(path, text):
    """What could be passed can be passed, by position and by name, and what could be left out can be left out."""
    rest = public_names.face_of(path)[1]
    theirs = parameters(text)
    signature = inspect.signature(there(path))
    ours = {name: p for name, p in signature.parameters.items() if name != "self"}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in ours.values())
    assert [name for name in theirs if name not in ours and not takes_any] == []
    positional = [n for n, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if rest not in OTHER_ORDER and not takes_any:
        assert positional[: len(theirs)] == list(theirs)
    for name, parameter in ours.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if theirs.get(name) is None:
            assert name in theirs or parameter.default is not parameter.empty
        else:
            assert parameter.default is not parameter.empty
            if theirs[name] != "..." and isinstance(parameter.default, public_names._PLAIN):
                assert repr(parameter.default) == theirs[name]


@pytest.mark.parametrize("path", [p for p, kind, _ in FACTS if kind == "property" and is_here(p)])
def test_properties_are_there(path):
    assert there(path).__doc__ or inspect.isdatadescriptor(there(path))


@pytest.mark.parametrize(("path", "text"), [(p, t) for p, kind, t in FACTS if kind == "value" and is_here(p)])
def test_constants_are_the_same(path, text):
    assert repr(there(path)) == text


def test_hooks_are_tensorflows_own():
    for name in faces.HOOKS:
        assert faces.V1.resolve(name) is faces.V2.resolve(name) is getattr(tf.compat.v1.train, name)


def test_the_page_is_up_to_date():
    page = (ROOT / "docs" / "public-names.md").read_text().splitlines()
    assert page == list(public_names.page()), "run hack/public_names.py page > docs/public-names.md"
