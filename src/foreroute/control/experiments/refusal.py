"""What an operator asked of an experiment and cannot have."""

from foreroute.core.errors import ForerouteError


class Refused(ForerouteError):  # noqa: N818 - reads as what happened
    """`status` is that of HTTP: 400 for a value, 404 for what is not there, 409 for what does not fit now."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint
