"""The rooms of the runtime as docs/decisions/runtime-rooms.md shows them: few files in each, no arrow back up."""

import ast
import graphlib
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "runtime" / "estimator_runtime"
PICTURE = ROOT / "docs" / "decisions" / "runtime-rooms.md"
MOST_FILES = 15
# Files of the top level that are part of the room of the Estimator's class.
ESTIMATOR = {"estimator", "exporting_estimator", "stepwise_estimator", "added_metrics"}


def folders():
    return [PACKAGE, *(path for path in PACKAGE.rglob("*") if path.is_dir() and path.name != "__pycache__")]


def room(module):
    """The folder of a module below estimator_runtime ("job.modes"); "" for a file of the top level."""
    folder, _, name = module.rpartition(".")
    path = PACKAGE / module.replace(".", "/")
    found = module if path.is_dir() else folder
    return found or ("estimator" if name in ESTIMATOR else "")


def imports():
    """Pairs (importing module, imported module), both below estimator_runtime, the public face left out."""
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        if not module:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE.name:
                below = node.module.removeprefix(PACKAGE.name).removeprefix(".")
                for alias in node.names:
                    named = f"{below}.{alias.name}".removeprefix(".")
                    inside = PACKAGE / named.replace(".", "/")
                    yield module, named if inside.is_dir() or inside.with_suffix(".py").exists() else below


def arrows():
    """dict from room to the rooms that it imports from."""
    found = defaultdict(set)
    for importing, imported in imports():
        if room(importing) and room(imported) and room(importing) != room(imported):
            found[room(importing)].add(room(imported))
    return dict(found)


def drawn():
    """The arrows of the picture."""
    found = defaultdict(set)
    for source, targets in re.findall(r"^ +([\w.]+) --> (.*)$", PICTURE.read_text(), re.MULTILINE):
        found[source] |= set(targets.split(" & "))
    return dict(found)


def test_no_room_has_more_files_than_a_newcomer_reads():
    crowded = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) for folder in folders()}
    assert {name: count for name, count in crowded.items() if count > MOST_FILES} == {}


def test_every_room_says_what_it_is():
    for folder in folders():
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder


def test_the_picture_shows_the_imports():
    assert drawn() == arrows()


def test_no_arrow_leads_back_up():
    order = list(graphlib.TopologicalSorter(arrows()).static_order())
    assert order.index("checkpoints") < order.index("loop") < order.index("job")
