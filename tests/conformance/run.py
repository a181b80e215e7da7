"""Runs the catalogue in the environment of this Python and writes what came of it, a file for each program.

    python run.py --out DIRECTORY --all|--programs|--misuses|--meets OWN OTHER|--repetition keras-2|v1 [NAME ...]
    python run.py --list

What is asked for runs in one process: importing TensorFlow takes longer than most programs. A program that hangs ends the
process, with a traceback, after its time; the programs after it have no result then.
"""

import argparse
import contextlib
import faulthandler
import gc
import json
import os
import shutil
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import tensorflow as tf

if not hasattr(tf, "estimator"):
    from estimator_runtime import compat

    compat.install()

import catalogue
import comparison
import traces

LONGEST_SECS = 600 if os.environ.get(catalogue.LONG) else 240
# Unless a program says how many steps its calls of the session make, here; nothing to the reference.
STEPS_PER_LOOP = "CONFORMANCE_STEPS_PER_LOOP"


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    for part in ("--list", "--all", "--programs", "--misuses"):
        parser.add_argument(part, action="store_true")
    parser.add_argument("--meets", type=Path, nargs=2, metavar=("OWN", "OTHER"))
    parser.add_argument("--repetition", choices=(catalogue.KERAS_2, catalogue.V1))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    if os.environ.get(STEPS_PER_LOOP):
        _set_steps_per_loop(int(os.environ[STEPS_PER_LOOP]))
    everything = catalogue.load()
    if options.list:
        covers = {program.name: sorted(program.covers) for program in everything.programs.values()}
        print(json.dumps({"programs": covers, "misuses": sorted(everything.misuses)}))
        return
    if options.repetition == catalogue.V1:
        tf.compat.v1.disable_v2_behavior()
    if not options.misuses:
        for program in everything.programs.values():
            if options.repetition and options.repetition not in program.repeated:
                continue
            if program.meets == bool(options.meets) and (not options.names or program.name in options.names):
                _run_program(program, options.out, options.meets)
    if options.all or options.misuses:
        misuses = {
            m.name: _misuse(m, options.out)
            for m in everything.misuses.values()
            if not options.names or m.name in options.names
        }
        _write(options.out / "misuses.json", misuses)


def _set_steps_per_loop(steps):
    """Gives every RunConfig of this package, the default one too, another default."""
    try:
        from estimator_runtime import RunConfig
    except ImportError:  # the reference
        return
    defaults = RunConfig.__init__.__defaults__
    RunConfig.__init__.__defaults__ = (*defaults[:-1], steps)


def _run_program(program, out, meets):
    directory = out / "directories" / program.name
    with _fresh(directory):
        started = time.monotonic()
        arguments = [str(directory), *(str(path / "directories") for path in meets or ())]
        try:
            result = program.run(*arguments)
            outcome = {"result": result}
        except Exception as error:
            outcome = {"raised": f"{type(error).__name__}: {error}"}
            _report(program.name, error)
        tf.compat.v1.summary.FileWriterCache.clear()
        outcome.update(traces.of(directory))
        hidden = {str(directory): "<dir>", **{str(path): "<results>" for path in meets or ()}}
        _write(
            out / f"{program.name}.json",
            {"outcome": comparison.plain(outcome, hidden), "seconds": time.monotonic() - started},
        )


def _misuse(misuse, out):
    directory = out / "directories" / "misuse"
    with _fresh(directory):
        try:
            misuse.run(str(directory))
        except Exception as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            return {"kinds": kinds, "message": comparison.normal(str(error), {str(directory): "<dir>"})}
        return {"kinds": [], "message": "nothing raised"}


@contextlib.contextmanager
def _fresh(directory):
    """An empty directory, a fresh graph, no TF_CONFIG, and a limit of time."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    os.environ.pop("TF_CONFIG", None)
    tf.compat.v1.reset_default_graph()
    tf.keras.backend.clear_session()
    # That collected garbage. What is left (TensorFlow's own 300,000 objects first) is none in the next program either.
    gc.freeze()
    faulthandler.dump_traceback_later(LONGEST_SECS, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _report(name, error):
    import traceback

    print(f"== {name}", file=sys.stderr)
    traceback.print_exception(error)


def _write(path, document):
    path.write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
