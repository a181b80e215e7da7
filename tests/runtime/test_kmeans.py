"""KMeans: its centers against those of a few lines of numpy, how it begins and ends, and a job of real processes."""

import pathlib

import numpy as np
import pytest
import stretched
import tensorflow as tf
from cluster_tasks import Job, free_ports

from estimator_runtime import RunConfig, export
from estimator_runtime.clustering.initialization import InitializationHook
from estimator_runtime.errors import EstimatorNotTrainedError, NumberOfClassesError, ValueKindError
from estimator_runtime.experimental import KMeans

HEAPS = np.array([[5, 0], [0, 5], [-5, -5]], np.float32)
POINTS = (HEAPS[np.arange(24) % 3] + np.sin(np.arange(48)).reshape(24, 2)).astype(np.float32)
BEGIN = POINTS[:3] / 2
BATCH = 4


def batches(size=BATCH):
    return lambda: tf.data.Dataset.from_tensor_slices(POINTS).batch(size).repeat()


def once(size=BATCH):
    return lambda: tf.data.Dataset.from_tensor_slices(POINTS).batch(size)


def kmeans(directory, number=3, **settings):
    return KMeans(
        number, str(directory), config=settings.pop("config", RunConfig(tf_random_seed=1)), **settings
    )


def nearest(points, centers, metric):
    """(index of the nearest center of each point, distance to it)."""
    if metric == "cosine":
        distances = 1 - points @ (centers / np.linalg.norm(centers, axis=1, keepdims=True)).T
    else:
        distances = np.square(points[:, None] - centers[None]).sum(axis=2)
    return distances.argmin(axis=1), distances.min(axis=1)


def moved(centers, steps, per_iteration=1, metric="squared_euclidean", size=BATCH):
    """The centers after so many mini-batches, from the beginning of POINTS on again and again."""
    points = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True) if metric == "cosine" else POINTS
    seen = centers.astype(np.float64)
    updated, counts = seen.copy(), np.full(len(seen), 1 if per_iteration == 1 else 0)
    for step in range(steps):
        if per_iteration > 1 and step and step % per_iteration == 0:
            seen, counts = updated.copy(), np.zeros(len(seen), int)
            if metric == "cosine":
                seen /= np.linalg.norm(seen, axis=1, keepdims=True)
        start = step * size % len(points)
        batch = points[start : start + size]
        index, _ = nearest(batch, seen, metric)
        for cluster in np.unique(index):
            own = batch[index == cluster]
            counts[cluster] += len(own)
            updated[cluster] += (own - updated[cluster]).sum(axis=0) / (counts[cluster] + len(own))
        if per_iteration == 1:
            seen = updated.copy()
    return seen


@pytest.mark.parametrize("metric", ["squared_euclidean", "cosine"])
@pytest.mark.parametrize("steps", [1, 5, 14])
def test_mini_batches_move_the_centers(tmp_path, metric, steps):
    begin = BEGIN / np.linalg.norm(BEGIN, axis=1, keepdims=True) if metric == "cosine" else BEGIN
    estimator = kmeans(tmp_path, initial_clusters=BEGIN, distance_metric=metric)
    estimator.train(batches(), steps=steps)
    np.testing.assert_allclose(estimator.cluster_centers(), moved(begin, steps, metric=metric), rtol=1e-5)


@pytest.mark.parametrize("metric", ["squared_euclidean", "cosine"])
def test_several_steps_see_the_same_centers(tmp_path, metric):
    begin = BEGIN / np.linalg.norm(BEGIN, axis=1, keepdims=True) if metric == "cosine" else BEGIN
    config = RunConfig(save_checkpoints_steps=1, keep_checkpoint_max=0)
    settings = {"initial_clusters": BEGIN, "mini_batch_steps_per_iteration": 3, "distance_metric": metric}
    kmeans(tmp_path, config=config, **settings).train(batches(), steps=8)
    for step, left in zip(range(1, 9), (2, 1, 0, 2, 1, 0, 2, 1), strict=True):
        reader = tf.train.load_checkpoint(str(tmp_path / f"model.ckpt-{step}"))
        assert reader.get_tensor("update_in_steps") == left
        # What an iteration has moved is taken over at the first step of the next.
        np.testing.assert_allclose(
            reader.get_tensor("clusters"), moved(begin, step, 3, metric), rtol=1e-4, atol=1e-5
        )


def test_whole_batches_replace_the_centers(tmp_path):
    far = np.array([[100, 100]], np.float32)
    estimator = kmeans(tmp_path, 4, initial_clusters=np.concatenate([BEGIN, far]), use_mini_batch=False)
    estimator.train(batches(24), steps=1)
    index, _ = nearest(POINTS, BEGIN, "squared_euclidean")
    means = [POINTS[index == cluster].mean(axis=0) for cluster in range(3)]
    np.testing.assert_allclose(estimator.cluster_centers(), [*means, [0, 0]], rtol=1e-5)


@pytest.mark.parametrize("begin", ["random", "kmeans_plus_plus"])
def test_first_centers_are_points(tmp_path, begin):
    estimator = kmeans(tmp_path, initial_clusters=begin, mini_batch_steps_per_iteration=100)
    estimator.train(batches(), steps=1)
    found = estimator.cluster_centers()
    assert all(any(np.array_equal(one, point) for point in POINTS[:BATCH]) for one in found)


def test_more_clusters_than_points_in_a_batch(tmp_path):
    estimator = kmeans(tmp_path, 10, mini_batch_steps_per_iteration=100)
    # Two batches are taken whole, two of the third are drawn; the first step has the fourth.
    estimator.train(once(), steps=None)
    found = estimator.cluster_centers()
    np.testing.assert_array_equal(found[:8], POINTS[:8])
    assert all(any(np.array_equal(one, point) for point in POINTS[8:12]) for one in found[8:])
    assert estimator.get_variable_value("global_step") == 3


def test_an_input_with_fewer_points_than_clusters(tmp_path):
    with pytest.raises(tf.errors.OutOfRangeError, match="fewer points than num_clusters"):
        kmeans(tmp_path, 30).train(once())


def test_kmeans_plus_plus_needs_a_batch_that_is_large_enough(tmp_path):
    with pytest.raises(tf.errors.InvalidArgumentError, match="takes all centers from one batch"):
        kmeans(tmp_path, 5, initial_clusters="kmeans_plus_plus").train(batches())


def test_kmeans_plus_plus_without_a_seed_draws_another_one_each_time(tmp_path):
    def first(name):
        settings = {"initial_clusters": "kmeans_plus_plus", "mini_batch_steps_per_iteration": 100}
        estimator = kmeans(tmp_path / name, 1, config=RunConfig(), **settings)
        return tuple(estimator.train(batches(24), steps=1).cluster_centers()[0])

    assert len({first(str(number)) for number in range(6)}) > 1


def test_a_function_chooses_what_is_missing(tmp_path):
    asked = []

    def choose(parts, missing):
        asked.append((len(parts), parts[0].dtype, missing.dtype))
        return parts[0][:1]

    estimator = kmeans(tmp_path, initial_clusters=choose, mini_batch_steps_per_iteration=100)
    estimator.train(batches(), steps=1)
    assert asked == [(1, tf.float32, tf.int32)]
    np.testing.assert_array_equal(estimator.cluster_centers(), POINTS[[0, 4, 8]])


def test_training_goes_on_from_a_checkpoint(tmp_path):
    settings = {"initial_clusters": BEGIN, "mini_batch_steps_per_iteration": 1}
    kmeans(tmp_path / "twice", **settings).train(batches(24), steps=2)
    again = kmeans(tmp_path / "twice", 3, initial_clusters="kmeans_plus_plus").train(batches(24), steps=3)
    whole = kmeans(tmp_path / "once", **settings).train(batches(24), steps=5)
    np.testing.assert_array_equal(again.cluster_centers(), whole.cluster_centers())


@pytest.mark.parametrize(("tolerance", "steps"), [(None, 9), (0.0, 9), (1e9, 2)])
def test_a_loss_that_hardly_changes_ends_the_training(tmp_path, tolerance, steps):
    estimator = kmeans(tmp_path, initial_clusters=BEGIN, relative_tolerance=tolerance)
    assert estimator.train(batches(), steps=9).get_variable_value("global_step") == steps


def test_answers(tmp_path):
    estimator = kmeans(tmp_path, initial_clusters=BEGIN).train(batches(), steps=6)
    centers = estimator.cluster_centers()
    index, distance = nearest(POINTS, centers, "squared_euclidean")
    assert list(estimator.predict_cluster_index(once())) == index.tolist()
    assert estimator.score(once()) == pytest.approx(distance[:BATCH].sum(), rel=1e-4)
    assert estimator.evaluate(once())["loss"] == pytest.approx(distance.sum() / 6, rel=1e-4)
    roots = np.linalg.norm(POINTS[:, None] - centers[None], axis=2)
    np.testing.assert_allclose(list(estimator.transform(once())), roots, rtol=1e-3)


def test_answers_by_cosine(tmp_path):
    estimator = kmeans(tmp_path, initial_clusters=BEGIN, distance_metric="cosine").train(batches(), steps=6)
    centers = estimator.cluster_centers()
    units = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    index, distance = nearest(units, centers, "cosine")
    assert list(estimator.predict_cluster_index(once())) == index.tolist()
    assert estimator.score(once()) == pytest.approx(distance[:BATCH].sum(), abs=1e-5)
    np.testing.assert_allclose(np.min(list(estimator.transform(once())), axis=1), distance, atol=1e-6)


def test_an_export_serves_indices_and_distances(tmp_path):
    estimator = kmeans(tmp_path / "model", initial_clusters=BEGIN).train(batches(), steps=6)
    receiver = export.build_raw_serving_input_receiver_fn({"x": tf.constant(POINTS)})
    served = tf.saved_model.load(str(estimator.export_saved_model(str(tmp_path / "export"), receiver)))
    index = list(estimator.predict_cluster_index(once()))
    points = tf.constant(POINTS)
    for name in ("serving_default", "cluster_index"):
        assert served.signatures[name](x=points)["output"].numpy().tolist() == index
    distances = served.signatures["all_distances"](x=points)["output"].numpy()
    assert distances.argmin(axis=1).tolist() == index


def test_the_steps_in_the_graph_are_the_single_ones(tmp_path, monkeypatch):
    stretches = stretched.watch(monkeypatch)
    found = {}
    for steps_per_loop in (1, 10):
        config = RunConfig(
            tf_random_seed=1, steps_per_loop=steps_per_loop, **{**stretched.PERIODS, "keep_checkpoint_max": 0}
        )
        directory = tmp_path / str(steps_per_loop)
        kmeans(directory, config=config, mini_batch_steps_per_iteration=3).train(batches(), steps=60)
        found[steps_per_loop] = stretched.checkpoints(directory)
    assert found[1] == found[10]
    assert [one.made > 0 for one in stretches] == [False, True]


@pytest.mark.parametrize(
    ("number", "settings", "error", "words"),
    [
        (0, {}, NumberOfClassesError, "positive integer. Given: 0"),
        (2.5, {}, NumberOfClassesError, "positive integer. Given: 2.5"),
        (None, {"initial_clusters": len}, NumberOfClassesError, "positive integer. Given: None"),
        (2, {"distance_metric": "l1"}, ValueError, "Unsupported distance metric 'l1'"),
        (2, {"initial_clusters": "kmc2"}, ValueError, "Unsupported initialization algorithm 'kmc2'"),
    ],
)
def test_arguments_that_do_not_fit(tmp_path, number, settings, error, words):
    with pytest.raises(error, match=words):
        kmeans(tmp_path, number, **settings)


def nothing():
    return {}


@pytest.mark.parametrize(
    ("features", "error", "words"),
    [
        (lambda: tf.constant(POINTS, tf.float64), ValueKindError, "features: float64"),
        (lambda: {"a": tf.constant([[1]])}, ValueKindError, "feature 'a': int32"),
        (lambda: tf.constant([1.0]), ValueKindError, r"\[points, dimension\]; features: \(1,\)"),
        (lambda: tf.sparse.from_dense(tf.constant(POINTS)), ValueKindError, "dense points"),
        (nothing, IndexError, "is empty"),
    ],
)
def test_features_that_are_no_points(tmp_path, features, error, words):
    with pytest.raises(error, match=words):
        kmeans(tmp_path).train(features, steps=1)


def test_first_centers_of_another_dtype(tmp_path):
    with pytest.raises(ValueKindError, match="initial_clusters: float64"):
        kmeans(tmp_path, initial_clusters=BEGIN.astype(np.float64)).train(batches(), steps=1)


def test_without_a_checkpoint(tmp_path):
    estimator = kmeans(tmp_path)
    asked = [
        estimator.cluster_centers,
        lambda: estimator.score(once()),
        lambda: next(estimator.predict_cluster_index(once())),
        lambda: next(estimator.transform(once())),
    ]
    for ask in asked:
        with pytest.raises(EstimatorNotTrainedError):
            ask()


class Session:
    """Of centers that are chosen at the third look."""

    def __init__(self):
        self.run_of = []

    def run(self, fetched):
        self.run_of.append(fetched)
        return self.run_of.count("initialized") > 2


class Coordinator:
    """Stops at the wait of this number."""

    def __init__(self, stops_at):
        self.waits, self.stops_at = 0, stops_at

    def wait_for_stop(self, timeout):
        self.waits += 1
        return self.waits == self.stops_at


@pytest.mark.parametrize(
    ("is_chief", "stops_at", "looks", "chosen", "waits"),
    [(True, 0, 3, 2, 0), (False, 0, 3, 0, 2), (False, 1, 1, 0, 1)],
)
def test_only_the_chief_chooses(is_chief, stops_at, looks, chosen, waits):
    session, coordinator = Session(), Coordinator(stops_at)
    InitializationHook("initialized", "step", is_chief=is_chief).after_create_session(session, coordinator)
    assert session.run_of.count("initialized") == looks
    assert session.run_of.count("step") == chosen
    assert coordinator.waits == waits


@pytest.mark.timeout(300)
def test_a_cluster_finds_the_clusters(tmp_path):
    ports = [f"127.0.0.1:{port}" for port in free_ports(4)]
    cluster = {"chief": ports[:1], "worker": ports[1:2], "ps": ports[2:]}
    job = Job(tmp_path, pathlib.Path(__file__).with_name("kmeans_job.py"), {"max_steps": 400}, cluster)
    try:
        for task in (*job.servers, job.chief, *job.workers):
            task.start()
        # Before the first step there is a checkpoint, and no centers in it: nothing to evaluate yet.
        job.chief.await_line(r"after saving checkpoint [1-9]")
        job.evaluator.start()
        job.await_completion()
    finally:
        job.end()
    assert job.last_step() >= 400
    for task in (job.chief, *job.workers):
        assert task.lines(r"^stepping True$")
    centers = tf.train.load_variable(str(job.model_dir), "clusters")
    assert centers.shape == (3, 2)
    assert len(job.exports("final")) == 1
    assert job.evaluator.lines(r"Saving dict for global step 4\d\d: .*score = ")
