"""Files that others read while they are written: all of one or nothing, and nothing beside it."""

import os

import pytest
import tensorflow as tf

from estimator_runtime import whole_file


def test_a_file_is_replaced(tmp_path):
    path = str(tmp_path / "new" / "file")
    for text in ("one", "two"):
        whole_file.write(path, text)
        assert (tmp_path / "new" / "file").read_text() == text
    assert os.listdir(tmp_path / "new") == ["file"]


def test_a_file_that_could_not_be_put_in_its_place_leaves_nothing(tmp_path, monkeypatch):
    path = str(tmp_path / "file")
    whole_file.write(path, "one")

    def refuse(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.io.gfile, "rename", refuse)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        whole_file.write(path, "two")
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "one"
