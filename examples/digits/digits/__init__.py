"""Handwritten digits: a plain tf.estimator model and its input functions."""
