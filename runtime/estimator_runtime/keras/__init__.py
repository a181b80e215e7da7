"""Keras in a graph: names and state of layers, optimizers, what a program of Keras 2 is told."""
