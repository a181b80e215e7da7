"""Mode Predict: `Estimator.predict` over the whole input, written as JSON Lines.

What an earlier run left is removed when the first prediction is there, not before: a job that cannot work at all, for
its model is broken or its keys are wrong, costs nobody the predictions of the job before it.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_api import EstimatorSection
from estimator_api.estimator import PredictSection
from estimator_runtime import observation
from estimator_runtime.estimator import Estimator
from estimator_runtime.job.modes.prediction_files import OURS, PredictionFiles
from estimator_runtime.job.settings import stored_files
from estimator_runtime.job.settings.environment import Environment
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.settings.hook_references import resolve_hooks
from estimator_runtime.job.settings.locations import checkpoint_for, make_directory
from estimator_runtime.job.settings.references import resolve_callable
from estimator_runtime.model.export_outputs import flat_name

_REPORT_EVERY = 256
_BARE = "output"
"""Key of predictions that the model does not name; as PredictOutput calls it."""
_WRONG_KEYS = ("Expected to run at least one output from", "predict_keys argument is not valid")


def run(section: EstimatorSection, estimator: Estimator, environment: Environment) -> None:
    """Writes a line for each example of the input; the observer learns where and how many.

    Raises:
        JobConfigError: a reference does not import, there is no checkpoint, the model makes no prediction of a name
            that is asked for or one that JSON cannot hold, or the output cannot be reached or be a directory.
        ModelDirUnavailableError: the output is in a store that does not take it.
    """
    predict = section.predict
    assert predict is not None, "a rule of the API"
    input_fn = resolve_callable(predict.input_fn, field="estimator.predict.inputFn")
    hooks = resolve_hooks(predict.hooks, field="estimator.predict.hooks")
    checkpoint = checkpoint_for(estimator, predict.checkpoint_path, field="estimator.predict.checkpointPath")
    output = _output(predict, str(estimator.model_dir), environment)
    observer = observation.current()
    carried = stored_files.carried(output, field="estimator.predict.output", ours=OURS)
    with observer.predicting(), carried as directory:
        make_directory(directory, field="estimator.predict.output")
        predictions = estimator.predict(
            input_fn, predict_keys=predict.predict_keys, hooks=hooks, checkpoint_path=checkpoint
        )
        observer.predicted(output, 0)
        examples = _with_first_made(_named(_begun(predictions), predict))
        with PredictionFiles(directory) as files:
            for example in examples:
                files.write(example)
                if files.examples % _REPORT_EVERY == 0:
                    observer.predicted(output, files.examples)
    observer.predicted(output, files.examples)
    tf.compat.v1.logging.info("Wrote %d predictions to %s.", files.examples, output)


def _output(predict: PredictSection, model_dir: str, environment: Environment) -> str:
    """Where the predictions go; a relative path is below the model directory."""
    name = environment.job.rpartition("/")[2]
    if predict.output is None:
        return str(tf.io.gfile.join(model_dir, "predictions", *([name] if name else [])))
    if predict.output.startswith("/") or "://" in predict.output:
        # What is in the mirrored model directory is carried by the mirror.
        return environment.local([predict.output])[0]
    return str(tf.io.gfile.join(model_dir, predict.output))


def _begun(predictions: Iterator[Any]) -> Iterator[Any]:
    """`predictions`; what is wrong with the keys shows at the first one."""
    try:
        first = next(predictions)
    except StopIteration:
        return
    except ValueError as error:
        if str(error).startswith(_WRONG_KEYS):
            raise JobConfigError(f"estimator.predict.predictKeys: {error}") from error
        raise
    yield first
    yield from predictions


def _named(predictions: Iterator[Any], predict: PredictSection) -> Iterator[Mapping[str, Any]]:
    """Each prediction as a mapping by name, with all the names that are asked for.

    The first one is looked at: names and types are the graph's, so the others have the same.

    Raises:
        JobConfigError: a name is missing, which tf.estimator takes without a word, or numbers are complex.
    """
    wanted = set(predict.predict_keys or ())
    for index, one in enumerate(predictions):
        example = {flat_name(key): one[key] for key in one} if isinstance(one, Mapping) else {_BARE: one}
        if index == 0 and not wanted <= example.keys():
            missing = ", ".join(sorted(wanted - example.keys()))
            raise JobConfigError(f"estimator.predict.predictKeys: the model makes no prediction {missing}")
        if index == 0 and (unfit := sorted(name for name in example if np.iscomplexobj(example[name]))):
            raise JobConfigError(
                f"estimator.predict: the prediction {', '.join(unfit)} is of complex numbers, which JSON does not have;"
                " leave it out of predictKeys or have the model return its parts"
            )
        yield example


def _with_first_made(examples: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """`examples`, of which the first, if there is any, is made in this call."""
    return itertools.chain(list(itertools.islice(examples, 1)), examples)
