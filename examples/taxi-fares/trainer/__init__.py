"""Predicts the fare of a taxi trip."""
