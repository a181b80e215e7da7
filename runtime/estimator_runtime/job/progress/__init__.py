"""The progress document: kept, served, left as the termination message."""
