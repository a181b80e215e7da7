"""At which steps a training saves its checkpoints, beside TensorFlow's own hook."""

import linear_model
import pytest
from linear_model import train_input, v1


class Saved(v1.train.CheckpointSaverListener):
    """The steps of the checkpoints."""

    def __init__(self):
        self.steps = []

    def after_save(self, session, global_step_value):
        self.steps.append(int(global_step_value))


def growing_by(growths):
    """A model whose global step grows by each of `growths` in turn."""

    def grows(features):
        del features
        step = v1.train.get_or_create_global_step()
        turn = v1.get_variable("turn", [], initializer=v1.zeros_initializer(), trainable=False)
        growth = v1.gather(v1.constant(growths, step.dtype), v1.cast(turn, "int32") % len(growths))
        with v1.control_dependencies([growth]):
            return v1.group(v1.assign_add(step, growth), v1.assign_add(turn, 1.0))

    return linear_model.model_with(train_op=grows)


def saved(directory, growths, every, *, hook=False):
    """The steps at which a training saves before its end, with TensorFlow's hook if `hook`.

    The end of strides of several steps depends on when the step is read.
    """
    listener = Saved()
    estimator = linear_model.estimator(directory, growing_by(growths), save_checkpoints_steps=every)
    if hook:
        hooks = [v1.train.CheckpointSaverHook(str(directory), save_steps=every, listeners=[listener])]
        estimator.train(train_input, max_steps=60, hooks=hooks)
    else:
        estimator.train(train_input, max_steps=60, saving_listeners=[listener])
    return [step for step in listener.steps if step < 55]


@pytest.mark.parametrize("every", [1, 2, 7, 50])
@pytest.mark.parametrize("growths", [[1], [4], [3, 1]], ids=str)
def test_checkpoints_are_saved_at_the_steps_of_tensorflows_hook(tmp_path, growths, every):
    assert saved(tmp_path / "here", growths, every) == saved(tmp_path / "there", growths, every, hook=True)


def test_a_step_that_goes_further_than_any_before_is_saved_after_the_next_at_the_latest(tmp_path):
    # 1, 2, 3, 8, 9: due at 6.
    assert saved(tmp_path, [1, 1, 1, 5, 1, 1, 1, 1], 6)[1] in (8, 9)


def test_a_training_that_goes_on_saves_at_the_steps_of_tensorflows_hook(tmp_path):
    found = {}
    for hook in (False, True):
        directory = tmp_path / f"{hook}"
        linear_model.estimator(directory, growing_by([1])).train(train_input, steps=3)
        found[hook] = saved(directory, [1], 10, hook=hook)
    assert found[False] == found[True]
