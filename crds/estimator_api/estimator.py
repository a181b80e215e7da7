"""The declarative Estimator: what `spec.estimator` says, and what reaches the pods as ESTIMATOR_SPEC."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from estimator_api.base import ApiModel, Distinct, Keyed, Rule
from estimator_api.strings import DirectoryName, Location, Reference, RelativePath

Count = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
PositiveCount = Annotated[int, Field(ge=1, json_schema_extra={"format": "int64"})]
Seconds = Annotated[int, Field(ge=0, le=2147483647, json_schema_extra={"format": "int32"})]
Mode = Literal["TrainAndEvaluate", "Train", "Evaluate", "Predict", "Export"]
TRAINING_MODES: Final = ("TrainAndEvaluate", "Train")
Hooks = Annotated[
    list[Reference], Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "atomic"})
]


class RunConfigSection(ApiModel):
    """How training saves and logs; tf.estimator.RunConfig's settings. Absent: RunConfig's own defaults."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!(has(self.saveCheckpointsSteps) && has(self.saveCheckpointsSeconds))",
            message="runConfig takes only one of saveCheckpointsSteps and saveCheckpointsSeconds",
            holds=lambda c: c.save_checkpoints_steps is None or c.save_checkpoints_seconds is None,
        ),
    )

    save_checkpoints_steps: PositiveCount | None = None
    """Save a checkpoint every so many steps."""
    save_checkpoints_seconds: Annotated[Seconds, Field(ge=1)] | None = None
    """Save a checkpoint every so many seconds (default 600 when neither is set)."""
    save_summary_steps: Count | None = None
    """Write summaries every so many steps (default 100; 0 turns them off)."""
    keep_checkpoint_max: (
        Annotated[int, Field(ge=0, le=2147483647, json_schema_extra={"format": "int32"})] | None
    ) = None
    """How many of the newest checkpoints to keep (default 5; 0 keeps all)."""
    keep_checkpoint_every_n_hours: (
        Annotated[int, Field(ge=1, le=2147483647, json_schema_extra={"format": "int32"})] | None
    ) = None
    """Keep one checkpoint for ever every so many hours (default 10000)."""
    log_step_count_steps: PositiveCount | None = None
    """Log the step rate and the loss every so many steps (default 100)."""
    tf_random_seed: Annotated[int, Field(json_schema_extra={"format": "int64"})] | None = None
    """Graph-level random seed."""
    iterations_per_loop: PositiveCount | None = None
    """Make so many training steps in one call at most, where no hook looks (absent: as many as take a tenth of a second; 1
    makes single steps)."""


class TrainSection(ApiModel):
    """Training: tf.estimator.TrainSpec."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!(has(self.maxSteps) && has(self.steps))",
            message="train takes only one of maxSteps (total) and steps (beyond the latest checkpoint)",
            holds=lambda t: t.max_steps is None or t.steps is None,
        ),
    )

    input_fn: Reference
    """Function that returns the training input (a tf.data.Dataset or features and labels)."""
    max_steps: PositiveCount | None = None
    """Total global steps; training ends there. Absent: until the input ends."""
    steps: PositiveCount | None = None
    """Steps beyond the latest checkpoint found when the job starts; mode Train only."""
    hooks: Hooks | None = None
    """References to SessionRunHook instances or to functions without arguments that return one."""


class EvaluateSection(ApiModel):
    """Evaluation: tf.estimator.EvalSpec."""

    input_fn: Reference
    """Function that returns the evaluation input."""
    steps: Count = 100
    """Batches per evaluation; 0 evaluates until the input ends."""
    name: DirectoryName | None = None
    """Name of the evaluation; its summaries go to eval_<name>."""
    start_delay_seconds: Seconds = 0
    """How long the evaluator waits before its first look; mode Evaluate does not wait."""
    throttle_seconds: Seconds = 60
    """At most one evaluation in so many seconds; mode Evaluate makes one."""
    checkpoint_path: Location | None = None
    """Checkpoint to evaluate instead of the latest in the model directory; mode Evaluate only."""
    hooks: Hooks | None = None
    """References to SessionRunHook instances or to functions without arguments that return one."""


class PredictSection(ApiModel):
    """Prediction: Estimator.predict over the whole input, written as JSON Lines."""

    input_fn: Reference
    """Function that returns the input; its end is the end of the job."""
    predict_keys: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=253)]],
            Field(min_length=1, max_length=64),
            Distinct(),
        ]
        | None
    ) = None
    """Names of the predictions to keep; absent: all."""
    checkpoint_path: Location | None = None
    """Checkpoint to predict with instead of the latest in the model directory."""
    output: Location | None = None
    """Directory for the predictions, one JSON object a line, in files `predictions-00000.jsonl` and so on; to `s3://` and
    `az://` they go when all are made. Absent: `predictions/<job>` in the model directory."""
    hooks: Hooks | None = None
    """References to SessionRunHook instances or to functions without arguments that return one."""


class Asset(ApiModel):
    """A file copied into an export under assets.extra/."""

    destination: RelativePath
    """Relative path below assets.extra/."""
    source: Location
    """Path or URI of the file."""


class Export(ApiModel):
    """A SavedModel export, made after evaluations or, in mode Export, at once."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.kind == 'Best' || !(has(self.compareMetric) || has(self.compareGoal))",
            message="compareMetric and compareGoal belong to exports of kind Best",
            holds=lambda e: e.kind == "Best" or (e.compare_metric is None and e.compare_goal is None),
        ),
        Rule(
            cel="self.kind != 'Final' || !has(self.exportsToKeep)",
            message="belongs to exports of kind Latest and Best: Final makes one",
            field_path=".exportsToKeep",
            holds=lambda e: e.kind != "Final" or e.exports_to_keep is None,
        ),
    )

    name: DirectoryName
    """Directory below export/ in the model directory."""
    kind: Literal["Final", "Latest", "Best"] = "Final"
    """Final: once, when training has ended, or in mode Export at once. Latest: after every evaluation. Best: when
    the metric improves."""
    serving_input_receiver_fn: Reference
    """Function without arguments that returns a ServingInputReceiver."""
    exports_to_keep: Annotated[int, Field(ge=1, le=1000, json_schema_extra={"format": "int32"})] | None = None
    """How many exports to keep (default 5); Latest and Best."""
    assets_extra: Annotated[list[Asset], Field(max_length=64), Keyed("destination")] | None = None
    """Files copied into the export."""
    as_text: bool = False
    """Write saved_model.pbtxt instead of saved_model.pb."""
    checkpoint_path: Location | None = None
    """Checkpoint to export instead of the latest in the model directory; mode Export only."""
    compare_metric: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Metric that decides what is best (default loss)."""
    compare_goal: Literal["LowerIsBetter", "HigherIsBetter"] | None = None
    """Which way the metric improves (default LowerIsBetter)."""


def _only_in(section: str, modes: str, *names: str, needed: bool = False) -> tuple[Rule, ...]:
    """Rules that tie a section to the modes that use it.

    Args:
        section: The section as JSON calls it; one word, so the model calls it the same.
        modes: The modes in words.
        names: The modes.
        needed: These modes cannot do without the section.
    """
    listed = ", ".join(f"'{name}'" for name in names)
    rules = [
        Rule(
            cel=f"!has(self.{section}) || self.mode in [{listed}]",
            message=f"belongs to {modes}: remove it or change the mode",
            field_path=f".{section}",
            holds=lambda e: getattr(e, section) is None or e.mode in names,
            reason="FieldValueForbidden",
        )
    ]
    if needed:
        rules.append(
            Rule(
                cel=f"has(self.{section}) || !(self.mode in [{listed}])",
                message=f"{modes} needs the section {section}: add it or change the mode",
                field_path=f".{section}",
                holds=lambda e: getattr(e, section) is not None or e.mode not in names,
                reason="FieldValueRequired",
            )
        )
    return tuple(rules)


class EstimatorSection(ApiModel):
    """The declarative Estimator: model_fn, input functions, exports."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *_only_in("train", "mode TrainAndEvaluate or Train", *TRAINING_MODES, needed=True),
        *_only_in(
            "evaluate", "mode TrainAndEvaluate or Evaluate", "TrainAndEvaluate", "Evaluate", needed=True
        ),
        *_only_in("predict", "mode Predict", "Predict", needed=True),
        *_only_in("exports", "mode TrainAndEvaluate or Export", "TrainAndEvaluate", "Export"),
        Rule(
            cel="!has(self.warmStartFrom) || self.mode in ['TrainAndEvaluate', 'Train']",
            message="belongs to mode TrainAndEvaluate or Train: other modes read a checkpoint and start nothing",
            field_path=".warmStartFrom",
            holds=lambda e: e.warm_start_from is None or e.trains,
            reason="FieldValueForbidden",
        ),
        Rule(
            cel="self.mode != 'Export' || (has(self.exports) && size(self.exports) > 0)",
            message="mode Export needs at least one item in exports: add it or change the mode",
            field_path=".exports",
            holds=lambda e: e.mode != "Export" or bool(e.exports),
            reason="FieldValueRequired",
        ),
        Rule(
            cel="self.mode != 'Export' || !has(self.exports) || self.exports.all(e, e.kind == 'Final')",
            message="mode Export makes every export once, at once: kind must be Final or absent",
            field_path=".exports",
            holds=lambda e: e.mode != "Export" or all(one.kind == "Final" for one in e.exports or ()),
        ),
        Rule(
            cel="self.mode == 'Export' || !has(self.exports) || self.exports.all(e, !has(e.checkpointPath))",
            message="exports[].checkpointPath belongs to mode Export: other modes export what they evaluate",
            field_path=".exports",
            holds=lambda e: e.mode == "Export" or all(x.checkpoint_path is None for x in e.exports or ()),
        ),
        Rule(
            cel="self.mode == 'Train' || !has(self.train) || !has(self.train.steps)",
            message="belongs to mode Train: mode TrainAndEvaluate takes train.maxSteps",
            field_path=".train.steps",
            holds=lambda e: e.mode == "Train" or e.train is None or e.train.steps is None,
        ),
        Rule(
            cel="self.mode == 'Evaluate' || !has(self.evaluate) || !has(self.evaluate.checkpointPath)",
            message="belongs to mode Evaluate: mode TrainAndEvaluate evaluates the checkpoints it saves",
            field_path=".evaluate.checkpointPath",
            holds=lambda e: e.mode == "Evaluate" or e.evaluate is None or e.evaluate.checkpoint_path is None,
        ),
    )

    mode: Mode = "TrainAndEvaluate"
    """What the job does: TrainAndEvaluate trains with evaluations and exports, Train trains alone. Evaluate, Predict
    and Export do once what the Estimator's methods of these names do, in one pod, with the model directory's latest
    checkpoint or the one they are given."""
    model_fn: Reference
    """The model function: `(features, labels, mode[, params[, config[, model_dir]]])` returning an EstimatorSpec."""
    params: dict[str, Any] | None = Field(
        default=None,
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    """Hyperparameters passed to the functions that take `params`; any JSON object."""
    run_config: RunConfigSection | None = None
    """How often training saves checkpoints and summaries and logs (tf.estimator.RunConfig). Absent fields take
    RunConfig's own defaults."""
    warm_start_from: Location | None = None
    """Checkpoint or SavedModel directory to start training from when the model directory has no checkpoint."""
    train: TrainSection | None = None
    """The training input and when training ends (tf.estimator.TrainSpec). Modes TrainAndEvaluate and Train need it."""
    evaluate: EvaluateSection | None = None
    """How checkpoints are evaluated (tf.estimator.EvalSpec). Modes TrainAndEvaluate and Evaluate need it."""
    predict: PredictSection | None = None
    """What is predicted and where the predictions go. Mode Predict needs it."""
    exports: Annotated[list[Export], Field(max_length=16), Keyed("name")] | None = None
    """SavedModels, each below export/<name> in the model directory: after evaluations in mode TrainAndEvaluate, at
    once in mode Export."""

    @property
    def trains(self) -> bool:
        """Whether the mode trains, and so may have workers, parameter servers and an evaluator."""
        return self.mode in TRAINING_MODES
