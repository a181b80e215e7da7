"""The one error that reaches the person: a sentence that says what is missing or went wrong, and what to do."""


class ClusterError(Exception):
    """Ends the command with exit status 1 and its message on standard error."""
