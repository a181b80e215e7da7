"""Libraries on tf.estimator find the names that they import, and may do with an Estimator what they do.

tests/programs/library_names.txt has the names, read from the libraries' sources by `make programs`, which also runs the
libraries. Neither is needed here, nor a network.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

from estimator_runtime import compat

PROGRAMS = Path(__file__).parents[1] / "programs"
SPEC = importlib.util.spec_from_file_location("imported_names", PROGRAMS / "imported_names.py")
imported_names = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(imported_names)
SAYS = imported_names.of_table()

# What libraries name and is not here, and why.
ABSENT = {
    "tensorflow_estimator.python.estimator.canned.dnn._DNNModel.call": (
        "TensorFlow Model Analysis replaces the call of a Keras model that the canned networks have not here"
    ),
    "tensorflow_estimator.python.estimator.canned.dnn._DNNModelV2.call": "the same",
}


@pytest.fixture(scope="module", autouse=True)
def _installed():
    compat.install()


@pytest.mark.parametrize("path", sorted(set(SAYS) - set(ABSENT)))
def test_a_name_that_libraries_import_is_here(path):
    assert imported_names.fate(path) == "", f"{', '.join(SAYS[path])} cannot be used"


@pytest.mark.parametrize("path", sorted(ABSENT))
def test_a_name_that_is_absent_is_one_that_is_said_and_raises(path):
    assert path in SAYS
    assert path.removesuffix(".call").rpartition(".")[2] in imported_names.fate(path)


@pytest.mark.timeout(300)
def test_what_libraries_do_works_as_on_2_15(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(PROGRAMS))
    import programs

    ends = programs.run_file(
        PROGRAMS / "manners.py", sys.executable, tmp_path / "manners.xml", [], {"TF_USE_LEGACY_KERAS": "1"}
    )
    assert set(ends.values()) == {"passed"}, (ends, (tmp_path / "manners.log").read_text()[-4000:])
    assert len(ends) == 4
