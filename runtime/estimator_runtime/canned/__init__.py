"""The canned Estimators and what they are made of: heads, feature columns, optimizers by name.

tf.estimator had them in two forms. Those of `tf.compat.v1.estimator` partition their variables over the ps tasks, sum
their loss over a batch and take optimizers of `tf.compat.v1.train`; those of `tf.estimator` do not partition, average
the loss and took the optimizers of Keras 2. The classes of the first form carry `V1` in their names here.
"""
