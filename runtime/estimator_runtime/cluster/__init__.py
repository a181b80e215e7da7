"""The cluster that a task is part of: TF_CONFIG, the server, how all learn that training has ended."""
