"""Mode Evaluate: `Estimator.evaluate`, once."""

from estimator_api import EstimatorSection
from estimator_runtime.estimator import Estimator
from estimator_runtime.job.settings.hook_references import resolve_hooks
from estimator_runtime.job.settings.locations import checkpoint_for
from estimator_runtime.job.settings.references import resolve_callable


def run(section: EstimatorSection, estimator: Estimator) -> None:
    """Evaluates one checkpoint; the observer learns the metrics, the event files are in `eval[_name]`.

    Raises:
        JobConfigError: a reference does not import, or there is no checkpoint.
    """
    evaluate = section.evaluate
    assert evaluate is not None, "a rule of the API"
    input_fn = resolve_callable(evaluate.input_fn, field="estimator.evaluate.inputFn")
    hooks = resolve_hooks(evaluate.hooks, field="estimator.evaluate.hooks")
    checkpoint = checkpoint_for(
        estimator, evaluate.checkpoint_path, field="estimator.evaluate.checkpointPath"
    )
    estimator.evaluate(
        input_fn,
        steps=evaluate.steps or None,
        hooks=hooks,
        checkpoint_path=checkpoint,
        name=evaluate.name,
    )
