"""Google's cloud: tokens from google-auth, for a service account's file or whatever the machine is."""

import json
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from foreroute.core.errors import MissingExtra
from foreroute.regions.clouds.bearer import BearerAuthorizer
from foreroute.regions.clouds.lease import Lease, Renewal

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_LIFE_S: Final = 3000.0
"""Of a token that does not say how long it lives."""


def open_tokens(name: str, credentials_file: Path | None, now: Callable[[], float]) -> BearerAuthorizer:
    """`credentials_file` None: application default credentials (environment, gcloud, metadata server). Raises MissingExtra."""
    _kit()
    source = _Source(credentials_file, now)
    return BearerAuthorizer(Renewal(name=name, fetch=source.fetch, now=now))


class _Source:
    """google-auth's credentials, made when they are first needed: looking for them may ask a metadata server."""

    def __init__(self, credentials_file: Path | None, now: Callable[[], float]) -> None:
        self._file = credentials_file
        self._now = now
        self._credentials: Any = None

    def fetch(self) -> Lease[str]:
        from google.auth.transport.requests import Request  # noqa: PLC0415 - an extra

        if self._credentials is None:
            self._credentials = self._found()
        self._credentials.refresh(Request())
        expiry = self._credentials.expiry
        until = expiry.replace(tzinfo=UTC).timestamp() if expiry else self._now() + _LIFE_S
        return Lease(str(self._credentials.token), until)

    def _found(self) -> Any:
        import google.auth  # noqa: PLC0415 - an extra

        return google.auth.default(scopes=[_SCOPE])[0] if self._file is None else _of_file(self._file)


def _of_file(path: Path) -> Any:
    """By the kind that the file says it is of; google-auth's reader of any kind is deprecated."""
    from google.auth import identity_pool  # noqa: PLC0415 - an extra
    from google.oauth2 import credentials, service_account  # noqa: PLC0415

    readers: dict[str, Any] = {
        "service_account": service_account.Credentials.from_service_account_file,
        "external_account": identity_pool.Credentials.from_file,
        "authorized_user": credentials.Credentials.from_authorized_user_file,
    }
    kind = json.loads(path.read_text(encoding="utf-8")).get("type")
    if kind not in readers:
        raise ValueError(f"{path} holds credentials of the kind {kind!r}; known are {', '.join(readers)}")
    return readers[kind](str(path), scopes=[_SCOPE])


def _kit() -> None:
    try:
        import google.auth.transport.requests  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise MissingExtra("google-auth", "gcp", "tokens for Google's cloud") from None
