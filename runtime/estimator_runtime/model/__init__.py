"""The model function and what it returns: EstimatorSpec, its metrics and outputs, first values by a warm start."""
