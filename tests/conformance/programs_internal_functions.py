"""What small functions inside tf.estimator do, which libraries import."""

import functools
import os

import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1
from programs_internal_names import deep


def plain(a, b, c=1):
    return a, b, c


@functools.wraps(plain)
def wrapped(*args, **kwargs):
    return plain(*args, **kwargs)


class WithCall:
    def __call__(self, x, y=0):
        return x, y

    def method(self, m, *, only=1):
        return m, only


@program("input_fn arguments")
def arguments_of_functions(directory):
    functions = {
        "plain": plain,
        "lambda": lambda x, *rest, k=1, **more: x,
        "nothing": lambda: 1,
        "method": WithCall().method,
        "unbound": WithCall.method,
        "object": WithCall(),
        "wrapped": wrapped,
        "partial by place": functools.partial(plain, 1),
        "partial by name": functools.partial(plain, b=1),
        "partial of a partial": functools.partial(functools.partial(plain, 1), c=2),
        "partial of an object": functools.partial(WithCall(), y=2),
        "number": 1,
    }
    fn_args = deep("util", "fn_args")
    return {name: outcome(lambda f=function: list(fn_args(f))) for name, function in functions.items()}


@program("input_fn dataset", "input_fn tensors")
def parsed_results_of_input_functions(directory):
    parse = deep("util", "parse_input_fn_result")
    results = {
        "dataset": lambda: tf.data.Dataset.from_tensors(({"x": [1.0, 2.0]}, [3.0, 4.0])),
        "v1 dataset": lambda: v1.data.Dataset.from_tensors([1.0, 2.0]),
        "pair": lambda: (tf.constant([1.0]), tf.constant([2.0])),
        "features": lambda: {"x": tf.constant([1.0])},
        "list": lambda: [tf.constant([1.0]), tf.constant([2.0])],
        "three": lambda: (tf.constant(1.0), tf.constant(2.0), tf.constant(3.0)),
        "dataset of three": lambda: tf.data.Dataset.from_tensors((1.0, 2.0, 3.0)),
        "none": lambda: None,
    }

    def parsed(make):
        with tf.Graph().as_default(), v1.Session() as session:
            features, labels, hooks = parse(make())
            for hook in hooks:
                hook.begin()
                hook.after_create_session(session, None)
            kinds = [len(hooks), all(isinstance(hook, v1.train.SessionRunHook) for hook in hooks)]
            return kinds, features if features is None else session.run(features), labels is None

    elements = {"pair": (1, 2), "list": [1, 2], "three": (1, 2, 3), "one": 5, "dict": {"x": 1}}
    parse_element = deep("util", "parse_iterator_result")
    return {
        "results": {name: outcome(lambda m=make: parsed(m)) for name, make in results.items()},
        "elements": {
            name: outcome(lambda e=element: list(parse_element(e))) for name, element in elements.items()
        },
    }


@program("Exporter")
def versions_to_keep(directory):
    gc = deep("gc")
    paths = [gc.Path(f"/e/{n}", n) for n in (3, 0, 11, 7, 8, 4, 10, 1)]
    same = [gc.Path("/b", 5), gc.Path("/a", 5), gc.Path("/c", 4)]
    filters = {
        "largest 3": gc._largest_export_versions(3),
        "largest 0": gc._largest_export_versions(0),
        "largest 20": gc._largest_export_versions(20),
        "every 4": gc._one_of_every_n_export_versions(4),
        "every 1": gc._one_of_every_n_export_versions(1),
        "mod 4": gc._mod_export_version(4),
        "union": gc._union(gc._largest_export_versions(2), gc._mod_export_version(4)),
        "negation": gc._negation(gc._mod_export_version(4)),
    }
    for name in ("10", "9", "not-one"):
        os.makedirs(os.path.join(directory, "exports", name))

    def parser(path):
        name = os.path.basename(path.path)
        return path._replace(export_version=int(name)) if name.isdigit() else None

    found = gc._get_paths(os.path.join(directory, "exports"), parser=parser)
    return {
        "kept": {
            name: outcome(lambda k=keep: [list(path) for path in k(paths)]) for name, keep in filters.items()
        },
        "of one version": {
            name: outcome(lambda k=keep: sorted(path.export_version for path in k(same)))
            for name, keep in filters.items()
        },
        "listed": [[os.path.basename(path.path), path.export_version] for path in found],
        "nothing": outcome(lambda: gc._get_paths(os.path.join(directory, "none"), parser=parser)),
    }


@program("EstimatorSpec", repeated={"keras-2": {}})
def optimizers_by_name(directory):
    def steps(optimizer):
        """What two steps on the square of 3 make of it."""
        variable = v1.get_variable("v", initializer=3.0)
        v1.train.get_or_create_global_step()
        if isinstance(optimizer, v1.train.Optimizer):
            return optimizer.minimize(variable**2), variable
        return tf.group(*optimizer.get_updates(variable**2, [variable])), variable

    def trained(make):
        def run():
            with tf.Graph().as_default(), v1.Session() as session:
                step, variable = steps(make())
                session.run(v1.global_variables_initializer())
                session.run(step)
                return session.run(variable)

        return outcome(run)

    one, two = (
        deep("canned.optimizers", "get_optimizer_instance"),
        deep("canned.optimizers", "get_optimizer_instance_v2"),
    )
    names = ("Adagrad", "Adam", "Ftrl", "RMSProp", "SGD", "Other", "adam")
    return {
        "v1": {name: trained(lambda n=name: one(n, 0.1)) for name in names},
        "v1 without a rate": {name: trained(lambda n=name: one(n)) for name in names},
        "v1 rate 0": trained(lambda: one("SGD", 0.0)),
        "v1 object": trained(lambda: one(v1.train.AdamOptimizer(0.2), 0.1)),
        "v1 function": trained(lambda: one(lambda: v1.train.AdamOptimizer(0.2))),
        "v1 number": trained(lambda: one(5, 0.1)),
        "v1 none": trained(lambda: one(None, 0.1)),
        "v2": {name: trained(lambda n=name: two(n, 0.1)) for name in names},
        "v2 without a rate": {name: trained(lambda n=name: two(n)) for name in names},
        "v2 number": trained(lambda: two(5)),
        "v2 none": trained(lambda: two(None)),
        "v2 function of nothing": trained(lambda: two(lambda: None)),
    }
