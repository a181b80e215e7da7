"""KMeans: clusters of points, found by k-means over the steps of a training.

The kernels are TensorFlow's (`tf.raw_ops.NearestNeighbors`, `tf.raw_ops.KmeansPlusPlusInitialization`). Names of
variables, the order of steps and the numbers are tf.estimator's, so a training goes on from the checkpoints of either.
"""
