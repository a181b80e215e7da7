"""`estimatorctl run`: a job as processes of this machine."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan import Settings, plan
from estimatorctl.errors import CommandError, ManifestError
from estimatorctl.local.child import Child
from estimatorctl.local.clock import Clock
from estimatorctl.local.code import code_files, write_files
from estimatorctl.local.ending import last_lines
from estimatorctl.local.inputs import stage
from estimatorctl.local.launch import launch_of, not_run_locally, replica_of
from estimatorctl.local.model_dir_lock import model_dir_lock
from estimatorctl.local.pods import observed
from estimatorctl.local.run import LocalRun, Reporter, document_of
from estimatorctl.local.workplace import Workplace, workplace_of
from estimatorctl.manifest import Manifest, read_manifest
from estimatorctl.render.screen import Screen

INTERRUPTED: Final = 130
_LINES_OF_A_FAILURE: Final = 10
_DESCRIPTION: Final = """\
Runs an EstimatorJob as processes of this machine: chief, workers, ps and evaluator on loopback ports, with the
operator's own rules for success, restarts and deadlines. Needs Python and the job's code, no cluster.

Ctrl-C stops the job with a checkpoint; the same command continues from it. A second Ctrl-C stops at once.
Exit codes: 0 complete, 1 failed, 2 wrong manifest or usage, 130 stopped by Ctrl-C."""


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "run",
        help="run a job as local processes",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("manifest", type=Path, metavar="JOB.YAML", help="file with the EstimatorJob")
    parser.add_argument("--name", help="which job of the file, when it holds several")
    parser.add_argument("-n", "--namespace", help="namespace of a job whose manifest names none")
    parser.add_argument(
        "--model-dir",
        metavar="DIR",
        help="where the model goes (default: the name of the job's claim, <job>-model)",
    )
    parser.add_argument(
        "--code", type=Path, metavar="DIR", help="folder with the code, in the place of the job's ConfigMap"
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the job; returns the exit code."""
    manifest = read_manifest(arguments.manifest, name=arguments.name, namespace=arguments.namespace)
    job = manifest.job
    if job.spec.suspend:
        raise ManifestError(["spec.suspend: is true, so nothing would run"], str(manifest.path))
    if arguments.code is not None and not arguments.code.is_dir():
        raise CommandError(f"--code: {arguments.code} is no folder")
    files = code_files(manifest) if arguments.code is None else {}
    workplace = workplace_of(job, model_dir=arguments.model_dir, code=arguments.code, here=Path.cwd())
    with model_dir_lock(workplace.own, workplace.model_dir):
        if arguments.code is None:
            _lay_out(files, workplace)
        try:
            _stage(job, workplace)
        except KeyboardInterrupt:
            return INTERRUPTED
        return asyncio.run(_run(manifest, workplace))


def _lay_out(files: Mapping[str, bytes], workplace: Workplace) -> None:
    if workplace.code is not None:
        # What an earlier run laid out may hold files that the job no longer has.
        shutil.rmtree(workplace.code, ignore_errors=True)
        write_files(files, workplace.code)


def _stage(job: EstimatorJob, workplace: Workplace) -> None:
    """Brings the inputs, with the variables of the first replica's process."""
    if workplace.inputs:
        pods = plan(job, observed(()), Clock().now(), Settings()).create_pods
        launch = launch_of(pods[0], workplace.place(*replica_of(pods[0])))
        stage(job, workplace.own, launch.environment)


async def _run(manifest: Manifest, workplace: Workplace) -> int:
    clock = Clock()
    job = manifest.job
    screen = Screen(Console(highlight=False), clock.now)

    def failed(child: Child) -> None:
        assert child.ending is not None
        screen.note(
            f"{child.launch.replica} ended with exit code {child.ending.exit_code}; {child.log} ends with:"
        )
        for line in last_lines(child.log, _LINES_OF_A_FAILURE):
            screen.note(f"  {line}", style="dim")

    reporter = Reporter(status=lambda job: screen.show(document_of(job)), failure=failed)
    run = LocalRun(job, workplace, reporter=reporter, clock=clock)
    screen.note(f"model directory: {workplace.model_dir}")
    screen.note(f"logs:            {workplace.run}")
    for line in _left_out(job, workplace, clock):
        screen.note(f"note: {line}")

    def interrupt() -> None:
        if not run.interrupted:
            screen.note("stopping after a checkpoint; once more stops at once")
        run.interrupt()

    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means: go on without the terminal
        loop.add_signal_handler(signal.SIGHUP, interrupt)
    with screen:
        job = await run.run()
    screen.page(_final_document(job))
    if job.status.is_true(c.COMPLETE):
        return 0
    if job.status.is_true(c.FAILED):
        return 1
    command = shlex.join(["estimatorctl", *sys.argv[1:]])
    screen.note(f"\nTo continue{_from(job)}:\n  {command}")
    return INTERRUPTED


def _final_document(job: EstimatorJob) -> dict[str, Any]:
    """The job's document; a local suspension is told in words that fit here."""
    document = document_of(job)
    for condition in document["status"]["conditions"]:
        if condition["reason"] == c.REASON_SUSPENDED:
            condition["message"] = "stopped by a signal; no process is left"
    return document


def _from(job: EstimatorJob) -> str:
    latest = job.status.checkpoints.latest if job.status.checkpoints is not None else None
    return "" if latest is None else f" from the checkpoint of step {latest.global_step}"


def _left_out(job: EstimatorJob, workplace: Workplace, clock: Clock) -> list[str]:
    """What the job's pods would have and its processes have not, each said once."""
    made = plan(job, observed(()), clock.now(), Settings())
    lines = [line for pod in made.create_pods for line in not_run_locally(pod)]
    if job.spec.tensor_board is not None and job.spec.tensor_board.enabled:
        command = shlex.join(["tensorboard", "--logdir", workplace.model_dir])
        lines.append(f"TensorBoard is not run; to have one: {command}")
    return list(dict.fromkeys(lines))
