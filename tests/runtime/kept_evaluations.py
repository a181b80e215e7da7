"""Five evaluations of one training, and what each returned."""

import linear_model
import numpy as np
from linear_model import eval_input, train_input

from estimator_runtime import EvalSpec, Exporter, TrainSpec, train_and_evaluate


class Results(Exporter):
    """Keeps what each evaluation returned."""

    name = "results"

    def __init__(self):
        self.results = {}

    def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
        self.results[checkpoint_path] = eval_result


def evaluated(directory, model=linear_model.model_fn, input_fn=eval_input, **spec):
    """The Estimator after 25 steps with five evaluations, and their results by checkpoint."""
    results = Results()
    estimator = linear_model.estimator(directory, model)
    train_and_evaluate(
        estimator,
        TrainSpec(train_input, max_steps=25),
        EvalSpec(input_fn, **{"steps": None, "throttle_secs": 0, "exporters": results, **spec}),
    )
    assert len(results.results) == 5
    return estimator, results.results


def assert_as_alone(estimator, results, input_fn=eval_input, steps=None):
    """Each result is the very one of an evaluation by itself."""
    for path, result in results.items():
        alone = estimator.evaluate(input_fn, steps=steps, checkpoint_path=path)
        assert result.keys() == alone.keys()
        for name, value in alone.items():
            np.testing.assert_array_equal(result[name], value, err_msg=name, strict=True)
