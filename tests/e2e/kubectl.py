"""kubectl as a Python object: apply, read, and wait for a state by watching, never by sleeping."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Kubectl:
    """kubectl bound to one namespace."""

    namespace: str

    def run(self, *args: str, stdin: str | None = None, check: bool = True) -> str:
        """Runs kubectl and returns what it printed; raises AssertionError with its error text."""
        answer = subprocess.run(
            ["kubectl", "-n", self.namespace, *args],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert not check or answer.returncode == 0, f"kubectl {' '.join(args)}: {answer.stderr}"
        return answer.stdout

    def estimatorctl(self, *args: str) -> str:
        """Runs estimatorctl and returns what it printed; raises AssertionError with its error text."""
        answer = subprocess.run(
            ["estimatorctl", args[0], "-n", self.namespace, *args[1:]],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert answer.returncode == 0, f"estimatorctl {' '.join(args)}: {answer.stdout}{answer.stderr}"
        return answer.stdout

    def apply(self, *objects: Object) -> None:
        """kubectl apply of objects."""
        self.run("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def get(self, kind: str, name: str) -> Object:
        """One object."""
        return json.loads(self.run("get", kind, name, "-o", "json"))

    def list(self, kind: str, selector: str = "") -> list[Object]:
        """All objects of a kind, by label selector."""
        return json.loads(self.run("get", kind, "-l", selector, "-o", "json"))["items"]

    def watch(self, kind: str, name: str, *, timeout: float) -> Iterator[Object]:
        """States of one object as they come, the present one first; ends after `timeout` seconds.

        A watch of one object by its name does not show what has changed between kubectl's reading and the beginning of the
        watch; that of a list, which here has this one object, begins where the list was read.
        """
        one = f"--field-selector=metadata.name={name}"
        process = subprocess.Popen(
            ["kubectl", "-n", self.namespace, "get", kind, one, "-o", "json", "--watch"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        alarm = threading.Timer(timeout, process.kill)
        alarm.start()
        try:
            assert process.stdout
            decoder, text = json.JSONDecoder(), ""
            for line in process.stdout:
                text += line
                if line.rstrip() == "}":
                    state, _ = decoder.raw_decode(text)
                    text = ""
                    yield state
        finally:
            alarm.cancel()
            process.kill()
            process.wait()
            process.stdout.close()

    def wait(
        self, name: str, reached: Callable[[Object], bool], *, what: str, timeout: float = 240
    ) -> Object:
        """The job once `reached(job)` is true; AssertionError naming `what` when it fails or time runs out."""
        state: Object = {}
        for state in self.watch("estimatorjob", name, timeout=timeout):
            if reached(state):
                return state
            assert not is_true(state, "Failed") or what == "failed", (
                f"waiting for {what}: {condition(state, 'Failed')}"
            )
        raise AssertionError(
            f"{name}: no {what} within {timeout} s; status: {json.dumps(state.get('status'), indent=1)}"
        )

    def wait_pod(
        self, name: str, reached: Callable[[Object], bool], *, what: str, timeout: float = 120
    ) -> Object:
        """The pod once `reached(pod)` is true."""
        for state in self.watch("pod", name, timeout=timeout):
            if reached(state):
                return state
        raise AssertionError(f"pod {name}: no {what} within {timeout} s")

    def ask(self, pod: str, url: str) -> str:
        """What a URL answers to the main container of a pod, by the names that the cluster has."""
        ask = f"import urllib.request as r; print(r.urlopen({url!r}, timeout=60).read().decode())"
        return self.run("exec", pod, "-c", "estimator", "--", "python", "-c", ask)

    def describe_everything(self) -> str:
        """What a person would look at after a failure."""
        parts = [self.run("get", "estimatorjob,pod,pvc,service", "-o", "wide", check=False)]
        parts.append(self.run("get", "estimatorjob", "-o", "yaml", check=False))
        parts.append(self.run("get", "events", "--sort-by=.lastTimestamp", check=False))
        pods = self.run("get", "pods", "-o", "name", check=False).split()
        parts += [f"--- {pod}\n" + self.run("logs", pod, "--tail=40", check=False) for pod in pods]
        parts.append(
            Kubectl("estimator-operator").run(
                "logs", "-l", "app.kubernetes.io/name=estimator-operator", "--tail=60", check=False
            )
        )
        return "\n".join(parts)


def condition(job: Object, kind: str) -> Object:
    """The job's condition of a type, or an empty object."""
    conditions = job.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), {})


def is_true(job: Object, kind: str) -> bool:
    """Whether a condition is True."""
    return condition(job, kind).get("status") == "True"


def is_complete(job: Object) -> bool:
    """Whether the job has completed."""
    return is_true(job, "Complete")


def step(job: Object) -> int:
    """The global step in the status, 0 before the first."""
    return job.get("status", {}).get("progress", {}).get("globalStep", 0)


def restarts(job: Object) -> dict[str, int]:
    """Restarts by replica."""
    found = job["status"].get("restarts", {}).get("byReplica", [])
    return {one["replica"]: one["count"] for one in found}


def trains_beyond(before: Object, steps: int = 60) -> Callable[[Object], bool]:
    """Whether a job is training and has come further than `before` by so many steps."""
    return lambda job: is_true(job, "Ready") and step(job) >= step(before) + steps


def trains_with_workers(count: int) -> Callable[[Object], bool]:
    """Whether a job trains with so many workers, all of them ready."""

    def reached(job: Object) -> bool:
        roles = {one["role"]: one for one in job.get("status", {}).get("roles", [])}
        return (
            is_true(job, "Ready")
            and job["status"].get("workerReplicas") == count
            and roles.get("worker", {}).get("ready", 0) == count
        )

    return reached


def metrics_of(job: Object) -> dict[str, float]:
    """The metrics of the last evaluation."""
    return {one["name"]: float(one["value"]) for one in job["status"]["evaluation"]["metrics"]}
