"""KMeans called wrongly."""

import kmeans_points
import numpy as np
import tensorflow as tf
from catalogue import misuse
from kmeans_points import POINTS, kmeans, once

EARLIER = "says it when the Estimator is made, of the argument"
SAYS_WHICH = "says which argument or feature it is, and what to do"


def training(input_fn=None, *arguments, **settings):
    return lambda directory: kmeans(directory, *(arguments or (3,)), **settings).train(
        input_fn or kmeans_points.batches(), steps=2
    )


def nothing():
    return {}


misuse("KMeans: an unknown metric", training(distance_metric="manhattan"))
misuse("KMeans: a metric that is a function", training(distance_metric=len))
misuse("KMeans: an unknown way to begin", training(initial_clusters="kmc2"))
for what, number in {
    "no": 0,
    "minus two": -2,
    "nothing for a number of": None,
    "two and a half": 2.5,
}.items():
    misuse(f"KMeans: {what} clusters", training(None, number), wording=EARLIER)
misuse("KMeans: first centers of float64", training(initial_clusters=np.zeros([3, 2])), wording=SAYS_WHICH)
misuse("KMeans: a number for first centers", training(initial_clusters=3.0), wording=SAYS_WHICH)
misuse(
    "KMeans: first centers of another dimension",
    training(initial_clusters=np.zeros([3, 3], np.float32)),
    wording="tells of a graph of its own",
)
misuse(
    "KMeans: a function that returns the batch",
    training(initial_clusters=lambda parts, missing: parts),
    wording=SAYS_WHICH,
)
misuse(
    "KMeans: a function that returns too many",
    training(initial_clusters=lambda parts, missing: tf.zeros([5, 2])),
    wording="tells of a graph of its own",
)
misuse(
    "KMeans: fewer points in a batch than k-means++ chooses",
    training(None, 6, initial_clusters="kmeans_plus_plus"),
    wording=SAYS_WHICH,
)
misuse(
    "KMeans: fewer points than clusters",
    lambda directory: kmeans(directory, 30).train(once()),
    wording=SAYS_WHICH,
)
misuse("KMeans: labels", training(lambda: (tf.constant(POINTS), tf.zeros([20, 1]))))
misuse("KMeans: points of float64", training(lambda: tf.constant(POINTS, tf.float64)), wording=SAYS_WHICH)
misuse(
    "KMeans: whole numbers for points", training(lambda: tf.constant([[1, 2], [3, 4]])), wording=SAYS_WHICH
)
misuse("KMeans: words for points", training(lambda: {"word": tf.constant([["a"]])}), wording=SAYS_WHICH)
misuse("KMeans: points of rank 1", training(lambda: tf.constant(POINTS[:, 0])), wording=SAYS_WHICH)
misuse(
    "KMeans: sparse points", training(lambda: tf.sparse.from_dense(tf.constant(POINTS))), wording=SAYS_WHICH
)
misuse("KMeans: no features", training(nothing), wording=SAYS_WHICH)
misuse(
    "KMeans: k-means++ without a seed",
    lambda directory: tf.compat.v1.estimator.experimental.KMeans(
        3, directory, initial_clusters="kmeans_plus_plus"
    ).train(kmeans_points.batches(), steps=2),
    outcome="tf.estimator's takes None for a seed and fails; here another one is drawn each time",
)
