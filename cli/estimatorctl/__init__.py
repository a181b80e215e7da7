"""The command line: estimatorctl, and `kubectl estimator`."""
