"""What tf.estimator's Estimators do without a checkpoint, and what classes made of them may override."""

import tensorflow as tf
from catalogue import program
from computations import outcome

v1 = tf.compat.v1
COLUMNS = [tf.feature_column.numeric_column("x")]


def faces():
    return {"v2": tf.estimator, "v1": v1.estimator}


def input_fn():
    return tf.data.Dataset.from_tensors(({"x": tf.constant([[1.0], [2.0]])}, tf.constant([[2.0], [4.0]])))


def made(features, labels, mode, weights):
    predictions = features["x"] * weights
    if mode == "infer":
        return tf.estimator.EstimatorSpec(mode, predictions=predictions)
    loss = tf.reduce_mean((predictions - labels) ** 2)
    train_op = v1.train.GradientDescentOptimizer(0.1).minimize(loss, v1.train.get_or_create_global_step())
    return tf.estimator.EstimatorSpec(mode, predictions=predictions, loss=loss, train_op=train_op)


def model_fn(features, labels, mode):
    return made(features, labels, mode, v1.get_variable("w", [], initializer=v1.constant_initializer(0.5)))


def results(estimator):
    return {
        "predict": outcome(lambda: [float(one[0]) for one in estimator.predict(input_fn)]),
        "evaluate": outcome(
            lambda: {name: float(value) for name, value in estimator.evaluate(input_fn).items()}
        ),
    }


@program("evaluate untrained", "predict untrained")
def untrained_models_of_both_faces(directory):
    return {name: results(face.Estimator(model_fn, f"{directory}/{name}")) for name, face in faces().items()}


@program("evaluate untrained", "predict untrained", "checkpoint_path")
def untrained_models_that_begin_with_a_checkpoint(directory):
    trained = tf.estimator.Estimator(model_fn, f"{directory}/trained")
    trained.train(input_fn, steps=1)

    def initialised(features, labels, mode):
        spec = model_fn(features, labels, mode)
        v1.train.init_from_checkpoint(f"{directory}/trained", {"w": "w"})
        return spec

    return {
        name: results(face.Estimator(initialised, f"{directory}/{name}")) for name, face in faces().items()
    }


@program("evaluate untrained", "add_metrics", "DNN", "Linear", "Baseline")
def untrained_models_of_other_kinds(directory):
    def keys(estimator):
        return {
            "kind": [
                isinstance(estimator, tf.estimator.Estimator),
                isinstance(estimator, v1.estimator.Estimator),
            ],
            "evaluate": outcome(lambda: sorted(estimator.evaluate(input_fn))),
            "predict": outcome(lambda: sorted(next(estimator.predict(input_fn)))),
        }

    def metrics(labels):
        return {"labels": v1.metrics.mean(labels)}

    found = {}
    for name, face in faces().items():
        canned = {
            "dnn": face.DNNRegressor([2], COLUMNS),
            "linear": face.LinearRegressor(COLUMNS),
            "baseline": face.BaselineRegressor(),
            "both": face.DNNLinearCombinedRegressor(linear_feature_columns=COLUMNS),
        }
        found[name] = {kind: keys(estimator) for kind, estimator in canned.items()}
        added = face.add_metrics(canned["linear"], metrics)
        found[name]["added"] = outcome(lambda added=added: sorted(added.evaluate(input_fn)))
        found[name]["added kind"] = isinstance(added, v1.estimator.Estimator)
    return found


@program("subclass", "constructor")
def members_that_classes_override(directory):
    def answer(base, **members):
        kind = type("Kind", (base,), {"train": lambda self: "its own", **members})
        return outcome(lambda: kind(model_fn).train())

    def replaced(base, guard):
        before = vars(base)["_assert_members_are_not_overridden"]
        base._assert_members_are_not_overridden = guard
        try:
            return answer(base)
        finally:
            base._assert_members_are_not_overridden = before

    found = {}
    for name, face in faces().items():
        base = face.Estimator
        between = type("Between", (base,), {"train": lambda self: "of the class between"})
        found[name] = {
            "no guard": answer(base, _assert_members_are_not_overridden=lambda self: None),
            "a static guard": answer(base, _assert_members_are_not_overridden=staticmethod(lambda _: None)),
            "replaced": replaced(base, lambda self: None),
            "replaced by a static one": replaced(base, staticmethod(lambda _: None)),
            "a class between": outcome(lambda kind=between: type("Last", (kind,), {})(model_fn).train()),
            "guarded": outcome(lambda base=base: bool(type("K", (base,), {"train": 1})(model_fn))),
        }
    return found
