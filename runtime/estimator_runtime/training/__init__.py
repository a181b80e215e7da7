"""train_and_evaluate: its specs, what each task does, and the hooks that end it."""
