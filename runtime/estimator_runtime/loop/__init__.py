"""The loops of training, evaluation and prediction, their sessions and hooks."""
