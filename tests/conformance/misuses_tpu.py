"""TPUEstimators and what they are given, wrongly."""

import os

import models
import tpu_models
from catalogue import misuse
from models import v1
from tpu_models import batches, once, tpu

SAYS = "begins the same and goes on to say what was given"
ON_TPU = "is told when the TPUEstimator is made, with the way out: use_tpu=False"


def estimator(**arguments):
    return lambda directory: tpu_models.estimator(directory, **arguments)


def trained(model_fn=tpu_models.linear, input_fn=batches, **settings):
    return lambda directory: tpu_models.estimator(directory, model_fn).train(
        input_fn, **{"steps": 1, **settings}
    )


def spec(mode="eval", **fields):
    def made(directory):
        with v1.Graph().as_default():
            loss = v1.zeros([])
            tpu().TPUEstimatorSpec(mode, **{"loss": loss, "train_op": loss, **fields}).as_estimator_spec()

    return made


def of_two(one, two):
    return {}


misuse(
    "TPUEstimator: no config",
    lambda directory: tpu().TPUEstimator(tpu_models.linear, use_tpu=False),
    wording=SAYS,
)
misuse("TPUEstimator: batch_size in params", estimator(params={"batch_size": 4}))
misuse("TPUEstimator: context in params", estimator(params={"context": 4}))
misuse("TPUEstimator: no model_fn", estimator(model_fn=None), wording="says that model_fn is missing")
misuse(
    "TPUEstimator: a model_fn with more arguments",
    estimator(model_fn=lambda features, params, rate: None),
    wording="goes on to say what it may have",
)
misuse("TPUEstimator: a model_fn without features", estimator(model_fn=lambda labels, params: None))
misuse("TPUEstimator: tpu_config is a number", estimator(tpu_config=3), wording="says what it should be")
misuse(
    "TPUEstimator: trains on a TPU",
    lambda directory: tpu_models.estimator(directory, use_tpu=True).train(batches, steps=1),
    wording=ON_TPU,
)
misuse(
    "TPUEstimator: predicts on a TPU",
    lambda directory: next(tpu_models.estimator(directory, use_tpu=True).predict(once)),
    wording=ON_TPU,
)
misuse(
    "TPUEstimator: made for a TPU",
    estimator(use_tpu=True),
    outcome="is refused when it is made, with the way out; tf.estimator looks for TPUs when it trains",
)
misuse("TPUEstimator.train: an input_fn without params", trained(input_fn=models.once))
misuse(
    "TPUEstimator.train: an input_fn of any names",
    trained(input_fn=lambda **given: batches(given)),
)
misuse(
    "TPUEstimator.train: input_fn is None", trained(input_fn=None), wording="says what an input function is"
)
misuse(
    "TPUEstimator.train: input_fn is a number", trained(input_fn=3), wording="says what an input function is"
)
misuse(
    "TPUEstimator.train: a model_fn without params",
    trained(lambda features, labels, mode: None),
    wording="quotes params['batch_size'] otherwise",
)
misuse(
    "TPUEstimator.train: a model_fn without labels",
    trained(lambda features, mode, params: tpu_models.linear(features, features, mode, params)),
)
misuse(
    "TPUEstimator.train: a model_fn that returns nothing",
    trained(lambda features, labels, mode, params: None),
    wording="says what it should return",
)
misuse("TPUEstimator.train: steps and max_steps", trained(max_steps=1))
misuse("TPUEstimator.train: steps 0", trained(steps=0))
misuse("TPUEstimator.train: a hook that is none", trained(hooks=["hook"]))
misuse(
    "TPUEstimator.evaluate: steps 0",
    lambda directory: tpu_models.estimator(directory).evaluate(once, steps=0),
)
misuse(
    "TPUEstimator.evaluate: an input_fn without params",
    lambda directory: tpu_models.estimator(directory).evaluate(models.once),
)
misuse(
    "TPUEstimator.predict: an input_fn without params",
    lambda directory: next(tpu_models.estimator(directory).predict(models.once)),
)
misuse(
    "TPUEstimator.predict: an unknown key",
    lambda directory: next(tpu_models.estimator(directory).predict(once, predict_keys="z")),
)
misuse(
    "TPUEstimator.export: untrained",
    lambda directory: tpu_models.estimator(directory).export_saved_model(directory, models.raw_receiver),
)
misuse(
    "TPUEstimator.export: for nothing",
    lambda directory: (
        tpu_models.estimator(directory, export_to_cpu=False, export_to_tpu=False)
        .train(batches, steps=1)
        .export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
    ),
)
misuse("TPUEstimatorSpec: eval_metrics are a dict", spec(eval_metrics={"a": 1}), wording=SAYS)
misuse("TPUEstimatorSpec: eval_metrics are a function", spec(eval_metrics=of_two), wording=SAYS)
misuse("TPUEstimatorSpec: eval_metrics without tensors", spec(eval_metrics=(of_two,)), wording=SAYS)
misuse("TPUEstimatorSpec: eval_metrics with too few tensors", spec(eval_metrics=(of_two, [1])), wording=SAYS)
misuse("TPUEstimatorSpec: eval_metrics return a number", spec(eval_metrics=((lambda: 3), [])))
misuse("TPUEstimatorSpec: host_call of a tensor", spec(host_call=(of_two, 3)), wording=SAYS)
misuse("TPUEstimatorSpec: host_call that calls nothing", spec(host_call=(3, [])), wording=SAYS)
misuse("TPUEstimatorSpec: scaffold_fn is a Scaffold", spec(scaffold_fn=v1.train.Scaffold()))
misuse("TPUEstimatorSpec: scaffold_fn returns a number", spec(scaffold_fn=lambda: 3))
misuse("TPUEstimatorSpec: TRAIN without train_op", spec("train", train_op=None))
misuse("TPUEstimatorSpec: EVAL without loss", spec(loss=None, train_op=None))
misuse("TPUEstimatorSpec: PREDICT without predictions", spec("infer"))
misuse("TPUEstimatorSpec: a hook that is none", spec(training_hooks=["hook"]))
misuse(
    "TPUConfig: iterations_per_loop 0",
    lambda directory: tpu().TPUConfig(0),
    wording="says it in other words",
)
misuse("TPUConfig: num_shards 0", lambda directory: tpu().TPUConfig(num_shards=0))
misuse("TPUConfig: num_shards is a word", lambda directory: tpu().TPUConfig(num_shards="2"))
misuse("TPUConfig: three cores", lambda directory: tpu().TPUConfig(num_cores_per_replica=3))
misuse(
    "tpu.RunConfig: master and cluster",
    lambda directory: tpu().RunConfig(master="a", cluster=object()),
    wording=SAYS,
)
misuse("tpu.RunConfig: an unknown argument", lambda directory: tpu().RunConfig(unknown=1))
