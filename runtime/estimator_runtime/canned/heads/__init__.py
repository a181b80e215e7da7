"""Heads: from logits to loss, predictions, metrics and signatures, and the optimizer's train_op."""
