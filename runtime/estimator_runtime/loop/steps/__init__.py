"""One step: what the loop and its hooks ask for, merged into one call of the session."""
