"""TrainSpec and EvalSpec refuse what train_and_evaluate could not use."""

import pytest
import tensorflow as tf

from estimator_runtime import (
    CheckpointSaverListener,
    EstimatorSpec,
    EvalSpec,
    Exporter,
    FinalExporter,
    LatestExporter,
    ModeKeys,
    SessionRunHook,
    TrainSpec,
)


def input_fn():
    return None


class Unnamed(Exporter):
    def __init__(self, name):
        self._name = name

    @property
    def name(self):
        return self._name

    def export(self, *args, **kwargs):
        return None


def test_train_spec_defaults():
    spec = TrainSpec(input_fn)
    assert (spec.input_fn, spec.max_steps, spec.hooks, spec.saving_listeners) == (input_fn, None, (), ())


def test_train_spec_keeps_lists_as_tuples():
    hook, listener = SessionRunHook(), CheckpointSaverListener()
    spec = TrainSpec(input_fn, 2, [hook], [listener])
    assert (spec.max_steps, spec.hooks, spec.saving_listeners) == (2, (hook,), (listener,))


def test_eval_spec_defaults():
    spec = EvalSpec(input_fn)
    assert spec == (input_fn, 100, None, (), (), 120, 600)
    assert (spec.start_delay_secs, spec.throttle_secs) == (120, 600)


def test_eval_spec_keeps_lists_as_tuples():
    hook, exporter = SessionRunHook(), FinalExporter("a", input_fn)
    spec = EvalSpec(input_fn, None, "name", [hook], exporter, 1, 2)
    assert spec == (input_fn, None, "name", (hook,), (exporter,), 1, 2)
    more = [exporter, LatestExporter("b", input_fn)]
    assert EvalSpec(input_fn, exporters=more).exporters == tuple(more)
    assert EvalSpec(input_fn, exporters=iter(more)).exporters == tuple(more)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: TrainSpec("file"), TypeError, "`input_fn` must be callable"),
        (lambda: TrainSpec(input_fn, max_steps=0), ValueError, "Must specify max_steps > 0, given: 0"),
        (
            lambda: TrainSpec(input_fn, hooks=[object()]),
            TypeError,
            "All hooks must be `SessionRunHook` instances",
        ),
        (
            lambda: TrainSpec(input_fn, saving_listeners=[SessionRunHook()]),
            TypeError,
            "All saving_listeners must be `CheckpointSaverListener`",
        ),
        (lambda: EvalSpec("file"), TypeError, "`input_fn` must be callable"),
        (lambda: EvalSpec(input_fn, steps=0), ValueError, "Must specify steps > 0, given: 0"),
        (lambda: EvalSpec(input_fn, name=123), TypeError, "`name` must be string, given: 123"),
        (
            lambda: EvalSpec(input_fn, hooks=[object()]),
            TypeError,
            "All hooks must be `SessionRunHook` instances",
        ),
        (lambda: EvalSpec(input_fn, start_delay_secs=-1), ValueError, "Must specify start_delay_secs >= 0"),
        (lambda: EvalSpec(input_fn, throttle_secs=-1), ValueError, "Must specify throttle_secs >= 0"),
        (lambda: EvalSpec(input_fn, exporters=object()), TypeError, "`exporters` must be an Exporter"),
        (lambda: EvalSpec(input_fn, exporters=[object()]), TypeError, "`exporters` must be an Exporter"),
        (
            lambda: EvalSpec(input_fn, exporters=Unnamed(None)),
            ValueError,
            "cannot have a name that is `None`",
        ),
        (lambda: EvalSpec(input_fn, exporters=Unnamed("")), ValueError, "empty"),
        (lambda: EvalSpec(input_fn, exporters=Unnamed(1)), ValueError, "not a string"),
        (
            lambda: EvalSpec(input_fn, exporters=[Unnamed("a"), Unnamed("a")]),
            ValueError,
            "`exporters` must have unique names",
        ),
    ],
)
def test_refusals(make, error, text):
    with pytest.raises(error) as raised:
        make()
    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: TrainSpec(print, 1, ["hook"], ["listener"]), "hook"),
        (lambda: EvalSpec(print, exporters=["a"], start_delay_secs=-1), "exporters"),
        (lambda: EvalSpec(print, hooks=["hook"], throttle_secs=-1), "hook"),
        (lambda: spec_of(eval_metric_ops=[1], evaluation_hooks=["hook"]), "hook"),
        (lambda: spec_of(training_hooks=["a hook"], training_chief_hooks=["chief"]), "a hook"),
        (lambda: spec_of(eval_metric_ops=[1], scaffold="scaffold"), "eval_metric_ops"),
    ],
)
def test_of_two_wrong_arguments_the_same_is_named_as_by_tf_estimator(make, text):
    with pytest.raises(TypeError, match=text):
        make()


def spec_of(**fields):
    with tf.Graph().as_default():
        return EstimatorSpec(ModeKeys.EVAL, loss=tf.constant(1.0), **fields)


def test_an_exporter_may_be_something_else_as_well():
    """It has no metaclass of its own, and one that does not say how exports nothing, as in tf.estimator."""

    class Registered(type):
        pass

    class Both(Exporter, metaclass=Registered):
        name = "both"

    spec = EvalSpec(print, exporters=Both())
    assert spec.exporters[0].export(None, "/nowhere", "checkpoint", {}, is_the_final_export=True) is None
    with pytest.raises(ValueError, match="An Exporter cannot have a name that is `None`"):
        EvalSpec(print, exporters=Exporter())
