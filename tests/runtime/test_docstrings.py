"""The docstrings of everything that is public: arguments, results and errors are told."""

import importlib
import inspect
import re

import pytest

# Modules that programs reach, and what of them is public without an __all__.
MODULES = {
    "": (),
    ".export": (),
    ".experimental": (),
    ".compat": ("install",),
    ".inputs.numpy_input": ("numpy_input_fn",),
    ".inputs.pandas_input": ("pandas_input_fn",),
}


def public_callables():
    """Name -> class, function or method of this package that a program can reach."""
    found = {}
    for module, extra in MODULES.items():
        home = importlib.import_module(f"estimator_runtime{module}")
        for name in (*getattr(home, "__all__", ()), *extra):
            value = getattr(home, name)
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            if not value.__module__.startswith("estimator_runtime"):
                continue  # TensorFlow's own
            found[f"{value.__module__}.{name}"] = value
            for member, method in vars(value).items() if inspect.isclass(value) else ():
                inherited = any(hasattr(base, member) for base in value.__mro__[1:])
                if inspect.isfunction(method) and not member.startswith("_") and not inherited:
                    found[f"{value.__module__}.{name}.{member}"] = method
    return found


PUBLIC = public_callables()


def parameters(value):
    """Names of the parameters that a caller gives."""
    target = value
    if inspect.isclass(value):
        target = value.__new__ if "__new__" in vars(value) else value.__init__
        if not inspect.isfunction(target) or issubclass(value, BaseException):
            return []
    found = inspect.signature(target).parameters.values()
    return [one.name for one in found if one.name not in ("self", "cls") and one.kind is not one.VAR_KEYWORD]


def refers_elsewhere(text):
    """Whether the docstring says where the rest is told."""
    return re.search(r"\b(see|as) (in )?`", text, flags=re.IGNORECASE)


def raises(value):
    """Whether the body itself raises something on purpose."""
    if inspect.isclass(value):
        value = vars(value).get("__new__") or vars(value).get("__init__")
    if not inspect.isfunction(value):
        return False
    source = inspect.getsource(value)
    return bool(re.search(r"^\s+raise (?!NotImplementedError)\w+", source, flags=re.MULTILINE))


def returns(value):
    """Whether a function gives something back, by its annotation."""
    return inspect.isfunction(value) and value.__annotations__.get("return", None) not in (None, "None")


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_docstring(name):
    value = PUBLIC[name]
    text = inspect.getdoc(value) if inspect.isclass(value) else value.__doc__
    assert text, f"{name} has no docstring"
    given = parameters(value)
    if refers_elsewhere(text):
        return
    if given and (inspect.isclass(value) or len(given) > 1):
        assert "Args:" in text, f"{name}: Args are missing"
    if "Args:" in text:
        missing = [one for one in given if not re.search(rf"\b{one}\b", text)]
        assert not missing, f"{name} says nothing of {missing}"
    if raises(value):
        assert "Raises:" in text, f"{name}: Raises is missing"
    if returns(value) and len(given) > 1:
        assert re.search(r"(Returns:|Yields:|^(Returns|Yields|Makes|Tells)\b)", text, flags=re.MULTILINE), (
            f"{name}: Returns is missing"
        )
