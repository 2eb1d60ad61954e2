"""Virtual keys at the door: made, recognised, and asked which models they open.

A secret has 256 random bits, so nobody guesses it from its digest and a fast hash is the right one: a slow one is
for passwords that people choose, and would cost every request milliseconds.
"""

import base64
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import translate
from typing import Final, Literal

from foreroute.core.ids import KeyId
from foreroute.core.keys import (
    NO_LIMITS,
    KeyBook,
    Scope,
    Team,
    TeamId,
    VirtualKey,
    key_scope,
    team_scope,
)

PREFIX: Final = "sk-fr-"
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""No letter that looks like a digit: an id is read out aloud now and then."""
_ID_LETTERS: Final = 12
_SECRET_BYTES: Final = 32
_SALT_BYTES: Final = 16
_HINT_LETTERS: Final = 4
_NOBODY: Final = b"\0" * 32

RandomBytes = Callable[[int], bytes]
"""So many random bytes that nobody can foretell: `secrets.token_bytes`."""


def new_id(rng_bytes: RandomBytes) -> str:
    """Twelve letters and digits, 60 random bits."""
    return "".join(_ALPHABET[byte % 32] for byte in rng_bytes(_ID_LETTERS))


def new_key(rng_bytes: RandomBytes, *, name: str, at: float) -> tuple[str, VirtualKey]:
    """The key in plain text, which is nowhere else, and what the house keeps of it: `sk-fr-<id>-<secret>`."""
    blank = VirtualKey(id=KeyId(new_id(rng_bytes)), name=name, salt=b"", digest=b"", hint="", created_at=at)
    return new_secret(rng_bytes, blank)


def new_secret(rng_bytes: RandomBytes, key: VirtualKey) -> tuple[str, VirtualKey]:
    """The same key with another secret; the old one opens nothing any more."""
    secret = base64.urlsafe_b64encode(rng_bytes(_SECRET_BYTES)).rstrip(b"=").decode()
    salt = rng_bytes(_SALT_BYTES)
    kept = replace(key, salt=salt, digest=_digest(salt, secret), hint=secret[-_HINT_LETTERS:])
    return f"{PREFIX}{key.id}-{secret}", kept


def id_of(presented: str) -> KeyId | None:
    """The public part of a virtual key; None: it has not the form of one."""
    name, dash, secret = presented.removeprefix(PREFIX).partition("-")
    return KeyId(name) if presented.startswith(PREFIX) and name and dash and secret else None


@dataclass(frozen=True, slots=True)
class Known:
    """A caller whose key is good."""

    key: VirtualKey
    team: Team | None
    scopes: tuple[Scope, ...]
    """Whose leave a call needs: the key's and its team's."""
    models: tuple[re.Pattern[str], ...] = ()
    """Each must match; none: every model."""

    def may_use(self, model: str) -> bool:
        return all(pattern.match(model) for pattern in self.models)


@dataclass(frozen=True, slots=True)
class Refused:
    reason: Literal["unknown", "disabled", "expired"]


_UNKNOWN: Final = Refused("unknown")
_DISABLED: Final = Refused("disabled")
_EXPIRED: Final = Refused("expired")


class Keyring:
    """All keys at one moment. Immutable: a change makes a new one, and a reader swaps them whole."""

    def __init__(self, book: KeyBook) -> None:
        teams = {team.id: team for team in book.teams if team.deleted_at is None}
        self._known = {
            key.id: _known(key, teams) for key in book.keys if key.digest and key.deleted_at is None
        }
        self._teams = frozenset(teams)
        self.locks = bool(book.keys)
        """Whether a key was ever made: deleting the last one does not open the door to everyone."""

    def __len__(self) -> int:
        return len(self._known)

    def find(self, presented: str, at: float) -> Known | Refused:
        """Who presents it. Unknown also for text that is no virtual key: it may be one of another kind.

        The time taken does not tell an unknown id from a wrong secret. Why a key is closed is told to those only
        who have its secret.
        """
        name, _, secret = presented.removeprefix(PREFIX).partition("-")
        known = self._known.get(KeyId(name)) if presented.startswith(PREFIX) else None
        salt, digest = (known.key.salt, known.key.digest) if known is not None else (_NOBODY, _NOBODY)
        same = hmac.compare_digest(_digest(salt, secret), digest)
        if known is None or not same:
            return _UNKNOWN
        key = known.key
        if key.disabled or (key.team is not None and key.team not in self._teams):
            return _DISABLED
        if key.expires_at is not None and at >= key.expires_at:
            return _EXPIRED
        return known


def may_use(key: VirtualKey, team: Team | None, model: str) -> bool:
    """Whether the patterns of the key, and those of its team, let it call the model. `Known` has them compiled."""
    patterns = (_compiled(key.models), _compiled(team.models if team is not None else ()))
    return all(pattern is None or pattern.match(model) for pattern in patterns)


def _known(key: VirtualKey, teams: dict[TeamId, Team]) -> Known:
    team = teams.get(key.team) if key.team is not None else None
    scopes = [key_scope(key)] if team is None else [key_scope(key), team_scope(team)]
    patterns = (_compiled(key.models), _compiled(team.models if team is not None else ()))
    return Known(
        key,
        team,
        tuple(scope for scope in scopes if scope.limits != NO_LIMITS),
        tuple(pattern for pattern in patterns if pattern is not None),
    )


def _compiled(globs: Iterable[str]) -> re.Pattern[str] | None:
    """One pattern for all of them, as `fnmatch.fnmatchcase` understands each; None when there are none."""
    parts = [translate(glob) for glob in globs]
    return re.compile("|".join(parts)) if parts else None


def _digest(salt: bytes, secret: str) -> bytes:
    return hmac.digest(salt, secret.encode("utf-8", "surrogatepass"), "sha256")
