"""Names of tf.estimator that the sources of a library say: what it imports, and what it takes from what it imports.

Read from the syntax of its files, so nothing of the library runs. A name is a dotted path of modules and attributes:
`tensorflow_estimator.python.estimator.canned.head._Head`, `tensorflow.estimator.RunConfig`.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

TABLE: Final = Path(__file__).with_name("library_names.txt")
ROOTS: Final = (
    "tensorflow_estimator",
    "tensorflow.estimator",
    "tensorflow.compat.v1.estimator",
    "tensorflow.compat.v2.estimator",
    "tensorflow.python.estimator",
    "tensorflow.python.tpu.tpu_config",
    "tensorflow.python.tpu.tpu_estimator",
)


def of_source(text: str) -> set[str]:
    """The names of tf.estimator in one file.

    A name that is bound by an import anywhere in the file counts wherever it is used. Of a longer path the first two
    parts that begin with a capital letter count, a class and its member: what follows is of instances.
    """
    tree = ast.parse(text)
    bound = dict(_imports(tree))
    found = {path for path in bound.values() if _is_inside(path)}
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            path = _path_of(node, bound)
            if path is not None and _is_inside(path):
                found.add(_without_members_of_instances(path))
    # `import a.b` binds a: the module is a name of its own, and what is longer names it as well.
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, alias.name
                else:
                    yield alias.name.partition(".")[0], alias.name.partition(".")[0]
                    if _is_inside(alias.name):
                        yield alias.name, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if alias.name != "*":
                    yield alias.asname or alias.name, f"{node.module}.{alias.name}"
                elif _is_inside(node.module):
                    yield node.module, node.module


def _path_of(node: ast.expr, bound: dict[str, str]) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in bound:
        return None
    return ".".join([bound[node.id], *reversed(parts)])


def _is_inside(path: str) -> bool:
    return any(path == root or path.startswith(f"{root}.") for root in ROOTS)


def _without_members_of_instances(path: str) -> str:
    parts = path.split(".")
    first = next((at for at, part in enumerate(parts) if part.lstrip("_")[:1].isupper()), len(parts))
    return ".".join(parts[: first + 2])


def of_file(path: Path) -> set[str]:
    """The names of tf.estimator in a file; none in a test, and in a file of Python 2."""
    if path.name.endswith("_test.py") or path.name.startswith("test_"):
        return set()
    text = path.read_text(errors="replace")
    if "estimator" not in text:
        return set()
    try:
        return of_source(text)
    except SyntaxError:
        return set()


def resolve(path: str) -> Any:
    """The object at a path: the longest part that is a module is imported, the rest are attributes.

    Raises:
        ImportError, AttributeError: There is no such module or name.
    """
    parts = path.split(".")
    module = importlib.import_module(parts[0])
    found: Any = module
    for at, part in enumerate(parts[1:], 2):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            try:
                found = importlib.import_module(".".join(parts[:at]))
            except ModuleNotFoundError:
                raise error from None
    return found


def of_table() -> dict[str, list[str]]:
    """The libraries of the table, each as "name version", by the names that they say; library_names writes it."""
    table: dict[str, list[str]] = {}
    for line in TABLE.read_text().splitlines():
        name, version, path = line.split()
        table.setdefault(path, []).append(f"{name} {version}")
    return table


def fate(path: str) -> str:
    """Empty when there is such a name in this environment, else what its import or attribute raised."""
    try:
        resolve(path)
    except (ImportError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main() -> None:
    """Reads names, one a line, and prints those that this environment has."""
    print(*(line.strip() for line in sys.stdin if line.strip() and not fate(line.strip())), sep="\n")


if __name__ == "__main__":
    main()
