"""The declarative form: `spec.estimator` in, a training done.

Everything that can be wrong with the section is found before anything is trained, and is a `JobConfigError` that
names the field.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from estimator_api import EstimatorSection, EvaluateSection, Export, RunConfigSection
from estimator_api.constants import ENV_MODEL_DIR, ENV_SPEC
from estimator_runtime.cluster.tf_config import TaskType
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.estimator import Estimator
from estimator_runtime.export.exporters import BestExporter, Exporter, FinalExporter, LatestExporter
from estimator_runtime.job import declared_strategy, step_target
from estimator_runtime.job.modes import evaluate_mode, export_mode, predict_mode
from estimator_runtime.job.settings import stored_files
from estimator_runtime.job.settings.environment import Environment
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.settings.hook_references import resolve_hooks
from estimator_runtime.job.settings.locations import check_scheme, local_file
from estimator_runtime.job.settings.references import resolve_callable
from estimator_runtime.training import dispatch, roles
from estimator_runtime.training.specs import EvalSpec, TrainSpec

_TRAINING_TASKS = (TaskType.CHIEF, TaskType.MASTER, TaskType.WORKER)


def parse(text: str) -> EstimatorSection:
    """Reads the section from its JSON form.

    Raises:
        JobConfigError: it is not JSON or breaks a rule of the API.
    """
    try:
        return EstimatorSection.model_validate_json(text)
    except ValidationError as error:
        faults = (
            f"{'.'.join(str(part) for part in ('estimator', *one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False, include_input=False)
        )
        raise JobConfigError(f"{ENV_SPEC}: {'; '.join(faults)}") from error


def run(section: EstimatorSection, environment: Environment) -> None:
    """Does this replica's part of the job.

    Raises:
        JobConfigError: the section or the environment cannot work.
    """
    # First of all: once the model's modules have used TensorFlow, it takes no cluster any more.
    strategy = declared_strategy.of(environment)
    with _blaming("estimator"):
        config = run_config(section.run_config, environment, strategy)
        estimator = Estimator(
            resolve_callable(section.model_fn, field="estimator.modelFn"),
            config=config,
            params=section.params,
            warm_start_from=_warm_start(section.warm_start_from, config),
        )
    if section.mode == "Evaluate":
        evaluate_mode.run(section, estimator)
    elif section.mode == "Predict":
        predict_mode.run(section, estimator, environment)
    elif section.mode == "Export":
        export_mode.run(section, estimator)
    else:
        _train(section, estimator, config, environment)


def _train(
    section: EstimatorSection, estimator: Estimator, config: RunConfig, environment: Environment
) -> None:
    """Modes TrainAndEvaluate and Train: this replica's part of the training."""
    assert section.train is not None, "a rule of the API"
    train_input = resolve_callable(section.train.input_fn, field="estimator.train.inputFn")
    trains = config.task_type in _TRAINING_TASKS
    hooks = resolve_hooks(section.train.hooks, field="estimator.train.hooks") if trains else []
    eval_spec = None
    if section.mode == "TrainAndEvaluate":
        assert section.evaluate is not None, "a rule of the API"
        eval_spec = _eval_spec(section.evaluate, section.exports or [], config)
    check_scheme(str(config.model_dir), field="modelDir.uri")
    max_steps = section.train.max_steps
    if section.train.steps is not None and trains:
        max_steps = _step_limit(section.train.steps, config, environment)
    train_spec = TrainSpec(train_input, max_steps=max_steps, hooks=hooks)
    if eval_spec is None:
        roles.train(estimator, train_spec)
    else:
        dispatch.train_and_evaluate(estimator, train_spec, eval_spec)


def _warm_start(given: str | None, config: RunConfig) -> str | None:
    """Where the first values are; parameter servers read theirs from the path that the chief knows."""
    if given is None or not stored_files.is_stored(given):
        return given
    # An evaluator's session is its own, and it may outlive the others.
    in_cluster = config.num_ps_replicas > 0 and config.task_type != TaskType.EVALUATOR
    field = "estimator.warmStartFrom"
    return stored_files.checkpoint(given, field=field, task=config if in_cluster else None)


def run_config(section: RunConfigSection | None, environment: Environment, strategy: Any = None) -> RunConfig:
    """Makes the RunConfig: the section's settings, the strategy, and the place that TF_CONFIG gives.

    Raises:
        JobConfigError: nobody says where the model directory is.
        ValueError: TF_CONFIG breaks a rule.
    """
    if environment.model_dir is None:
        raise JobConfigError(
            f"{ENV_MODEL_DIR} is not set and TF_CONFIG has no model_dir: there is no place for the model"
        )
    section = section or RunConfigSection()
    settings: dict[str, Any] = {
        "save_checkpoints_steps": section.save_checkpoints_steps,
        "save_checkpoints_secs": section.save_checkpoints_seconds,
        "save_summary_steps": section.save_summary_steps,
        "keep_checkpoint_max": section.keep_checkpoint_max,
        "keep_checkpoint_every_n_hours": section.keep_checkpoint_every_n_hours,
        "log_step_count_steps": section.log_step_count_steps,
        "tf_random_seed": section.tf_random_seed,
        "steps_per_loop": section.iterations_per_loop,
        # Workers start one after another when a job begins; one that comes back has been waited for long enough.
        "experimental_max_worker_delay_secs": 0 if environment.attempt else None,
        "train_distribute": strategy,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    return RunConfig(model_dir=environment.model_dir, **given)


def _eval_spec(section: EvaluateSection, exports: Iterable[Export], config: RunConfig) -> EvalSpec:
    evaluates = config.task_type == TaskType.EVALUATOR or not config.cluster_spec
    return EvalSpec(
        resolve_callable(section.input_fn, field="estimator.evaluate.inputFn"),
        steps=section.steps or None,
        name=section.name,
        hooks=resolve_hooks(section.hooks, field="estimator.evaluate.hooks") if evaluates else [],
        exporters=[_exporter(export, section.name, reads=evaluates) for export in exports],
        start_delay_secs=section.start_delay_seconds,
        throttle_secs=section.throttle_seconds,
    )


def _exporter(export: Export, evaluation: str | None, *, reads: bool) -> Exporter:
    field = f"estimator.exports[{export.name}]"
    receiver_fn = resolve_callable(export.serving_input_receiver_fn, field=f"{field}.servingInputReceiverFn")
    assets = {
        asset.destination: local_file(asset.source, field=f"{field}.assetsExtra[{asset.destination}].source")
        if reads and stored_files.is_stored(asset.source)
        else asset.source
        for asset in export.assets_extra or []
    } or None
    keep = {} if export.exports_to_keep is None else {"exports_to_keep": export.exports_to_keep}
    if export.kind == "Final":
        return FinalExporter(export.name, receiver_fn, assets_extra=assets, as_text=export.as_text)
    if export.kind == "Latest":
        return LatestExporter(export.name, receiver_fn, assets_extra=assets, as_text=export.as_text, **keep)
    return BestExporter(
        export.name,
        receiver_fn,
        event_file_pattern=f"eval_{evaluation}/*.tfevents.*" if evaluation else "eval/*.tfevents.*",
        compare_fn=Improvement(
            export.compare_metric or "loss",
            higher_is_better=export.compare_goal == "HigherIsBetter",
            field=f"{field}.compareMetric",
        ),
        assets_extra=assets,
        as_text=export.as_text,
        **keep,
    )


class Improvement:
    """A `compare_fn` that looks at one metric.

    Args:
        metric: name of the metric.
        higher_is_better: which way it improves.
        field: path of the field that names the metric, for the error.
    """

    def __init__(self, metric: str, *, higher_is_better: bool, field: str) -> None:
        self._metric = metric
        self._sign = 1.0 if higher_is_better else -1.0
        self._field = field

    def __call__(self, best_eval_result: Mapping[str, Any], current_eval_result: Mapping[str, Any]) -> bool:
        """Tells whether the current result is better; what is not a number never is.

        Raises:
            JobConfigError: the evaluation has no such metric.
        """
        if self._metric not in current_eval_result:
            known = ", ".join(sorted(current_eval_result))
            raise JobConfigError(
                f"{self._field}: the evaluation has no metric {self._metric!r}; it has {known}"
            )
        current = self._sign * float(current_eval_result[self._metric])
        best = self._sign * float(best_eval_result.get(self._metric, math.nan))
        return not math.isnan(current) and (math.isnan(best) or current > best)


def _step_limit(steps: int, config: RunConfig, environment: Environment) -> int:
    assert config.model_dir is not None, "run_config has set it"
    if config.is_chief:
        return step_target.declare(config.model_dir, run=environment.job, steps=steps)
    return step_target.await_declared(config.model_dir, run=environment.job, steps=steps)


@contextmanager
def _blaming(field: str) -> Iterator[None]:
    """Turns complaints about arguments into errors of the job's configuration."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise JobConfigError(f"{field}: {error}") from error
