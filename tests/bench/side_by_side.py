"""The two sides of the bench of the runtime: their processes, and how these are measured in turn."""

import contextlib
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent))

import reference_environment  # noqa: E402

# Where Python is told to write no bytecode, what nobody has compiled yet is compiled at each start, which is not what a
# start costs people: both sides keep theirs here.
BYTECODE = HERE.parent.parent / "build" / "bench-bytecode"
SIDES = ("ours", "peer")


def interpreters():
    """Side -> its Python. The peer's environment is made on first use."""
    return {"ours": sys.executable, "peer": reference_environment.python()}


def in_turn(pair):
    """The sides in the order of this pair, so that each is first as often as the other."""
    return SIDES if pair % 2 == 0 else SIDES[::-1]


class Failed(Exception):
    """A process that ended with an error; holds its last lines."""


class Child:
    """A process of one side; its answers are lines of JSON."""

    def __init__(self, python, script, *arguments, environment=None):
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - until close
        # -P: what lies beside the script is not to hide a library; the script's own room is given by PYTHONPATH.
        self._process = subprocess.Popen(
            [python, "-P", HERE / script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=_environment(environment),
        )

    def answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise self._failed()
        return json.loads(line)

    def has_answer(self, timeout):
        """Whether an answer, or the end, is there within `timeout` seconds; for the first answer only."""
        return bool(select.select([self._process.stdout], [], [], timeout)[0])

    def check(self):
        """Raises Failed when the process ended with an error."""
        if self._process.poll():
            raise self._failed()

    def _failed(self):
        self._log.seek(0)
        return Failed(
            f"{self._process.args} ended with code {self._process.returncode}:\n{self._log.read()[-4000:]}"
        )

    def ask(self, *request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self.answer()

    def close(self):
        """Ends the process, also one that serves variables for ever."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._log.close()


def _environment(more):
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPYCACHEPREFIX": str(BYTECODE), "PYTHONPATH": str(HERE), **(more or {})}


@contextlib.contextmanager
def child(*arguments, **settings):
    process = Child(*arguments, **settings)
    try:
        yield process
    finally:
        process.close()


def first_step(python, side, data, program="first-step"):
    """Seconds from the start of a process to its first step, and the most memory that it takes, MiB."""
    start = time.perf_counter()
    with child(python, "runtime_processes.py", side, program, data) as process:
        process.answer()
        seconds = time.perf_counter() - start
        return seconds, process.answer()["peak"]


def cluster(python, side, program, steps, workers=2, servers=2):
    """Global steps per second of a chief, workers and parameter servers on the loopback interface."""
    with _tasks(python, side, program, steps, workers, servers) as (chief, *_):
        return chief.answer()["speed"]


def together(python, side, program, steps, workers=2):
    """The figures of a chief and workers that make every step together on the loopback interface, the chief's first."""
    with _tasks(python, side, program, steps, workers, servers=0) as tasks:
        return [task.answer() for task in tasks]


@contextlib.contextmanager
def _tasks(python, side, program, steps, workers, servers):
    """The processes of a cluster, the chief first, once it has an answer."""
    tasks = [("chief", 0), *(("worker", i) for i in range(workers)), *(("ps", i) for i in range(servers))]
    with contextlib.ExitStack() as ports:
        sockets = [ports.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in tasks]
        addresses = [f"127.0.0.1:{opened.getsockname()[1]}" for opened in sockets]
    members = {}
    for (kind, _), address in zip(tasks, addresses, strict=True):
        members.setdefault(kind, []).append(address)
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        # Last started is last stopped: the chief goes before the servers, and the directory after all of them.
        children = []
        for kind, index in reversed(tasks):
            told = json.dumps({"cluster": members, "task": {"type": kind, "index": index}})
            children.append(
                stack.enter_context(
                    child(
                        python,
                        "runtime_processes.py",
                        side,
                        program,
                        directory,
                        str(steps),
                        environment={"TF_CONFIG": told},
                    )
                )
            )
        chief = children[-1]
        while not chief.has_answer(timeout=1):
            for one in children:
                one.check()
        yield children[::-1]
