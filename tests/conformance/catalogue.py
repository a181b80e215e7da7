"""What is compared: programs, programs that meet the other environment's files, and misuses.

A program is a function of an empty directory; it uses `tf.estimator` and returns what it saw. It is run in a fresh
graph, and what it leaves in its directory (checkpoints, event files, exports) is compared without being asked for. To
add one, write the function:

    @program("train steps", "checkpoint names")
    def two_calls(directory):
        ...
        return {"names": estimator.get_variable_names()}

`differs` names what is meant to differ, and why: {pattern of a path in the result: reason}. `repeated` names the other
ways of TensorFlow in which the program is run too, each with what differs there: {KERAS_2: {}, V1: {}}. A misuse is a function
that must fail the same way, or be taken in both; `wording` says why its message is not tf.estimator's, `outcome` why it ends otherwise.
A difference that is declared and not there fails the comparison as one that is there and not declared.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

# What tf.estimator's users expect, by this project's short names: each has a program at least.
FEATURES = frozenset(
    name.strip()
    for group in (
        # The Estimator itself
        "constructor, model_fn arguments, properties, eval_dir, latest_checkpoint, variables, subclass",
        "train steps, train max_steps, end of input, train hooks, request to stop, saving listeners, NaN loss",
        "loss summary, saver, checkpoint names, summaries, scaffold, collections, random seed",
        "evaluate, evaluate steps, evaluate untrained, evaluate summaries, evaluate name, evaluate hooks",
        "predict, predict keys, predict batches, predict untrained, predict hooks, checkpoint_path",
        "input_fn dataset, input_fn tensors, input_fn arguments, input_fn queues",
        # Export
        "export_savedmodel, export_saved_model, all-modes export, assets, as_text, export names, signatures",
        # RunConfig and TF_CONFIG
        "RunConfig properties, RunConfig replace, RunConfig model_dir, session_config, device filters, device_fn",
        "TF_CONFIG none, TF_CONFIG chief, TF_CONFIG evaluator, TF_CONFIG master, global id, train_distribute, synchronous workers",
        # train_and_evaluate
        "TrainSpec, EvalSpec, local loop, chief, worker, master, ps, evaluator, final export",
        # Exporters and hooks
        "Exporter, LatestExporter, FinalExporter, BestExporter, make_early_stopping_hook, stop_if hooks",
        "stop at checkpoint, InMemoryEvaluatorHook, hook aliases",
        # Model functions and the rest
        "ModeKeys, EstimatorSpec, Keras metrics, Keras layers, feature columns, WarmStartSettings, VocabInfo",
        "ServingInputReceiver, TensorServingInputReceiver, parsing receiver, raw receiver, supervised receiver",
        "export outputs, call_logit_fn, add_metrics, numpy_input_fn, pandas_input_fn",
        "DNN, Linear, Baseline, DNNLinearCombined, parse_example_spec, heads, KMeans, LinearSDCA, RNN",
        "TPUEstimator, TPUEstimatorSpec, TPUConfig, tpu RunConfig, host_call",
    )
    for name in group.split(",")
)


KERAS_2, V1 = "keras-2", "v1"
"""Ways of TensorFlow in which programs are repeated: with tf_keras and TF_USE_LEGACY_KERAS=1, which the reference is
anyway, and after tf.compat.v1.disable_v2_behavior(), in both environments."""
EVERYWHERE: Mapping[str, Mapping[str, str]] = {KERAS_2: {}, V1: {}}
"""Repeated in both ways, in which nothing differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A function that is run in both environments.

    Attributes:
        run: the function; of its directory, or with `meets` of its directory and the two environments' results.
        covers: features, of FEATURES.
        differs: pattern of paths in the result -> why they differ.
        meets: whether it is run when all others are done, on the files that they left in both environments.
        repeated: KERAS_2 or V1 -> what differs in that repetition, as `differs`.
    """

    run: Callable[..., Any]
    covers: frozenset[str]
    differs: Mapping[str, str]
    meets: bool
    repeated: Mapping[str, Mapping[str, str]]

    @property
    def name(self) -> str:
        return self.run.__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class Misuse:
    """A function that raises, or is taken in both; see the module's docstring for `wording` and `outcome`."""

    name: str
    run: Callable[[str], Any]
    wording: str | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    programs: dict[str, Program] = field(default_factory=dict)
    misuses: dict[str, Misuse] = field(default_factory=dict)


CATALOGUE = Catalogue()


def program(
    *covers: str,
    differs: Mapping[str, str] | None = None,
    meets: bool = False,
    repeated: Mapping[str, Mapping[str, str]] | None = None,
):
    """Puts a function into the catalogue."""
    unknown = set(covers) - FEATURES
    assert not unknown, f"not in FEATURES: {unknown}"
    repeated = repeated or {}
    assert set(repeated) <= {KERAS_2, V1}, repeated
    assert not (meets and repeated), "the other environment's files are met once"

    def add(run):
        made = Program(
            run=run, covers=frozenset(covers), differs=differs or {}, meets=meets, repeated=repeated
        )
        assert made.name not in CATALOGUE.programs, made.name
        CATALOGUE.programs[made.name] = made
        return run

    return add


def misuse(
    name: str, run: Callable[[str], Any], *, wording: str | None = None, outcome: str | None = None
) -> None:
    """Puts a misuse, a function of an empty directory, into the catalogue."""
    assert name not in CATALOGUE.misuses, name
    CATALOGUE.misuses[name] = Misuse(name=name, run=run, wording=wording, outcome=outcome)


LONG, ONCE = "CONFORMANCE_LONG", "CONFORMANCE_ONCE"
"""Variables of the environment: one asks for what takes long as well, the other for no repetitions."""
# Real clusters of processes, canned Estimators argument by argument, and what few programs use: minutes more than the rest
# together.
_LONG = frozenset(
    f"programs_{name}"
    for name in (
        "additions",
        "canned_arguments",
        "cluster",
        "collective",
        "columns",
        "frames",
        "head_methods",
        "head_specs",
        "keras_models_cluster",
        "keras_models_objects",
        "keras_optimizers",
        "kmeans",
        "labels",
        "multi_head",
        "neighbours",
        "object_warm_starts",
        "odd_arguments",
        "odd_functions",
        "odd_inputs",
        "odd_specs",
        "rnn",
        "rows",
        "sdca",
        "sdca_cluster",
        "sequential_heads",
        "strategy_canned",
        "strategy_models",
        "tpu_embeddings",
        "tpu_cluster",
    )
)


def load() -> Catalogue:
    """Imports the modules with programs and misuses beside this one; what takes long is left out unless asked for."""
    for pattern in ("programs_*.py", "misuses_*.py"):
        for path in sorted(Path(__file__).parent.glob(pattern)):
            importlib.import_module(path.stem)
    is_long, is_once = (bool(os.environ.get(name)) for name in (LONG, ONCE))
    chosen = {
        name: replace(one, repeated={}) if is_once else one
        for name, one in CATALOGUE.programs.items()
        if is_long or one.run.__module__ not in _LONG
    }
    return Catalogue(chosen, CATALOGUE.misuses)
