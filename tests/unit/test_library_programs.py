"""The table of libraries on tf.estimator: every test that ends otherwise here needs a reason that still holds."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "programs"
REPORT = """<testsuites><testsuite>
<testcase classname="a.T" name="test_one"/>
<testcase classname="a.T" name="test_two"><failure message="no"/></testcase>
<testcase classname="a.T" name="test_three"><skipped message="later"/></testcase>
<testcase classname="a.T" name="test_four"/>
<testcase classname="a.T" name="test_four"><error message="in teardown"/></testcase>
<testcase classname="" name="b"><error message="no such module"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


def test_a_report_gives_each_test_one_outcome_and_a_failure_counts():
    import outcomes

    assert outcomes.of_report(REPORT) == {
        "a.T::test_one": "passed",
        "a.T::test_two": "failed",
        "a.T::test_three": "skipped",
        "a.T::test_four": "failed",
        "b": "failed",
    }


@pytest.mark.parametrize(
    ("here", "differs", "passed", "count"),
    [
        ({"a": "passed", "b": "failed"}, {}, True, 0),
        ({"a": "failed", "b": "failed"}, {}, False, 1),
        ({"a": "failed", "b": "failed"}, {"a": "NumPy 2"}, True, 1),
        ({"a": "failed", "b": "passed"}, {"a": "NumPy 2"}, False, 2),
        ({"a": "passed", "b": "passed"}, {}, False, 1),
        ({"b": "failed"}, {}, False, 1),
        ({"a": "passed", "b": "failed"}, {"a": "NumPy 2"}, False, 0),
    ],
    ids=["same", "fails here", "declared", "another fails", "passes here", "is not here", "declared in vain"],
)
def test_what_differs_has_a_reason_that_still_holds(here, differs, passed, count):
    import outcomes

    verdict = outcomes.judge({"a": "passed", "b": "failed"}, here, differs)
    assert verdict.passed is passed
    assert len(verdict.differences) == count


def test_a_library_of_which_nothing_passes_on_the_reference_proves_nothing():
    import outcomes

    assert not outcomes.judge({"a": "failed"}, {"a": "failed"}, {}).passed


def test_the_table_counts_both_sides_and_gives_each_reason_once():
    import outcomes

    there = {"a": "passed", "b": "passed", "c": "skipped"}
    here = {"a": "failed", "b": "failed", "c": "skipped"}
    text = "\n".join(
        outcomes.table(
            {("library", "1.0"): outcomes.judge(there, here, {"[ab]": "NumPy 2 has no such name"})}
        )
    )
    assert "| library 1.0 | 3 | 2 / 0 / 1 | 0 / 2 / 1 | 2 |" in text
    assert text.count("library, 2 of them: NumPy 2 has no such name") == 1


def test_every_library_of_the_catalogue_runs_something_at_versions_that_are_fixed():
    import stand_ins
    from libraries import LIBRARIES

    assert {name for library in LIBRARIES for name in library.stand_ins} == set(stand_ins.ALL)
    assert len({library.name for library in LIBRARIES}) == len(LIBRARIES)
    for library in LIBRARIES:
        assert library.tests or library.programs, library.name
        assert all((FOLDER / name).is_file() for name in library.programs), library.name
        for side in (library.reference, library.here) if library.version else ():
            assert all(need.count("==") == 1 for need in library.requirements(side)), library.name


def test_a_set_of_requirements_has_a_folder_of_its_own_for_each_interpreter(tmp_path):
    from environments import folder

    first = folder("/a/python", ("x==1", "y==2"), tmp_path)
    assert first.name.startswith("x-")
    assert first == folder("/a/python", ("x==1", "y==2"), tmp_path)
    assert (
        len(
            {first, folder("/b/python", ("x==1", "y==2"), tmp_path), folder("/a/python", ("x==1",), tmp_path)}
        )
        == 3
    )


def test_two_test_files_of_one_name_have_reports_of_their_own(tmp_path):
    from libraries import Library
    from programs import report_of

    library = Library("x", "1")
    reports = [
        report_of(library, "here", tmp_path / part / "a_test.py", tmp_path) for part in ("keras", "estimator")
    ]
    assert len(set(reports)) == 2


def test_tests_of_one_name_in_two_files_are_two_tests():
    import outcomes

    report = '<testsuite><testcase classname="{}" name="test"/></testsuite>'
    assert (
        len(
            {
                **outcomes.of_report(report.format("a.T"), "keras/a"),
                **outcomes.of_report(report.format("a.T"), "a"),
            }
        )
        == 2
    )


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (
            "import tensorflow as tf\ntf.estimator.RunConfig(tf_random_seed=1)",
            {"tensorflow.estimator.RunConfig"},
        ),
        ("import tensorflow as tf\ntf.estimatorish.Other\ntf.train.Saver", set()),
        (
            "from tensorflow import estimator as e\ne.ModeKeys.TRAIN\ne.Estimator.train.__doc__",
            {"tensorflow.estimator.ModeKeys.TRAIN", "tensorflow.estimator.Estimator.train"},
        ),
        (
            "from tensorflow_estimator.python.estimator.canned.head import _Head, _CLASSIFY_SERVING_KEY as key",
            {
                "tensorflow_estimator.python.estimator.canned.head._Head",
                "tensorflow_estimator.python.estimator.canned.head._CLASSIFY_SERVING_KEY",
            },
        ),
        (
            "from tensorflow.python.estimator import gc\ngc._get_paths()",
            {"tensorflow.python.estimator.gc._get_paths"},
        ),
        (
            "import tensorflow.compat.v1 as tf\nclass A(tf.estimator.tpu.TPUEstimator): pass\n",
            {"tensorflow.compat.v1.estimator.tpu.TPUEstimator"},
        ),
        ("import tensorflow_estimator.python.estimator.util", {"tensorflow_estimator.python.estimator.util"}),
        ("from tensorflow.estimator import *", {"tensorflow.estimator"}),
        ("from . import estimator\nestimator.Estimator", set()),
    ],
    ids=["attribute", "others", "alias", "names", "module", "base class", "import", "star", "its own"],
)
def test_names_of_tf_estimator_are_read_from_sources(source, names):
    import imported_names

    assert imported_names.of_source(source) == names


def test_files_without_names_are_passed_over(tmp_path):
    import imported_names

    text = "import tensorflow as tf\ntf.estimator.RunConfig"
    for name, content in (("a_test.py", text), ("python_2.py", "print 'estimator'"), ("a.py", text)):
        (tmp_path / name).write_text(content)
    found = {path.name: imported_names.of_file(path) for path in tmp_path.iterdir()}
    assert found == {"a_test.py": set(), "python_2.py": set(), "a.py": {"tensorflow.estimator.RunConfig"}}


def test_the_fate_of_a_name_is_empty_or_an_error():
    import imported_names

    assert imported_names.fate("xml.etree.ElementTree.parse") == ""
    assert imported_names.fate("xml.etree.ElementTree.nothing").startswith("AttributeError")
    assert imported_names.fate("xml.nothing.parse").startswith("AttributeError")


def test_the_table_of_names_covers_every_library_that_says_one():
    import imported_names
    from libraries import LIBRARIES, READ_ONLY

    wanted = {f"{each.name} {each.version}" for each in LIBRARIES if each.version} | {
        " ".join(each) for each in READ_ONLY
    }
    found = {name for names in imported_names.of_table().values() for name in names}
    # tf_slim's layers and train op name nothing of tf.estimator.
    assert wanted - found == {"tf-slim 1.1.0"}
    assert found <= wanted
