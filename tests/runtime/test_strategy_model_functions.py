"""What input and model functions are given on a strategy's replicas, and what becomes of what they return."""

import pytest
import replicated
import tensorflow as tf

v1 = tf.compat.v1


@pytest.fixture(scope="module")
def in_two_devices():
    """Calls a function in a process that has two CPU devices."""
    with replicated.executor() as executor:
        yield lambda function, *args: executor.submit(function, *args).result()


# In the process with two devices


def contexts_of_the_input(model_dir):
    seen = []

    def input_fn(mode, config, input_context):
        seen.append(
            (
                mode,
                type(config).__name__,
                input_context.num_input_pipelines,
                input_context.input_pipeline_id,
                input_context.num_replicas_in_sync,
            )
        )
        return replicated.train_input()

    estimator = replicated.Estimator(
        replicated.model(), str(model_dir), replicated.config("mirrored", "mirrored")
    )
    estimator.train(input_fn, steps=1)
    estimator.evaluate(input_fn, steps=1)
    return seen


def test_the_input_function_is_called_once_for_all_replicas(in_two_devices, tmp_path):
    seen = in_two_devices(contexts_of_the_input, tmp_path)
    assert seen == [("train", "RunConfig", 1, 0, 2), ("eval", "RunConfig", 1, 0, 2)]


def refusal(model_dir, input_fn):
    with pytest.raises(ValueError) as error:
        replicated.train(model_dir, "mirrored", input_fn=input_fn)
    return str(error.value)


def tensors():
    return {"x": tf.constant(replicated.X)}, tf.constant(replicated.Y)


def queue():
    x = v1.train.batch([v1.train.input_producer(replicated.X, num_epochs=3).dequeue()], 2)
    return {"x": x}, 3 * x


def triples():
    return tf.data.Dataset.from_tensors((1, 2, 3))


@pytest.mark.parametrize(
    ("input_fn", "message"),
    [
        (tensors, "input_fn must return a tf.data.Dataset or a callable"),
        (queue, "input_fn must return a tf.data.Dataset"),
        (triples, "input_fn should return (features, labels) as a len 2 tuple."),
        (None, "input_fn must be provided"),
    ],
)
def test_input_that_replicas_cannot_have(in_two_devices, tmp_path, input_fn, message):
    assert message in in_two_devices(refusal, tmp_path, input_fn)


def failing_model_fn(features, labels, mode):
    raise KeyError("no such feature")


def failure(model_dir):
    with pytest.raises(KeyError) as error:
        replicated.train(model_dir, "mirrored", model_fn=failing_model_fn)
    return str(error.value)


def test_errors_of_the_model_function_are_its_own(in_two_devices, tmp_path):
    assert in_two_devices(failure, tmp_path) == "'no such feature'"


class Named(v1.train.SessionRunHook):
    def __init__(self, name, log):
        self.name = name
        self.log = log

    def begin(self):
        self.log.append((self.name, tf.distribute.get_strategy().num_replicas_in_sync))


def hooks_that_ran(model_dir):
    log = []
    calls = iter(range(8))

    def hooks(kind):
        return lambda loss: [Named(f"{kind} {next(calls)} on {v1.get_default_graph().get_name_scope()}", log)]

    estimator = replicated.Estimator(
        replicated.model(training_hooks=hooks("training"), training_chief_hooks=hooks("chief")),
        str(model_dir),
        replicated.config("mirrored"),
    )
    estimator.train(replicated.train_input, steps=1, hooks=[Named("the caller's", log)])
    return log


def test_hooks_are_those_of_the_first_replica(in_two_devices, tmp_path):
    log = in_two_devices(hooks_that_ran, tmp_path)
    assert log == [("chief 1 on ", 2), ("the caller's", 2), ("training 0 on ", 2)]


def initialised(model_dir):
    log = []

    def scaffold(loss):
        replica = v1.get_default_graph().get_name_scope()
        note = lambda what: v1.py_func(lambda: log.append((what, replica)) or 0, [], tf.int64).op
        return v1.train.Scaffold(
            init_op=tf.group(v1.global_variables_initializer(), note("init")),
            local_init_op=tf.group(v1.local_variables_initializer(), v1.tables_initializer(), note("local")),
            ready_op=v1.report_uninitialized_variables(),
            ready_for_local_init_op=v1.report_uninitialized_variables(v1.global_variables()),
            init_feed_dict={v1.placeholder_with_default(0.0, []): 1.0},
            init_fn=lambda scaffold, session: log.append(("function", replica)),
        )

    estimator = replicated.train(model_dir, "mirrored", steps=2, scaffold=scaffold)
    return sorted(log), replicated.values(estimator)["global_step"]


def test_initialisers_of_all_replicas_are_run(in_two_devices, tmp_path):
    log, step = in_two_devices(initialised, tmp_path)
    assert log == [
        ("function", ""),
        ("init", ""),
        ("init", "replica_1"),
        ("local", ""),
        ("local", "replica_1"),
    ]
    assert step == 2


def moving_average(model_dir):
    """A variable that each replica updates with values of its own, and that is read as their mean."""

    def predict(x):
        mean = v1.get_variable(
            "mean",
            [],
            initializer=v1.zeros_initializer(),
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.MEAN,
        )
        with tf.control_dependencies([mean.assign_add(tf.reduce_mean(x))]):
            return replicated.by_get_variable(tf.identity(x))

    return replicated.values(replicated.train(model_dir, "mirrored", steps=2, predict=predict))


def test_variables_that_are_reduced_when_read(in_two_devices, tmp_path):
    values = in_two_devices(moving_average, tmp_path)
    assert sorted(values) == ["global_step", "mean", "w"]
    assert values["mean"] == pytest.approx(((1.5 + 5.5) + (3.5 + 7.5)) / 2)


def predicted_and_exported(model_dir):
    import estimator_runtime

    def receiver():
        x = v1.placeholder(tf.float32, [None, 1], name="x")
        return estimator_runtime.export.ServingInputReceiver({"x": x}, {"x": x})

    estimator = replicated.train(model_dir, "mirrored")
    w = replicated.values(estimator)["w"]
    examples = [float(example["y"][0]) for example in estimator.predict(replicated.batches_of_two)]
    exported = tf.saved_model.load(estimator.export_saved_model(str(model_dir / "export"), receiver))
    (y,) = exported.signatures["serving_default"](x=tf.constant([[2.0]])).values()
    return w, examples, float(y[0][0])


def test_prediction_and_export_need_no_strategy(in_two_devices, tmp_path):
    w, examples, served = in_two_devices(predicted_and_exported, tmp_path)
    assert examples == pytest.approx([w * x for x in range(1, 9)])
    assert served == pytest.approx(2 * w)
