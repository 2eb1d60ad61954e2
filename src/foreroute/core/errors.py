"""The error tree. Errors are caught at three places only: the request boundary in the gateway, the stage
boundary in the tick, and a playbook's step.

    ForerouteError
    ├── ConfigError            the operator's file is wrong; says where and what would be right (exit 3)
    ├── StoreError             a back end did not do what it was asked
    │   ├── StoreUnavailable   may work later                                       retryable
    │   └── StoreCorrupt       will not work until somebody looks
    ├── HistoryError           history that was given cannot be taken in; says where
    ├── StageError             a stage of the tick failed; the tick goes on
    ├── TooLittleHistory       there is not enough to learn a forecast model from, yet
    ├── CredentialsError       a cloud account cannot prove who it is; may work later             retryable
    ├── ModelFileError         a stored forecast model is damaged or not one of ours
    └── MissingExtra           an optional package is not installed; says how to install it
"""

from typing import ClassVar


class ForerouteError(Exception):
    """Anything that Foreroute itself raises. Its text is meant for a person."""

    retryable: ClassVar[bool] = False


class ConfigError(ForerouteError):
    """The configuration cannot be used. `where` is `file:line` and key path, `hint` what would be right."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        return f"{head}\n  {self.hint}" if self.hint else head


class StoreError(ForerouteError):
    pass


class StoreUnavailable(StoreError):  # noqa: N818 - reads as the state it names
    retryable = True


class StoreCorrupt(StoreError):  # noqa: N818
    pass


class HistoryError(ForerouteError):
    """History from elsewhere cannot be read. `where` is the file and line, or the address; `hint` what would be right."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.message = message
        self.where = where
        self.hint = hint


class StageError(ForerouteError):
    pass


class TooLittleHistory(ForerouteError):  # noqa: N818 - reads as the state it names
    pass


class CredentialsError(ForerouteError):
    retryable = True


class ModelFileError(ForerouteError):
    pass


class MissingExtra(ForerouteError):  # noqa: N818
    def __init__(self, package: str, extra: str, feature: str) -> None:
        super().__init__(
            f"{feature} needs the package {package}, which is not installed. "
            f"Install it with: pip install 'foreroute[{extra}]'"
        )
