"""What is seen from outside: progress read from pods, the operator's own metrics and health."""
