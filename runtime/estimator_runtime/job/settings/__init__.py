"""What a replica is told, and what is wrong with it: environment, paths, references to Python objects."""
