"""The exceptions of the job runner.

JobConfigError      what the job asks for cannot work however often it is tried: exit code 78
ExportFailedError   an export could not be made; the exit code is that of its cause
"""


class JobConfigError(Exception):
    """The job cannot work as it is described; the message is the one line that a person reads."""


class ExportFailedError(Exception):
    """An export of mode Export could not be made; its cause says why.

    Attributes:
        name: which one.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"The export {name} could not be made.")
        self.name = name
