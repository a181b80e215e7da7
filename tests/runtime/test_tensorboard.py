"""The command `tensorboard` of the runtime image, as the operator starts it beside a job."""

import contextlib
import json
import os
import shutil
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from pathlib import Path

import linear_model
import pytest
from cluster_tasks import LOOK_EVERY_SECS, PATIENCE_SECS, free_ports

pytestmark = pytest.mark.timeout(300)

UID = 54321  # that no machine has in its list of users
SOMEBODY = ["unshare", "--user", f"--map-user={UID}", f"--map-group={UID}"]


def why_nobody_else():
    """Why no process can run here as another user, or None; root is not needed."""
    if shutil.which("unshare") is None:
        return "no unshare on this machine"
    tried = subprocess.run([*SOMEBODY, "id", "-u"], check=False, capture_output=True, text=True)
    return None if tried.stdout.strip() == str(UID) else f"no user namespaces here: {tried.stderr.strip()}"


class TensorBoard:
    """The process, on a port of loopback or of all interfaces."""

    def __init__(self, root, model_dir, *, host="127.0.0.1", before=(), variables=None):
        (self.port,) = free_ports(1)
        self.log = root / "tensorboard.log"
        temporary = root / "tmp"
        temporary.mkdir()
        command = Path(sysconfig.get_path("scripts"), "tensorboard")
        arguments = ["--logdir", model_dir, "--host", host, "--port", str(self.port)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*before, command, *arguments],
                # Without HOME, Keras puts a directory called ~ into the working directory.
                cwd=temporary,
                env={"PATH": os.environ["PATH"], "TMPDIR": str(temporary), **(variables or {})},
                stdout=log,
                stderr=log,
            )

    def get(self, path):
        """The body of the answer; None while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError:
            raise
        except OSError:
            return None

    def await_answer(self, path, condition):
        """The first JSON document at `path` that fulfils `condition`."""
        deadline = time.monotonic() + PATIENCE_SECS
        while True:
            assert self.process.poll() is None, f"ended:\n{self.text()}"
            answer = self.get(path)
            if answer is not None and condition(json.loads(answer)):
                return json.loads(answer)
            assert time.monotonic() < deadline, f"waited in vain for {path}, got {answer}:\n{self.text()}"
            time.sleep(LOOK_EVERY_SECS)

    def text(self):
        return self.log.read_text(errors="replace")

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start(tmp_path):
    started = []

    def make(*args, **settings):
        started.append(TensorBoard(tmp_path, *args, **settings))
        return started[-1]

    yield make
    for each in started:
        each.end()


@contextlib.contextmanager
def read_only(directory):
    """Nobody but root may write anything in the directory."""
    modes = {path: path.stat().st_mode for path in (directory, *directory.rglob("*"))}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def contents(directory):
    return {path: path.stat().st_mtime_ns for path in (directory, *directory.rglob("*"))}


def train_and_evaluate(model_dir):
    estimator = linear_model.estimator(model_dir, save_summary_steps=5)
    return estimator.train(linear_model.train_input, steps=10).evaluate(linear_model.eval_input)


def scalars(board, run, tag):
    """The (step, value) pairs of a tag, once the run has it."""
    board.await_answer("/data/plugin/scalars/tags", lambda tags: tag in tags.get(run, {}))
    points = json.loads(board.get(f"/data/plugin/scalars/scalars?run={run}&tag={tag}"))
    return [(step, value) for _, step, value in points]


def test_it_is_there_before_the_model_and_shows_what_is_written_later(start, tmp_path):
    board = start(tmp_path / "model", variables={"HOME": str(tmp_path)})
    assert board.await_answer("/data/runs", lambda _: True) == []
    assert "<title>TensorBoard</title>" in board.get("/")

    results = train_and_evaluate(tmp_path / "model")
    assert board.await_answer("/data/runs", lambda runs: len(runs) == 2) == [".", "eval"]
    assert [step for step, _ in scalars(board, ".", "loss")][-1] <= 10
    assert scalars(board, "eval", "mae") == [(10, pytest.approx(results["mae"]))]


def test_in_the_image_as_anybody_on_a_model_that_it_cannot_write(start, tmp_path):
    """No HOME, no entry in the list of users, no setuptools (the image has none), and a volume mounted read-only."""
    why = why_nobody_else()
    if why is not None:
        pytest.skip(why)
    model_dir = tmp_path / "model"
    train_and_evaluate(model_dir)
    absent = tmp_path / "absent"
    absent.mkdir()
    for module in ("setuptools", "pkg_resources"):
        (absent / f"{module}.py").write_text("raise ImportError('the image has no such module')\n")
    before = contents(model_dir)
    with read_only(model_dir):
        tried = subprocess.run([*SOMEBODY, "touch", model_dir / "x"], check=False, capture_output=True)
        assert tried.returncode != 0, "the model directory is not read-only"
        board = start(model_dir, host="0.0.0.0", before=SOMEBODY, variables={"PYTHONPATH": str(absent)})
        assert board.await_answer("/data/runs", lambda runs: len(runs) == 2) == [".", "eval"]
        assert "<title>TensorBoard</title>" in board.get("/")
        assert len(scalars(board, ".", "loss")) >= 1
        # The end of its pod is no failure.
        board.process.terminate()
        assert board.process.wait(PATIENCE_SECS) == 0, board.text()
    assert contents(model_dir) == before
