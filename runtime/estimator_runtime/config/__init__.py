"""What a caller settles: RunConfig, and which of its strategies can be run."""
