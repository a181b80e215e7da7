"""What stays from one evaluation of a call to the next: a graph and a session on it, where nobody can tell."""
