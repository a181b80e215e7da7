"""One run per model directory."""

from __future__ import annotations

import os
import subprocess

import pytest

from estimatorctl.errors import ModelDirInUse
from estimatorctl.local.model_dir_lock import model_dir_lock


def test_a_held_directory_is_refused_by_pid_and_free_again_afterwards(tmp_path):
    with model_dir_lock(tmp_path / "own", "/models/moths"):
        with pytest.raises(ModelDirInUse, match=rf"pid {os.getpid()}\) trains in /models/moths"):
            with model_dir_lock(tmp_path / "own", "/models/moths"):
                pass
    with model_dir_lock(tmp_path / "own", "/models/moths"):
        pass


def test_a_child_does_not_inherit_the_lock(tmp_path):
    with model_dir_lock(tmp_path, "/models/moths"):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
    with child:
        with model_dir_lock(tmp_path, "/models/moths"):
            pass
        child.stdin.close()
