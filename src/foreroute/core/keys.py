"""Virtual keys: who may call what, how often, and for how much. Values only; `key_json` reads and writes them."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NewType

from foreroute.core.ids import KeyId, RegionId
from foreroute.core.windows import Window

TeamId = NewType("TeamId", str)
ScopeId = NewType("ScopeId", str)
"""Whose limits they are: `key:<id>` or `team:<id>`."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a window may cost, in US dollars (≥ 0). A hard one refuses, a soft one only reports that it is crossed."""

    limit_usd: Decimal
    window: Window
    hard: bool = True
    zone: str = "UTC"
    """Where its windows begin, an IANA name. All budgets of one scope have the same."""

    def __post_init__(self) -> None:
        if not self.limit_usd.is_finite() or self.limit_usd < 0:
            raise ValueError(f"a budget is zero dollars or more, not {self.limit_usd}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on one scope; None is no bound, every other number is at least 1."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    """Input and output tokens together."""
    parallel_max: int | None = None
    """Requests under way at the same time."""
    budgets: tuple[Budget, ...] = ()
    allow_unpriced: bool = False
    """Whether a model without a known price may be called although there is a hard budget: it then costs nothing."""

    def __post_init__(self) -> None:
        for bound in (self.requests_per_minute, self.tokens_per_minute, self.parallel_max):
            if bound is not None and bound < 1:
                raise ValueError(f"a limit is at least 1, not {bound}; disable the key to let nothing pass")


NO_LIMITS = Limits()


class Role(StrEnum):
    """What a key opens."""

    CALL = "call"
    """The models, through the gateway."""
    READ = "read"
    """What the admin API shows."""
    ADMIN = "admin"
    """What the admin API shows and changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Several keys under common limits. A call needs the leave of its key and of its key's team."""

    id: TeamId
    name: str
    models: tuple[str, ...] = ()
    """Glob patterns (`gpt-4*`), case-sensitive; empty: all."""
    regions: frozenset[RegionId] = frozenset()
    """Its requests are served there and nowhere else; empty: anywhere."""
    limits: Limits = NO_LIMITS
    created_at: float
    deleted_at: float | None = None


Closed = Literal["deleted", "disabled", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualKey:
    """A key as the house knows it: enough to recognise the secret, not enough to make it.

    A key stays in its team, and a deleted one stays on record without its digest: the spend of a team is that of
    all keys it ever had.
    """

    id: KeyId
    """Public: it is the part of the key that may be logged."""
    name: str
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    """HMAC-SHA256(salt, secret); empty once the key is deleted, and then equal to nothing."""
    hint: str
    """The last four characters, for a person to recognise the key by."""
    role: Role = Role.CALL
    models: tuple[str, ...] = ()
    """Glob patterns (`gpt-4*`), case-sensitive; empty: all."""
    team: TeamId | None = None
    limits: Limits = NO_LIMITS
    expires_at: float | None = None
    tags: tuple[str, ...] = ()
    regions: frozenset[RegionId] = frozenset()
    """Its requests are served there and nowhere else; empty: anywhere."""
    disabled: bool = False
    created_at: float
    deleted_at: float | None = None

    def closed(self, at: float) -> Closed | None:
        """Why it opens nothing at this instant; None: it does."""
        if self.deleted_at is not None:
            return "deleted"
        if self.disabled:
            return "disabled"
        return "expired" if self.expires_at is not None and at >= self.expires_at else None


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits and whose they are: what the accounts count by."""

    id: ScopeId
    limits: Limits


def key_scope(key: VirtualKey) -> Scope:
    return Scope(ScopeId(f"key:{key.id}"), key.limits)


def team_scope(team: Team) -> Scope:
    return Scope(ScopeId(f"team:{team.id}"), team.limits)


@dataclass(frozen=True, slots=True)
class KeyBook:
    """All keys and teams, deleted ones included, by id."""

    keys: tuple[VirtualKey, ...] = ()
    teams: tuple[Team, ...] = ()
