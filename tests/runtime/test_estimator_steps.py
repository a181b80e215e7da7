"""The steps of an Estimator's calls by the names that libraries override and call."""

import types

import linear_model
import pytest
import tensorflow as tf

from estimator_runtime import compat

v1 = tf.compat.v1
STEPS = (
    "_actual_eval",
    "_call_input_fn",
    "_call_model_fn",
    "_call_model_fn_eval",
    "_create_and_assert_global_step",
    "_create_global_step",
    "_convert_eval_steps_to_hooks",
    "_convert_train_steps_to_hooks",
    "_evaluate_build_graph",
    "_evaluate_run",
    "_extract_batch_length",
    "_extract_keys",
    "_get_features_and_labels_from_input_fn",
    "_get_features_from_input_fn",
    "_maybe_warm_start",
    "_train_model",
    "_train_model_default",
    "_train_with_estimator_spec",
    "_validate_features_in_predict_input",
    "_add_meta_graph_for_mode",
)


@pytest.fixture(params=["v1", "v2"])
def face(request):
    v2 = compat.install()
    # Not `v1`: somebody may have imported tensorflow.compat.v1 since, which is another module.
    return v2 if request.param == "v2" else tf.compat.v1.estimator


def recording(base, calls):
    """A class that notes each of its steps and does what `base` does."""

    def step(name):
        def noted(self, *given, **settings):
            calls.append(name)
            return getattr(base, name)(self, *given, **settings)

        return noted

    guard = {"_assert_members_are_not_overridden": lambda self: None}
    return type("Recording", (base,), {**guard, **{name: step(name) for name in STEPS}})


def test_each_call_goes_by_the_steps_that_a_class_overrides(face, tmp_path):
    calls = []
    estimator = recording(face.Estimator, calls)(linear_model.model_fn, str(tmp_path / "model"))
    estimator.train(linear_model.train_input, steps=2)
    trained, calls[:] = list(calls), []
    assert trained == [
        "_convert_train_steps_to_hooks",
        "_train_model",
        "_train_model_default",
        "_create_and_assert_global_step",
        "_create_global_step",
        "_get_features_and_labels_from_input_fn",
        "_call_input_fn",
        "_call_model_fn",
        "_train_with_estimator_spec",
    ]
    estimator.evaluate(linear_model.eval_input, steps=1)
    evaluated, calls[:] = list(calls), []
    assert evaluated == [
        "_actual_eval",
        "_convert_eval_steps_to_hooks",
        "_evaluate_build_graph",
        "_create_and_assert_global_step",
        "_create_global_step",
        "_call_model_fn_eval",
        "_get_features_and_labels_from_input_fn",
        "_call_input_fn",
        "_call_model_fn",
        "_maybe_warm_start",
        "_evaluate_run",
    ]
    list(estimator.predict(linear_model.eval_input, predict_keys=["y"]))
    predicted, calls[:] = list(calls), []
    assert predicted == [
        "_create_and_assert_global_step",
        "_create_global_step",
        "_get_features_from_input_fn",
        "_call_input_fn",
        "_validate_features_in_predict_input",
        "_call_model_fn",
        "_maybe_warm_start",
        "_extract_keys",
        "_extract_batch_length",
        "_extract_batch_length",
    ]


def test_a_class_may_change_what_a_step_returns(face, tmp_path):
    class Twice(face.Estimator):
        def _assert_members_are_not_overridden(self):
            pass

        def _call_input_fn(self, input_fn, mode, input_context=None):
            return super()._call_input_fn(input_fn, mode, input_context).take(1)

        def _convert_train_steps_to_hooks(self, steps, max_steps):
            return super()._convert_train_steps_to_hooks(2 * steps, max_steps)

    estimator = Twice(linear_model.model_fn, str(tmp_path))
    estimator.train(linear_model.train_input, steps=3)
    assert estimator.get_variable_value("global_step") == 1
    assert len(list(estimator.predict(linear_model.eval_input))) == 4


def test_a_step_may_be_replaced_in_an_object(face, tmp_path):
    estimator = face.Estimator(linear_model.model_fn, str(tmp_path))
    seen = []

    def batch(self, input_fn, mode):
        seen.append(mode)
        return type(self)._get_features_and_labels_from_input_fn(self, input_fn, mode)

    estimator._get_features_and_labels_from_input_fn = types.MethodType(batch, estimator)
    estimator.train(linear_model.train_input, steps=1)
    assert seen == ["train"]


def test_libraries_build_input_and_model_by_the_steps(face, tmp_path):
    estimator = face.Estimator(linear_model.model_fn, str(tmp_path))
    with tf.Graph().as_default() as graph:
        assert estimator._create_and_assert_global_step(graph) is v1.train.get_global_step()
        features, labels, hooks = estimator._get_features_and_labels_from_input_fn(
            linear_model.train_input, "train"
        )
        spec = estimator._call_model_fn(features, labels, "train", estimator.config)
        with v1.train.MonitoredSession(hooks=hooks) as session:
            assert session.run([spec.train_op, spec.loss])[1] > 0


def test_a_global_step_may_be_left_to_the_model_function(face, tmp_path):
    class Left(face.Estimator):
        def _create_and_assert_global_step(self, graph):
            return None

    def model_fn(features, labels, mode):
        v1.train.create_global_step()
        return linear_model.model_fn(features, labels, mode)

    estimator = Left(model_fn, str(tmp_path)).train(linear_model.train_input, steps=2)
    assert estimator.evaluate(linear_model.eval_input)["global_step"] == 2


def test_a_training_of_its_own_takes_the_place_of_the_loop(face, tmp_path):
    class Own(face.Estimator):
        def _assert_members_are_not_overridden(self):
            pass

        def _train_model(self, input_fn, hooks, saving_listeners):
            self.given = (input_fn, [type(hook).__name__ for hook in hooks], list(saving_listeners))

    estimator = Own(linear_model.model_fn, str(tmp_path))
    assert estimator.train(linear_model.train_input, steps=2) is estimator
    assert estimator.given == (linear_model.train_input, ["StopHook"], [])


def test_a_class_may_train_the_model_that_is_built_by_itself(face, tmp_path):
    class Announced(face.Estimator):
        def _assert_members_are_not_overridden(self):
            pass

        def _train_with_estimator_spec(
            self, estimator_spec, worker_hooks, hooks, global_step_tensor, saving_listeners
        ):
            self.given = (estimator_spec.mode, len(worker_hooks), len(hooks), global_step_tensor.name)
            return super()._train_with_estimator_spec(
                estimator_spec=estimator_spec,
                worker_hooks=worker_hooks,
                hooks=[*hooks, v1.train.StopAtStepHook(1)],
                global_step_tensor=global_step_tensor,
                saving_listeners=saving_listeners,
            )

    estimator = Announced(linear_model.model_fn, str(tmp_path)).train(linear_model.train_input, steps=5)
    assert estimator.given == ("train", 1, 1, "global_step:0")
    assert estimator.get_variable_value("global_step") == 1


def test_an_export_adds_each_mode_by_a_step(face, tmp_path):
    tags = []

    class Tagged(face.Estimator):
        def _assert_members_are_not_overridden(self):
            pass

        def _add_meta_graph_for_mode(
            self, builder, receivers, checkpoint_path, save_variables=True, **settings
        ):
            tags.append((sorted(receivers), save_variables, settings["mode"]))
            super()._add_meta_graph_for_mode(
                builder, receivers, checkpoint_path, save_variables, export_tags=["mine"], **settings
            )

    model_fn = linear_model.model_with(
        export_outputs=lambda features: {"y": face.export.PredictOutput({"y": features["x"]})}
    )
    estimator = Tagged(model_fn, str(tmp_path / "model")).train(linear_model.train_input, steps=1)

    def receiver():
        features = {"x": v1.placeholder(tf.float32, [None, 1])}
        return face.export.ServingInputReceiver(features, features)

    path = estimator.export_saved_model(str(tmp_path / "exports"), receiver)
    assert tags == [(["infer"], True, "infer")]
    assert tf.saved_model.load(str(path), tags=["mine"]).signatures


def test_steps_with_a_graph_of_the_programs_own_train(face, tmp_path):
    estimator = face.Estimator(linear_model.model_fn, str(tmp_path))
    with tf.Graph().as_default() as graph:
        step = estimator._create_and_assert_global_step(graph)
        features, labels, hooks = estimator._get_features_and_labels_from_input_fn(
            linear_model.train_input, "train"
        )
        spec = estimator._call_model_fn(features, labels, "train", estimator.config)
        stop = estimator._convert_train_steps_to_hooks(3, None)
        loss = estimator._train_with_estimator_spec(spec, hooks, stop, step, [])
    assert loss > 0
    assert estimator.get_variable_value("global_step") == 3


def test_an_evaluation_of_its_own_is_never_gone_past(face, tmp_path):
    ran = []

    class Own(face.Estimator):
        def _assert_members_are_not_overridden(self):
            pass

        def _evaluate_run(self, *given, **settings):
            ran.append(sorted(settings["eval_dict"]))
            return super()._evaluate_run(*given, **settings)

    estimator = Own(linear_model.model_fn, str(tmp_path), face.RunConfig(save_checkpoints_steps=2))
    face.train_and_evaluate(
        estimator,
        face.TrainSpec(linear_model.train_input, max_steps=6),
        face.EvalSpec(linear_model.eval_input, start_delay_secs=0, throttle_secs=0),
    )
    assert len(ran) == 3
    assert all(names == ran[0] and "loss" in names and "global_step" in names for names in ran)
