"""`python -m estimator_runtime.job`: one replica from its start to its exit code.

Exit codes are those of docs/pod-contract.md: 0 done, 78 for what no retry can mend, 143 after SIGTERM, the program's
own when it chose one, 1 for everything else. However it ends, the last progress document goes to the termination
message, and what was raised goes to stderr in full.

TensorFlow, which takes seconds to import, is imported when progress is served and SIGTERM obeyed: the first process
of a container would not even be ended by a signal that it does not handle.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from estimator_api.constants import CHIEF, ENV_ROLE, ENV_SPEC, EXIT_CONFIG
from estimator_runtime import interruption, observation
from estimator_runtime.cluster import proxies
from estimator_runtime.job.progress import termination_message
from estimator_runtime.job.progress.endpoint import Endpoint
from estimator_runtime.job.progress.recorder import Recorder
from estimator_runtime.job.settings import environment
from estimator_runtime.job.settings.environment import Environment
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.termination import CHIEF_STEP_SECS, STEP_SECS, Termination

Work = Callable[[Environment], None]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise JobConfigError(f"{self.prog}: {message}")


def parse(arguments: Sequence[str]) -> Work:
    """Reads the command line and returns what is to be run.

    Raises:
        JobConfigError: it is not understood.
    """
    parser = _Parser(
        prog="python -m estimator_runtime.job",
        description="Runs one replica of an EstimatorJob: what ESTIMATOR_SPEC says, or a program of one's own.",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--module", help="run this module with tf.estimator present")
    form.add_argument("--script", help="run this file with tf.estimator present")
    parser.epilog = "What follows -- are the program's arguments."
    own, theirs = _split(arguments)
    parsed = parser.parse_args(own)
    if parsed.module or parsed.script:
        return lambda settings: _run_program(parsed.module, parsed.script, settings.local(theirs))
    if theirs:
        raise JobConfigError(f"{parser.prog}: arguments are for a program; give --module or --script")
    return _run_declared


def main(arguments: Sequence[str]) -> NoReturn:
    """Runs the replica and ends the process."""
    try:
        work = parse(arguments)
        environment.load()
        settings = environment.read()
    except JobConfigError as error:
        recorder = Recorder(os.environ.get(ENV_ROLE) or CHIEF, 0)
        _say_failure(error, recorder)
        termination_message.write(environment.termination_log(os.environ), recorder.document())
        sys.exit(EXIT_CONFIG)
    code = run(work, settings)
    sys.stdout.flush()
    sys.stderr.flush()
    if code == interruption.EXIT_CODE:
        # Threads of TensorFlow's servers would be waited for; everything worth keeping is written.
        os._exit(code)
    sys.exit(code)


def run(work: Work, settings: Environment) -> int:
    """Runs `work` with progress, SIGTERM and the termination message looked after; returns the exit code."""
    recorder = Recorder(settings.role, settings.index)

    def leave_message() -> None:
        termination_message.write(settings.termination_log, recorder.document())

    def leave() -> None:
        recorder.stopped(_stopped(recorder))
        leave_message()
        os._exit(interruption.EXIT_CODE)

    termination = Termination(CHIEF_STEP_SECS if settings.role == CHIEF else STEP_SECS, leave)
    # How TensorFlow's C++ was built for this processor is no news to anybody; its warnings stay.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    endpoint = Endpoint(recorder.document)
    if settings.progress_port is not None:
        endpoint.start(settings.progress_host, settings.progress_port)
    try:
        try:
            termination.install()
            from estimator_runtime.job import deprecations, devices, model_store
            from estimator_runtime.job.observer import JobObserver

            deprecations.leave_out()
            # A program may make its strategy, and that its connections, before anything reads TF_CONFIG.
            proxies.leave_out()
            devices.tell_of_missing_gpus()
            observation.install(JobObserver(recorder, termination, leave_message=leave_message))
            with model_store.opened(settings, recorder, termination) as placed:
                work(placed)
            termination.check()
        finally:
            termination.ignore()
    except BaseException as error:  # noqa: BLE001 - the one place where everything ends
        code = _ended(error, recorder)
    else:
        recorder.finished()
        code = 0
    leave_message()
    observation.install(None)
    endpoint.stop()
    return code


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The runner's own arguments, and the program's after the first `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return list(arguments[:end]), list(arguments[end + 1 :])


def _run_declared(settings: Environment) -> None:
    if settings.spec is None:
        raise JobConfigError(
            f"there is nothing to run: {ENV_SPEC} is not set and no --module or --script is given"
        )
    import tensorflow as tf

    from estimator_runtime import compat
    from estimator_runtime.job import declared

    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)
    compat.install()
    declared.run(declared.parse(settings.spec), settings)


def _run_program(module: str | None, script: str | None, arguments: Sequence[str]) -> None:
    from estimator_runtime.job import program

    if module is not None:
        program.run_module(module, arguments)
    elif script is not None:
        program.run_script(script, arguments)


def _ended(error: BaseException, recorder: Recorder) -> int:
    """Records and says why the replica ended; returns the exit code."""
    if isinstance(error, OSError):
        from estimator_runtime.errors import AnotherWriterError

        if isinstance(error, AnotherWriterError):
            # It asks for an end as SIGTERM does, and is the reason for it.
            return _say_failure(error, recorder)
    if isinstance(error, interruption.Interrupted) or interruption.requested():
        if not isinstance(error, interruption.Interrupted):
            traceback.print_exception(error)
        recorder.stopped(_stopped(recorder))
        return interruption.EXIT_CODE
    if isinstance(error, SystemExit):
        return _program_exit(error, recorder)
    return _say_failure(error, recorder)


def _program_exit(error: SystemExit, recorder: Recorder) -> int:
    """A program's own `sys.exit`, with the meaning that Python gives its argument."""
    if error.code is None or error.code == 0:
        recorder.finished()
        return 0
    if isinstance(error.code, int):
        recorder.failed(f"The program ended with exit code {error.code}.")
        return error.code & 0xFF
    print(error.code, file=sys.stderr)  # noqa: T201 - as Python does
    recorder.failed(termination_message.one_line(str(error.code)))
    return 1


def _say_failure(error: BaseException, recorder: Recorder) -> int:
    if isinstance(error, KeyboardInterrupt):
        recorder.failed("Interrupted from the keyboard.")
        return 130
    if isinstance(error, JobConfigError):
        code, reason, to_show = EXIT_CONFIG, str(error), error.__cause__
    else:
        from estimator_runtime.job import failures

        (code, reason), to_show = failures.describe(error), error
    if to_show is not None:
        traceback.print_exception(to_show)
    reason = termination_message.one_line(reason)
    recorder.failed(reason)
    print(f"estimator_runtime.job: {reason}", file=sys.stderr)  # noqa: T201 - for who reads the pod's log
    return code


def _stopped(recorder: Recorder) -> str:
    checkpoint = recorder.document().checkpoint
    saved = f"; the latest checkpoint is of step {checkpoint.global_step}" if checkpoint is not None else ""
    return f"Stopped by SIGTERM{saved}."
