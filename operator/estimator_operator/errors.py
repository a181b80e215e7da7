"""The operator's exceptions.

The API server's refusals are ApiErrors, one class for each answer that the operator treats in its own way.
"""

from __future__ import annotations


class OperatorError(Exception):
    """Root of everything the operator raises on purpose."""


class SettingsError(OperatorError):
    """A flag or environment variable has a value that makes no sense; the message names it."""


class PreflightError(OperatorError):
    """The operator cannot start here; the message says what to do."""


class LeadershipLostError(OperatorError):
    """The lease could not be renewed in time or is held by another replica.

    Attributes:
        time_left: Seconds in which the process must have ended: another replica may lead then.
    """

    def __init__(self, message: str, *, time_left: float = 0.0) -> None:
        super().__init__(message)
        self.time_left = time_left


class ApiError(OperatorError):
    """The API server refused a call or did not answer.

    Attributes:
        status: HTTP status, 0 when there was no answer.
        reason: `reason` of the Status object, e.g. AlreadyExists; "" when there was none.
        message: What the server said.
        retry_after: Seconds after which the server wants to be asked again, or None.
    """

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class InvalidError(ApiError):
    """400 or 422: the object breaks a rule of its schema or of an admission plugin."""


class UnauthorizedError(ApiError):
    """401: the credentials are not accepted."""


class ForbiddenError(ApiError):
    """403: RBAC, a quota or an admission plugin forbids it."""


class NotFoundError(ApiError):
    """404: the object (or its namespace, or its kind) does not exist."""


class ConflictError(ApiError):
    """409: a precondition on uid or resourceVersion no longer holds."""


class AlreadyExistsError(ConflictError):
    """409 on create: an object of that name exists."""


class LeftoverError(ConflictError):
    """409 on create: what exists belongs to a job of the same name that is gone, and will follow it."""


class TooManyRequestsError(ApiError):
    """429: the server is busy or a budget forbids it for now."""


class UnavailableError(ApiError):
    """5xx, a broken connection or a timeout: the same call may succeed later."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    422: InvalidError,
    429: TooManyRequestsError,
}


def api_error(message: str, *, status: int, reason: str = "", retry_after: float | None = None) -> ApiError:
    """The exception for an HTTP status: the most specific class of the tree above."""
    kind = _BY_STATUS.get(status, UnavailableError if status >= 500 or status == 0 else ApiError)
    if kind is ConflictError and reason == "AlreadyExists":
        kind = AlreadyExistsError
    return kind(message, status=status, reason=reason, retry_after=retry_after)
