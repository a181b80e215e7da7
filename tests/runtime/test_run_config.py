"""RunConfig: arguments, TF_CONFIG, replace, and the text of every refusal."""

import copy
import json
import pathlib

import pytest
import tensorflow as tf

from estimator_runtime.config.run_config import RunConfig

CLUSTER = {"chief": ["host0:0"], "ps": ["host1:1", "host2:2"], "worker": ["host3:3", "host4:4", "host5:5"]}
MASTER_CLUSTER = {"master": ["host0:0"], "ps": ["host1:1", "host2:2"], "worker": ["host3:3", "host4:4"]}


@pytest.fixture
def configure(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)

    def configured(tf_config=None, **kwargs):
        if tf_config is not None:
            monkeypatch.setenv("TF_CONFIG", json.dumps(tf_config))
        return RunConfig(**kwargs)

    return configured


def in_cluster(task_type, index, cluster=None, **more):
    return {"cluster": cluster or CLUSTER, "task": {"type": task_type, "index": index}, **more}


def test_defaults(configure):
    config = configure()
    assert config.model_dir is None
    assert config.tf_random_seed is None
    assert config.save_summary_steps == 100
    assert config.steps_per_loop == "auto"
    assert config.save_checkpoints_secs == 600
    assert config.save_checkpoints_steps is None
    assert config.session_config is None
    assert config.keep_checkpoint_max == 5
    assert config.keep_checkpoint_every_n_hours == 10000
    assert config.log_step_count_steps == 100
    assert config.train_distribute is None
    assert config.eval_distribute is None
    assert config.device_fn is None
    assert config.protocol is None
    assert config.experimental_max_worker_delay_secs is None
    assert config.session_creation_timeout_secs == 7200
    assert config.checkpoint_save_graph_def is True
    assert config.service is None


def test_without_a_cluster_the_task_is_its_own_chief(configure):
    config = configure()
    assert config.cluster_spec.as_dict() == {}
    assert (config.task_type, config.task_id, config.global_id_in_cluster) == ("worker", 0, 0)
    assert (config.master, config.evaluation_master) == ("", "")
    assert config.is_chief
    assert (config.num_ps_replicas, config.num_worker_replicas) == (0, 1)


def test_an_empty_tf_config_is_none(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "")
    assert RunConfig().task_type == "worker"


@pytest.mark.parametrize(
    ("task_type", "index", "expected"),
    [
        # master address, is_chief, global id
        ("chief", 0, ("grpc://host0:0", True, 0)),
        ("worker", 0, ("grpc://host3:3", False, 1)),
        ("worker", 2, ("grpc://host5:5", False, 3)),
        ("ps", 0, ("grpc://host1:1", False, 4)),
        ("ps", 1, ("grpc://host2:2", False, 5)),
    ],
)
def test_place_in_the_cluster(configure, task_type, index, expected):
    config = configure(in_cluster(task_type, index))
    assert (config.master, config.is_chief, config.global_id_in_cluster) == expected
    assert (config.task_type, config.task_id) == (task_type, index)
    assert config.cluster_spec.as_dict() == CLUSTER
    assert (config.num_ps_replicas, config.num_worker_replicas) == (2, 4)
    assert config.evaluation_master == ""


def test_jobs_between_chief_and_ps_are_numbered_by_name(configure):
    cluster = {**CLUSTER, "zookeeper": ["z:1"], "aaa": ["a:1", "a:2"]}
    ids = {
        (job, index): configure(in_cluster(job, index, cluster)).global_id_in_cluster
        for job, tasks in cluster.items()
        for index in range(len(tasks))
    }
    order = [("chief", 0), ("aaa", 0), ("aaa", 1), ("worker", 0), ("worker", 1), ("worker", 2)]
    order += [("zookeeper", 0), ("ps", 0), ("ps", 1)]
    assert sorted(ids, key=ids.get) == order
    assert sorted(ids.values()) == list(range(9))


def test_the_evaluator_is_not_in_the_cluster(configure):
    config = configure(in_cluster("evaluator", 12))
    assert config.cluster_spec.as_dict() == {}
    assert (config.task_type, config.task_id, config.global_id_in_cluster) == ("evaluator", 12, None)
    assert (config.master, config.evaluation_master) == ("", "")
    assert not config.is_chief
    assert (config.num_ps_replicas, config.num_worker_replicas) == (0, 0)
    assert config.session_config is None


def test_an_evaluator_listed_in_the_cluster_is_left_out(configure):
    config = configure(in_cluster("worker", 0, {**CLUSTER, "evaluator": ["host9:9"]}))
    assert config.cluster_spec.as_dict() == CLUSTER
    assert config.num_worker_replicas == 4


def test_a_cluster_of_one_node_needs_no_server(configure):
    config = configure(in_cluster("chief", 0, {"chief": ["host0:0"]}))
    assert config.master == ""
    assert config.num_worker_replicas == 1


def test_a_master_takes_the_chiefs_place(configure):
    config = configure(in_cluster("master", 0, MASTER_CLUSTER))
    assert (config.master, config.is_chief, config.global_id_in_cluster) == ("grpc://host0:0", True, 0)
    assert (config.num_ps_replicas, config.num_worker_replicas) == (2, 3)


def test_session_masters_come_from_tf_config(configure):
    config = configure(in_cluster("worker", 1, session_master="grpc://a", eval_session_master="grpc://b"))
    assert (config.master, config.evaluation_master) == ("grpc://a", "")
    config = configure({"session_master": "grpc://a", "eval_session_master": "grpc://b"})
    assert (config.master, config.evaluation_master) == ("grpc://a", "grpc://b")
    config = configure(in_cluster("evaluator", 0, session_master="grpc://a", eval_session_master="grpc://b"))
    assert (config.master, config.evaluation_master) == ("", "grpc://b")


def test_service_is_passed_on(configure):
    assert configure({"service": {"key": 1}}).service == {"key": 1}


@pytest.mark.parametrize(
    ("tf_config", "text"),
    [
        ({"task": {"type": "chief"}}, 'If "cluster" is not set in TF_CONFIG, task type must be WORKER.'),
        ({"task": {"index": 1}}, 'If "cluster" is not set in TF_CONFIG, task index must be 0.'),
        ({"cluster": {"worker": ["a:1"]}}, 'must have one "chief" node'),
        ({"cluster": {"chief": ["a:1", "b:1"]}}, 'must have only one "chief" node.'),
        ({"cluster": {"chief": ["a:1"]}}, "task type must be set."),
        ({"cluster": {"chief": ["a:1"]}, "task": {"type": "chief"}}, "task index must be set."),
        (in_cluster("chief", -1), "Task index must be non-negative number."),
        (in_cluster("evaluator", -1), "Task index must be non-negative number."),
        (in_cluster("driver", 0), "driver is not a valid task_type in the cluster_spec"),
        (in_cluster("worker", 3), "3 is not a valid task_id for task_type worker"),
        (in_cluster("chief", 0, {**MASTER_CLUSTER, "chief": ["c:1"]}), "job `chief` is not supported"),
        (in_cluster("evaluator", 0, MASTER_CLUSTER), "task_type `evaluator` is not supported"),
        (in_cluster("master", 0, {"master": ["a:1", "b:1"]}), 'must have only one "master" node.'),
        ({"model_dir": ""}, "model_dir in TF_CONFIG should be non-empty."),
    ],
)
def test_refused_tf_config(configure, tf_config, text):
    with pytest.raises(ValueError) as error:
        configure(tf_config)
    assert text in str(error.value)


def test_the_task_index_may_be_a_string(configure):
    assert configure(in_cluster("worker", "1")).task_id == 1


@pytest.mark.parametrize(
    ("tf_config", "text"),
    [
        ([1], "TF_CONFIG must be a JSON object. Given <class 'list'>"),
        ("text", "TF_CONFIG must be a JSON object. Given <class 'str'>"),
        (
            {"cluster": ["a:1"]},
            "\"cluster\" in TF_CONFIG must be a dict from the jobs .* Given <class 'list'>",
        ),
    ],
)
def test_tf_config_and_its_cluster_must_be_objects(configure, tf_config, text):
    for caught in (TypeError, AttributeError):
        with pytest.raises(caught, match=text):
            configure(tf_config)


def test_service_must_be_a_dict(configure):
    with pytest.raises(TypeError, match='If "service" is set in TF_CONFIG, it must be a dict'):
        configure({"service": "x"})


@pytest.mark.parametrize(
    ("task_type", "index", "filters"),
    [
        ("chief", 0, ["/job:ps", "/job:chief"]),
        ("worker", 2, ["/job:ps", "/job:worker/task:2"]),
        ("ps", 0, ["/job:ps", "/job:worker", "/job:chief", "/job:master"]),
    ],
)
def test_device_filters_let_tasks_come_and_go(configure, task_type, index, filters):
    session_config = configure(in_cluster(task_type, index)).session_config
    assert list(session_config.device_filters) == filters
    assert session_config.allow_soft_placement
    assert session_config.graph_options.rewrite_options.meta_optimizer_iterations == 1


def test_device_filters_of_a_master(configure):
    session_config = configure(in_cluster("master", 0, MASTER_CLUSTER)).session_config
    assert list(session_config.device_filters) == ["/job:ps", "/job:master"]


def test_a_job_of_another_name_has_no_session_config_of_its_own(configure):
    cluster = {"chief": ["host0:0"], "reader": ["host1:0"]}
    assert configure(in_cluster("reader", 0, cluster)).session_config is None


def test_a_given_session_config_is_kept(configure):
    given = tf.compat.v1.ConfigProto(allow_soft_placement=False)
    assert configure(in_cluster("chief", 0), session_config=given).session_config == given


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("model_dir", "", "model_dir should be non-empty"),
        ("save_summary_steps", -1, "save_summary_steps should be >= 0"),
        ("save_checkpoints_steps", -1, "save_checkpoints_steps should be >= 0"),
        ("save_checkpoints_secs", -1, "save_checkpoints_secs should be >= 0"),
        ("session_config", {}, "session_config must be instance of ConfigProto"),
        ("keep_checkpoint_max", -1, "keep_checkpoint_max should be >= 0"),
        ("keep_checkpoint_every_n_hours", 0, "keep_checkpoint_every_n_hours should be > 0"),
        ("log_step_count_steps", 0, "log_step_count_steps should be > 0"),
        ("session_creation_timeout_secs", 0, "session_creation_timeout_secs should be > 0"),
        ("tf_random_seed", 1.0, "tf_random_seed must be integer"),
        ("experimental_max_worker_delay_secs", "5", "experimental_max_worker_delay_secs must be an integer"),
        ("device_fn", "/cpu:0", 'device_fn must be callable with exactly one argument "op"'),
        ("device_fn", lambda node: "/cpu:0", 'device_fn must be callable with exactly one argument "op"'),
        ("device_fn", lambda op, more: "/cpu:0", 'device_fn must be callable with exactly one argument "op"'),
        ("protocol", "http", "protocol should be grpc or grpc+verbs"),
        ("steps_per_loop", 0, 'steps_per_loop should be "auto" or an integer >= 1'),
        ("steps_per_loop", True, 'steps_per_loop should be "auto" or an integer >= 1'),
        ("steps_per_loop", "100", 'steps_per_loop should be "auto" or an integer >= 1'),
        ("steps_per_loop", 1.5, 'steps_per_loop should be "auto" or an integer >= 1'),
        (
            "train_distribute",
            object(),
            "train_distribute may be a MirroredStrategy, OneDeviceStrategy, CentralStorageStrategy,",
        ),
        (
            "eval_distribute",
            object(),
            "eval_distribute may be a MirroredStrategy, OneDeviceStrategy, CentralStorageStrategy,",
        ),
        ("experimental_distribute", object(), "experimental_distribute must have the attributes"),
    ],
)
def test_refused_values(configure, field, value, text):
    with pytest.raises(ValueError) as error:
        configure(**{field: value})
    assert text in str(error.value)
    with pytest.raises(ValueError) as error:
        configure().replace(**{field: value})
    assert text in str(error.value)


def test_values_are_kept(configure):
    def device_fn(op):
        return "/cpu:0"

    values = {
        "model_dir": "/models/a",
        "tf_random_seed": 11,
        "save_summary_steps": 12,
        "save_checkpoints_steps": 13,
        "keep_checkpoint_max": 0,
        "keep_checkpoint_every_n_hours": 14,
        "log_step_count_steps": 15,
        "device_fn": device_fn,
        "protocol": "grpc+verbs",
        "experimental_max_worker_delay_secs": 0,
        "session_creation_timeout_secs": 16,
        "checkpoint_save_graph_def": False,
        "steps_per_loop": 17,
    }
    for config in (configure(**values), configure().replace(**values)):
        assert {name: getattr(config, name) for name in values} == values


@pytest.mark.parametrize(
    ("given", "steps", "secs"),
    [
        ({}, None, 600),
        ({"save_checkpoints_steps": 5}, 5, None),
        ({"save_checkpoints_secs": 6}, None, 6),
        ({"save_checkpoints_steps": 5, "save_checkpoints_secs": None}, 5, None),
        ({"save_checkpoints_steps": None}, None, None),
        ({"save_checkpoints_steps": None, "save_checkpoints_secs": None}, None, None),
    ],
)
def test_checkpoint_interval(configure, given, steps, secs):
    config = configure(**given)
    assert (config.save_checkpoints_steps, config.save_checkpoints_secs) == (steps, secs)


def test_both_checkpoint_intervals_are_refused(configure):
    text = "`save_checkpoints_steps` and `save_checkpoints_secs` cannot be both set."
    with pytest.raises(ValueError, match=text):
        configure(save_checkpoints_steps=1, save_checkpoints_secs=2)
    with pytest.raises(ValueError, match=text):
        configure().replace(save_checkpoints_steps=1, save_checkpoints_secs=2)


def test_replacing_one_checkpoint_interval_clears_the_other(configure):
    steps = configure().replace(save_checkpoints_steps=5)
    assert (steps.save_checkpoints_steps, steps.save_checkpoints_secs) == (5, None)
    secs = steps.replace(save_checkpoints_secs=6)
    assert (secs.save_checkpoints_steps, secs.save_checkpoints_secs) == (None, 6)


@pytest.mark.parametrize(
    ("given", "changes", "steps", "secs"),
    [
        ({}, {"save_checkpoints_steps": None}, None, 600),
        ({"save_checkpoints_steps": 5}, {"save_checkpoints_secs": None}, 5, None),
        ({"save_checkpoints_secs": 6}, {"save_checkpoints_steps": None}, None, 6),
        ({"save_checkpoints_secs": 6}, {"save_checkpoints_secs": None}, None, None),
        ({}, {"save_checkpoints_steps": None, "save_checkpoints_secs": None}, None, None),
        ({}, {"save_checkpoints_steps": 3, "save_checkpoints_secs": None}, 3, None),
    ],
)
def test_replacing_one_checkpoint_interval_by_none_leaves_the_other(configure, given, changes, steps, secs):
    """As in tf.estimator: only both together switch checkpoints off."""
    changed = configure(**given).replace(**changes)
    assert (changed.save_checkpoints_steps, changed.save_checkpoints_secs) == (steps, secs)


def test_replace_copies_and_changes_only_constructor_fields(configure):
    config = configure(in_cluster("worker", 1))
    changed = config.replace(model_dir="/b", session_config=None)
    assert (config.model_dir, changed.model_dir) == (None, "/b")
    assert changed.session_config is None
    assert config.session_config is not None
    assert changed.task_id == 1
    with pytest.raises(ValueError, match="Replacing master is not supported. Allowed properties are"):
        config.replace(master="_master")


def test_subclasses_keep_their_attributes_through_replace_and_copies(configure):
    class Custom(RunConfig):
        def __init__(self):
            super().__init__(tf_random_seed=3)
            self.extra = [1]

        @property
        def is_chief(self):
            return False

    changed = copy.deepcopy(Custom()).replace(model_dir="/c")
    assert type(changed) is Custom
    assert changed.extra == [1]
    assert changed.tf_random_seed == 3
    assert not changed.is_chief


def test_model_dir_of_argument_and_tf_config(configure):
    assert configure({"model_dir": "/m"}).model_dir == "/m"
    assert configure({"model_dir": "/m"}, model_dir="/m").model_dir == "/m"
    assert configure({}, model_dir=pathlib.PurePosixPath("/p")).model_dir == "/p"
    with pytest.raises(ValueError, match="must have the same value as the model_dir in TF_CONFIG"):
        configure({"model_dir": "/m"}, model_dir="/other")


def test_positional_order_is_tf_estimators(configure):
    config = RunConfig("/m", 1, 2, 3, None, None, 4, 5, 6)
    assert config.model_dir == "/m"
    assert (config.tf_random_seed, config.save_summary_steps, config.save_checkpoints_steps) == (1, 2, 3)
    assert (config.keep_checkpoint_max, config.keep_checkpoint_every_n_hours) == (4, 5)
    assert config.log_step_count_steps == 6
