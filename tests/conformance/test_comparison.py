"""The comparison itself, and that no feature is without a program."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import catalogue
import comparison


def paths(reference, here):
    return [
        found.path for found in comparison.differences(comparison.plain(reference), comparison.plain(here))
    ]


@pytest.mark.parametrize(
    ("reference", "here", "where"),
    [
        ({"a": 1.0}, {"a": 1.0 + 5e-7}, []),
        ({"a": 1.0}, {"a": 1.0 + 5e-6}, ["a"]),
        ({"a": 1e9}, {"a": 1e9 + 1}, []),
        ({"a": float("nan")}, {"a": float("nan")}, []),
        ({"a": float("nan")}, {"a": 0.0}, ["a"]),
        ({"a": float("inf")}, {"a": float("inf")}, []),
        ({"a": [1, {"b": "x"}]}, {"a": [1, {"b": "y"}]}, ["a/1/b"]),
        ({"a": 1}, {"b": 1}, ["a", "b"]),
        ({"a": []}, {"a": [1]}, ["a", "a/0"]),
        ({"a": True}, {"a": 1}, ["a"]),
        ({"a": None}, {"a": 0}, ["a"]),
        (np.float32([1, 2]), np.float32([1, 3]), ["values/1"]),
        (np.float32([1]), np.float64([1]), ["dtype"]),
        (
            np.zeros([1, 2]),
            np.zeros([2]),
            ["shape/0", "shape/1", "values/0/0", "values/0/1", "values/0", "values/1"],
        ),
        (np.array([b"a"]), np.array(["a"], object), []),
        ({"a": "refused: KeyError"}, {"a": "refused: ValueError, KeyError"}, []),
        ({"a": "refused: KeyError, LookupError"}, {"a": "refused: ValueError, LookupError"}, ["a"]),
        ({"a": "refused: KeyError"}, {"a": "KeyError"}, ["a"]),
    ],
)
def test_differences(reference, here, where):
    assert paths(reference, here) == where


def test_what_changes_from_run_to_run_is_no_difference():
    assert comparison.normal("<function f at 0x7f12> of /tmp/x/1700000000", {"/tmp/x": "<dir>"}) == (
        "<function f at 0x> of <dir>/<time>"
    )
    assert comparison.normal("<class 'one.two.Three'>") == comparison.normal("<class 'four.Three'>")
    assert comparison.normal("steps 1700000000 and x1700000000") == "steps <time> and x1700000000"


def test_a_result_holds_plain_values_only():
    with pytest.raises(TypeError, match="plain values"):
        comparison.plain({"a": object()})


def test_a_declared_difference_passes_and_must_be_there():
    verdict = comparison.judge({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": "on purpose"})
    assert verdict.passed
    assert [found.path for found in verdict.explained["on purpose"]] == ["a"]
    assert not comparison.judge({"a": 1}, {"a": 1}, {"a": "on purpose"}).passed
    assert not comparison.judge({"a": 1}, {"a": 2}, {}).passed


def test_every_feature_has_a_program():
    listing = [sys.executable, Path(__file__).with_name("run.py"), "--list"]
    everything = {**os.environ, catalogue.LONG: "1"}
    found = json.loads(subprocess.run(listing, check=True, stdout=subprocess.PIPE, env=everything).stdout)
    covered = {feature for features in found["programs"].values() for feature in features}
    assert covered == catalogue.FEATURES
    assert len(found["programs"]) >= 40
    assert len(found["misuses"]) >= 60
