"""The exceptions of the job runner.

JobConfigError    what the job asks for cannot work however often it is tried: exit code 78
"""


class JobConfigError(Exception):
    """The job cannot work as it is described; the message is the one line that a person reads."""
