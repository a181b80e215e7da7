"""Tasks of a cluster as real processes on loopback ports, each with its TF_CONFIG.

They are forked from a process that has imported TensorFlow and run none of it: starting one takes no time.
"""

import contextlib
import json
import multiprocessing
import os
import pathlib
import random
import socket
import time
import traceback

PATIENCE_SECS = 60
CONTEXT = multiprocessing.get_context("forkserver")
# Those of the other environment are not there, which the server of forks passes over.
CONTEXT.set_forkserver_preload(
    [
        "tensorflow",
        "pandas",
        "estimator_runtime.training.dispatch",
        "estimator_runtime.estimator",
        "tensorflow_estimator.python.estimator.api._v2.estimator",
        "keras.api._v2.keras",
    ]
)


def free_ports(count):
    """Ports that nobody uses and that the kernel gives to nobody's connection while their server is down."""
    lowest_ephemeral = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = []
    for port in random.sample(range(lowest_ephemeral // 2, lowest_ephemeral), 100 * count):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            break
    return ports


def cluster_of(**counts):
    """{role: addresses}; cluster_of(chief=1, ps=2)."""
    ports = iter(free_ports(sum(counts.values())))
    return {role: [f"127.0.0.1:{next(ports)}" for _ in range(count)] for role, count in counts.items()}


def _run(connection, document, function, arguments):
    os.environ["TF_CONFIG"] = json.dumps(document)
    try:
        connection.send((function(*arguments), None))
    except BaseException:
        connection.send((None, traceback.format_exc()))


class Task:
    """One process, which calls `function` of `arguments`.

    Args:
        cluster: {role: addresses}.
        role: of this task.
        function: of a module here; the process sends what it returns.
    """

    def __init__(self, cluster, role, function, *arguments, index=0):
        self._connection, theirs = CONTEXT.Pipe()
        document = {"cluster": cluster, "task": {"type": role, "index": index}}
        self.process = CONTEXT.Process(target=_run, args=(theirs, document, function, arguments), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def has_ended(self):
        """Whether the function has returned or raised."""
        return self._connection.poll()

    def result(self):
        """What the function returned.

        Raises:
            RuntimeError: it raised, or has not come to its end.
        """
        if not self._connection.poll(PATIENCE_SECS):
            raise RuntimeError("the task did not end")
        try:
            result, error = self._connection.recv()
        except EOFError:
            raise RuntimeError("the task died") from None
        if error is not None:
            raise RuntimeError(error)
        return result

    def kill(self):
        self.process.kill()
        self.process.join()


@contextlib.contextmanager
def killed(*started):
    """Kills the tasks of this list at the end, those that are added to it too."""
    running = list(started)
    try:
        yield running
    finally:
        for task in running:
            task.kill()


def wait(event, *tasks):
    """Waits for an event that one of these tasks will set.

    Raises:
        RuntimeError: in vain, or a task has ended before; with its error.
    """
    deadline = time.monotonic() + PATIENCE_SECS
    while not event.wait(0.1):
        for task in tasks:
            if task.has_ended:
                raise RuntimeError(f"the task ended before it was time: {task.result()}")
        if time.monotonic() > deadline:
            raise RuntimeError("waited in vain")
