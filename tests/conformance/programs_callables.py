"""Functions that people hand over, in every form that Python has for one."""

import functools
import os

import models
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1


def trained(directory, name, model_fn, input_fn=models.batches, params=None):
    """The weight after one step, or the kind of error."""
    return outcome(
        lambda: float(
            models.estimator(directory, model_fn, params=params, name=name)
            .train(input_fn, steps=1)
            .get_variable_value("w")[0, 0]
        )
    )


def scaled(features, labels, mode, factor):
    return models.regression(mode, factor * models.line(features["x"]), labels)


@program("model_fn arguments")
def model_functions_with_defaults(directory):
    def defaults(features, labels=None, mode="infer", params=None, config=None):
        return scaled(features, labels, mode, (params or {}).get("factor", 3.0))

    return {
        "without params": trained(directory, "without", defaults),
        "with params": trained(directory, "with", defaults, params={"factor": 2.0}),
    }


@program("model_fn arguments")
def model_functions_with_more_behind_a_star(directory):
    def keyword_only(features, labels, mode, *, factor=3.0):
        return scaled(features, labels, mode, factor)

    def all_keyword_only_but_two(features, labels, mode, *rest, factor=2.0):
        return scaled(features, labels, mode, factor + len(rest))

    def with_rest(features, labels, mode, **rest):
        return scaled(features, labels, mode, 2.0 + len(rest))

    return {
        "keyword only": trained(directory, "keyword_only", keyword_only),
        "after *args": trained(directory, "after", all_keyword_only_but_two),
        "**kwargs": trained(directory, "rest", with_rest),
    }


@program("model_fn arguments")
def partial_model_functions(directory):
    def bound_first(factor, features, labels, mode):
        return scaled(features, labels, mode, factor)

    def with_params(features, labels, mode, params):
        return scaled(features, labels, mode, params["factor"])

    partial = functools.partial
    return {
        "by position": trained(directory, "position", partial(bound_first, 2.0)),
        "by name": trained(directory, "name", partial(scaled, factor=2.0)),
        "params": trained(directory, "params", partial(with_params, params={"factor": 3.0})),
        "params bound and given": trained(
            directory, "both", partial(with_params, params={"factor": 3.0}), params={"factor": 5.0}
        ),
        "of a partial": trained(directory, "twice", partial(partial(scaled, factor=2.0), labels=None)),
        "of a method": trained(directory, "method", partial(Model().method, factor=4.0)),
    }


class Model:
    factor = 2.0

    def method(self, features, labels, mode, factor=1.0):
        return scaled(features, labels, mode, factor)

    @classmethod
    def of_class(cls, features, labels, mode):
        return scaled(features, labels, mode, cls.factor)

    @staticmethod
    def static(features, labels, mode):
        return scaled(features, labels, mode, 3.0)

    def __call__(self, features, labels, mode):
        return scaled(features, labels, mode, self.factor)


@program("model_fn arguments")
def methods_as_model_functions(directory):
    return {
        "class method": trained(directory, "class", Model.of_class),
        "of an instance's class": trained(directory, "instance", Model().of_class),
        "static method": trained(directory, "static", Model.static),
        "instance": trained(directory, "object", Model()),
        "__call__": trained(directory, "call", Model().__call__),
        "unbound method": trained(directory, "unbound", Model.method),
        "default argument left alone": trained(directory, "default", Model().method),
    }


def giving_factor(function):
    @functools.wraps(function)
    def given(features, labels, mode):
        return function(features, labels, mode, factor=2.0)

    return given


@program("model_fn arguments")
def decorated_model_functions(directory):
    """A decorator that gives an argument takes it away from what the function declares."""
    return {"gives an argument": trained(directory, "giving", giving_factor(scaled))}


@program("input_fn arguments")
def decorated_input_functions(directory):
    def batches_of(params, mode):
        return models.batches().take(params["steps"] if mode == "train" else 1)

    def giving_params(function):
        @functools.wraps(function)
        def given(mode):
            return function({"steps": 3}, mode)

        return given

    def giving_all(function):
        @functools.wraps(function)
        def given():
            return function({"steps": 2}, "train")

        return given

    def steps(name, decorate):
        estimator = models.estimator(directory, name=name)
        return outcome(lambda: int(estimator.train(decorate(batches_of)).get_variable_value("global_step")))

    return {"gives one": steps("one", giving_params), "gives all": steps("all", giving_all)}


@program("input_fn arguments")
def input_functions_in_every_form(directory):
    class Source:
        def __call__(self):
            return models.batches()

        def method(self, mode="none"):
            assert mode == "train"
            return models.batches()

        @staticmethod
        def static(params):
            assert params == {}
            return models.batches()

    def defaults(mode="default", more=1):
        assert [mode, more] == ["train", 1]
        return models.batches()

    def rest(**given):
        assert not given
        return models.batches()

    def arguments(*given):
        assert not given
        return models.batches()

    forms = {
        "instance": Source(),
        "method": Source().method,
        "static": Source.static,
        "defaults": defaults,
        "**kwargs": rest,
        "*args": arguments,
        "partial": functools.partial(defaults, mode="train"),
        "partial with more": functools.partial(defaults, more=1),
    }
    return {
        name: trained(directory, name.replace("*", ""), models.linear, input_fn)
        for name, input_fn in forms.items()
    }


@program("input_fn dataset")
def what_is_no_input_function(directory):
    things = {
        "a dataset": models.batches,
        "a tuple": lambda: ({"x": models.X}, models.Y),
        "a text": lambda: "input",
        "an input function's input function": lambda: lambda: models.batches,
        "a generator": lambda: (part for part in [({"x": models.X}, models.Y)]),
    }
    return {
        name: outcome(lambda make=make: models.estimator(directory).train(make(), steps=1) and "trained")
        for name, make in things.items()
    }


@program("call_logit_fn")
def logit_functions_in_every_form(directory):
    call = tf.estimator.experimental.call_logit_fn

    class Logits:
        def __call__(self, features, mode):
            return features * 2.0

        def method(self, features, params, config):
            return features * params

    forms = {
        "features alone": lambda features: features + 1.0,
        "all": lambda features, mode, params, config: features * params,
        "instance": Logits(),
        "method": Logits().method,
        "partial": functools.partial(lambda features, factor: features * factor, factor=4.0),
        "a dict of tensors": lambda features: {"a": features},
        "a number": lambda features: 1.0,
        "nothing": lambda features: None,
        "a dict of numbers": lambda features: {"a": 1.0},
        "a list": lambda features: [features],
        "no features": lambda mode: tf.constant(1.0),
        "an unknown argument": lambda features, colour: features,
    }

    def run(logit_fn):
        with tf.Graph().as_default(), v1.Session() as session:
            return session.run(call(logit_fn, tf.constant([1.0, 2.0]), "train", 3.0, models.config()))

    return {name: outcome(lambda logit_fn=logit_fn: run(logit_fn)) for name, logit_fn in forms.items()}


@program("BestExporter")
def comparing_functions_in_every_form(directory):

    def compare(best_eval_result, current_eval_result):
        return True

    class Compare:
        def __call__(self, best_eval_result, current_eval_result):
            return True

        def method(self, current_eval_result, best_eval_result):
            return True

    def with_threshold(best_eval_result, current_eval_result, threshold):
        return True

    def by_keyword(*, best_eval_result, current_eval_result):
        return True

    def with_default(best_eval_result, current_eval_result, more=1):
        return True

    forms = {
        "function": compare,
        "instance": Compare(),
        "method": Compare().method,
        "partial": functools.partial(with_threshold, threshold=1),
        "**kwargs": lambda **kwargs: True,
        "a default": with_default,
        "a text": "compare",
    }
    return {
        name: outcome(
            lambda form=form: tf.estimator.BestExporter("a", models.raw_receiver, compare_fn=form).name
        )
        for name, form in forms.items()
    }


@program("ServingInputReceiver", "export_saved_model")
def receiver_functions_in_every_form(directory):
    class Receiver:
        def __call__(self):
            return models.raw_receiver()

        def method(self, size=None):
            return models.raw_receiver()

    estimator = models.estimator(directory).train(models.batches, steps=1)

    def served(name, receiver_fn):
        path = estimator.export_saved_model(os.path.join(directory, name), receiver_fn)
        return models.served(path)["serving_default"]["y"]

    forms = {
        "instance": Receiver(),
        "method": Receiver().method,
        "partial": functools.partial(Receiver().method, size=3),
        "an argument without default": lambda mode: models.raw_receiver(),
        "returns nothing": lambda: None,
        "returns a dict": lambda: {"x": tf.constant(models.X)},
        "no function": "receiver",
    }
    return {name: outcome(lambda name=name, form=form: served(name, form)) for name, form in forms.items()}


@program("device_fn", "RunConfig properties")
def device_functions_in_every_form(directory):
    class Device:
        def __call__(self, op):
            return "/cpu:0"

        def method(self, op):
            return "/cpu:0"

    def more(op, job):
        return job

    def default(op, job="/cpu:0"):
        return job

    forms = {
        "function": lambda op: "/cpu:0",
        "instance": Device(),
        "method": Device().method,
        "partial": functools.partial(more, job="/cpu:0"),
        "a default": default,
        "another name": lambda node: "/cpu:0",
        "no argument": lambda: "/cpu:0",
        "*args": lambda *args: "/cpu:0",
        "**kwargs": lambda op, **kwargs: "/cpu:0",
    }
    return {
        name: outcome(lambda form=form: tf.estimator.RunConfig(device_fn=form).device_fn is form)
        for name, form in forms.items()
    }
