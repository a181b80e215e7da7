"""Functions and classes that tf.estimator had for itself, and that libraries import all the same.

Each is here by what it means on this package: most are few lines around what the package has, with the names of arguments
that callers know. `estimator_runtime.compat.deep_modules` says under which of tf.estimator's modules and names each is
found. Nothing of the package itself uses them.
"""
