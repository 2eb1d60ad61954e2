"""Who is calling: bearer keys known by their SHA-256, compared in constant time."""

import hashlib
import hmac
from collections.abc import Mapping

from foreroute.core.ids import KeyId

_SOURCES = ((b"authorization", "bearer "), (b"x-api-key", ""), (b"api-key", ""))


def presented_key(headers: Mapping[bytes, bytes]) -> str | None:
    """The key as sent: `Authorization: Bearer`, `x-api-key` or `api-key`."""
    for name, prefix in _SOURCES:
        value = headers.get(name, b"").decode("latin-1").strip()
        if value and value[: len(prefix)].lower() == prefix:
            return value[len(prefix) :].strip()
    return None


def known_key(key: str | None, keys: Mapping[str, KeyId]) -> KeyId | None:
    """The key's id, or None. Every known hash is compared, so that the time taken tells nothing."""
    digest = hashlib.sha256((key or "").encode()).hexdigest()
    found: KeyId | None = None
    for known, key_id in keys.items():
        if hmac.compare_digest(known, digest):
            found = key_id
    return found if key else None
