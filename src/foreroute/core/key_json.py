"""Keys and teams as JSON. Reading is strict: an unknown or ill-typed field is a BadField that names it.

What is written is stable (the same value makes the same bytes) and reads back as an equal value. Money is a
string, bytes are hexadecimal.
"""

import json
from typing import Any, Final

from foreroute.core.fields import (
    BadField,
    Fields,
    flag,
    instant,
    one_of,
    several,
    text,
    usd,
    whole,
)
from foreroute.core.ids import KeyId, RegionId
from foreroute.core.keys import NO_LIMITS, Budget, Limits, Role, Team, TeamId, VirtualKey
from foreroute.core.windows import Window

Row = dict[str, Any]
_NAME: Final = text(longest=100)
_NAME_OR_NONE: Final = text(longest=100, empty=True)
_PATTERNS: Final = several(text(longest=200), most=200)
_BUDGETS_MAX: Final = 10
_REGIONS_MAX: Final = 100


def key_to_dict(key: VirtualKey) -> Row:
    return {
        "id": key.id,
        "name": key.name,
        "salt": key.salt.hex(),
        "digest": key.digest.hex(),
        "hint": key.hint,
        "role": key.role.value,
        "models": list(key.models),
        "team": key.team,
        "limits": limits_to_dict(key.limits),
        "expires_at": key.expires_at,
        "tags": list(key.tags),
        "regions": sorted(key.regions),
        "disabled": key.disabled,
        "created_at": key.created_at,
        "deleted_at": key.deleted_at,
    }


def key_from_dict(value: Any, where: str = "") -> VirtualKey:
    fields = Fields(value, where)
    key = VirtualKey(
        id=fields.take("id", _key_id),
        name=fields.take("name", _NAME),
        salt=fields.take("salt", _hexadecimal),
        digest=fields.take("digest", _hexadecimal),
        hint=fields.take("hint", _NAME_OR_NONE),
        role=fields.take("role", one_of(Role), Role.CALL),
        models=fields.take("models", _PATTERNS, ()),
        team=fields.take("team", _team_id, None),
        limits=fields.take("limits", limits_from_dict, NO_LIMITS),
        expires_at=fields.take("expires_at", instant, None),
        tags=fields.take("tags", several(text(longest=64), most=50), ()),
        regions=fields.take("regions", _regions, frozenset()),
        disabled=fields.take("disabled", flag, default=False),
        created_at=fields.take("created_at", instant),
        deleted_at=fields.take("deleted_at", instant, None),
    )
    fields.end()
    return key


def team_to_dict(team: Team) -> Row:
    return {
        "id": team.id,
        "name": team.name,
        "models": list(team.models),
        "regions": sorted(team.regions),
        "limits": limits_to_dict(team.limits),
        "created_at": team.created_at,
        "deleted_at": team.deleted_at,
    }


def team_from_dict(value: Any, where: str = "") -> Team:
    fields = Fields(value, where)
    team = Team(
        id=fields.take("id", _team_id),
        name=fields.take("name", _NAME),
        models=fields.take("models", _PATTERNS, ()),
        regions=fields.take("regions", _regions, frozenset()),
        limits=fields.take("limits", limits_from_dict, NO_LIMITS),
        created_at=fields.take("created_at", instant),
        deleted_at=fields.take("deleted_at", instant, None),
    )
    fields.end()
    return team


def limits_to_dict(limits: Limits) -> Row:
    return {
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "parallel_max": limits.parallel_max,
        "budgets": [
            {"limit_usd": f"{budget.limit_usd:f}", "window": budget.window.value, "hard": budget.hard}
            for budget in limits.budgets
        ],
        "allow_unpriced": limits.allow_unpriced,
    }


def limits_from_dict(value: Any, where: str = "limits") -> Limits:
    fields = Fields(value, where)
    limits = Limits(
        requests_per_minute=fields.take("requests_per_minute", whole(least=1), None),
        tokens_per_minute=fields.take("tokens_per_minute", whole(least=1), None),
        parallel_max=fields.take("parallel_max", whole(least=1), None),
        budgets=fields.take("budgets", _budgets, ()),
        allow_unpriced=fields.take("allow_unpriced", flag, default=False),
    )
    fields.end()
    return limits


def budget_from_dict(value: Any, where: str = "budget") -> Budget:
    fields = Fields(value, where, hint='for example {"limit_usd": "10", "window": "day"}')
    budget = Budget(
        limit_usd=fields.take("limit_usd", usd),
        window=fields.take("window", one_of(Window)),
        hard=fields.take("hard", flag, default=True),
    )
    fields.end()
    return budget


def key_bytes(key: VirtualKey) -> bytes:
    return _dump(key_to_dict(key))


def read_key(raw: bytes) -> VirtualKey:
    return key_from_dict(_load(raw))


def team_bytes(team: Team) -> bytes:
    return _dump(team_to_dict(team))


def read_team(raw: bytes) -> Team:
    return team_from_dict(_load(raw))


def _budgets(value: Any, where: str) -> tuple[Budget, ...]:
    budgets = several(budget_from_dict, most=_BUDGETS_MAX)(value, where)
    seen = set()
    for number, budget in enumerate(budgets):
        if (one := (budget.window, budget.hard)) in seen:
            kind = "hard" if budget.hard else "soft"
            raise BadField(f"{where}[{number}]", f"is a second {kind} budget of a {budget.window.value}")
        seen.add(one)
    return budgets


def _regions(value: Any, where: str) -> frozenset[RegionId]:
    return frozenset(map(RegionId, several(_NAME, most=_REGIONS_MAX)(value, where)))


def _key_id(value: Any, where: str) -> KeyId:
    return KeyId(_NAME(value, where))


def _team_id(value: Any, where: str) -> TeamId:
    return TeamId(_NAME(value, where))


def _hexadecimal(value: Any, where: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        raise BadField(where, "must be hexadecimal digits") from None


def _dump(row: Row) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def _load(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise BadField("", f"is not JSON: {error}") from None
