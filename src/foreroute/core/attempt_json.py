"""An attempt as plain values and back, for whatever writes it down: the ledger's rows, the journal's lines."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from foreroute.core.attempt import (
    NOTHING_ASKED,
    ArmMark,
    Asked,
    Attempt,
    Candidate,
    Outcome,
    PickReason,
    PickRule,
    Usage,
)
from foreroute.core.extras import Extra, Extras, extras_of
from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId, KeyId, RegionId, RequestId, RouteName
from foreroute.core.limits import RateLimits

_TOKENS_MAX: Final = 10**15
_DIGITS: Final = 6


def tokens_of(usage: Usage) -> list[int]:
    """The five buckets in the order of `Usage`. More than 10^15 is a mistake of whoever reported it, kept as that."""
    return [
        min(usage.input_tokens, _TOKENS_MAX),
        min(usage.cached_input_tokens, _TOKENS_MAX),
        min(usage.cache_write_tokens, _TOKENS_MAX),
        min(usage.output_tokens, _TOKENS_MAX),
        min(usage.reasoning_tokens, _TOKENS_MAX),
    ]


def attempt_fields(attempt: Attempt) -> dict[str, Any]:
    """All but what names and prices it: `request_id`, `number`, `started_at`, `channel`, `cost_usd`."""
    asked = attempt.asked
    fields: dict[str, Any] = {
        "route": attempt.route,
        "duration_s": attempt.duration_s,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
        "plan_version": attempt.plan_version,
        "client_region": attempt.client_region,
        "key_id": attempt.key_id,
        "stream": attempt.stream,
        "time_to_first_chunk_s": attempt.time_to_first_chunk_s,
        "failure_class": attempt.failure_class,
        "phase": attempt.phase,
        "status": attempt.status,
        "usage": tokens_of(attempt.usage),
        "hedge": attempt.hedge,
        "retry_after_s": attempt.retry_after_s,
        "error": attempt.error.encode("utf-8", "replace").decode(),  # half a surrogate pair is no JSON
        "trace": attempt.trace,
        "asked": [asked.endpoint, asked.input_tokens, asked.output_tokens_max, asked.tools],
    }
    if attempt.usage.extras:
        fields["extras"] = {extra.value: min(many, _TOKENS_MAX) for extra, many in attempt.usage.extras}
    if attempt.served_tier:
        fields["served_tier"] = attempt.served_tier
    if asked.tier:
        fields["asked"].append(asked.tier)
    if attempt.candidates or attempt.rule is not PickRule.WEIGHT:
        fields["rule"] = attempt.rule
        fields["candidates"] = [
            [one.channel, one.standing, one.share, one.slowdown, one.in_flight] for one in attempt.candidates
        ]
    if attempt.arms:
        fields["arms"] = [[mark.run, mark.arm, mark.unit] for mark in attempt.arms]
    if attempt.propensity is not None:
        fields["propensity"] = round(attempt.propensity, _DIGITS)
    return fields | _tuning_fields(attempt)


def _tuning_fields(attempt: Attempt) -> dict[str, Any]:
    """What tuning learns from. Only what is there: most attempts meet an open connection and hear of no limits."""
    fields: dict[str, Any] = {}
    if attempt.connect_s is not None:
        fields["connect_s"] = round(attempt.connect_s, _DIGITS)
    if attempt.gap_max_s is not None:
        fields["gap_max_s"] = round(attempt.gap_max_s, _DIGITS)
    if attempt.canary:
        fields["canary"] = attempt.canary
    if attempt.leash:
        fields["leash"] = True
    if (said := attempt.rate_limits) is not None:
        fields["rate_limits"] = [
            said.requests_max,
            said.requests_left,
            said.requests_reset_s,
            said.tokens_max,
            said.tokens_left,
            said.tokens_reset_s,
        ]
    return fields


def attempt_of(
    fields: Mapping[str, Any],
    *,
    request_id: str,
    number: int,
    started_at: float,
    channel: str,
    cost_usd: Decimal | None,
) -> Attempt:
    """Raises KeyError, TypeError or ValueError on fields that `attempt_fields` did not make."""
    return Attempt(
        request_id=RequestId(request_id),
        number=number,
        started_at=started_at,
        channel=ChannelId(channel),
        cost_usd=cost_usd,
        route=RouteName(fields["route"]),
        duration_s=fields["duration_s"],
        outcome=Outcome(fields["outcome"]),
        reason=PickReason(fields["reason"]),
        plan_version=fields["plan_version"],
        client_region=_named(RegionId, fields["client_region"]),
        key_id=_named(KeyId, fields["key_id"]),
        stream=fields["stream"],
        time_to_first_chunk_s=fields["time_to_first_chunk_s"],
        failure_class=_named(FailureClass, fields["failure_class"]),
        phase=Phase(fields["phase"]),
        status=fields["status"],
        usage=Usage(*fields["usage"], extras=_extras_of(fields)),
        hedge=fields["hedge"],
        retry_after_s=fields["retry_after_s"],
        error=fields["error"],
        trace=fields.get("trace"),
        asked=Asked(*fields["asked"]) if "asked" in fields else NOTHING_ASKED,
        served_tier=fields.get("served_tier", ""),
        rule=PickRule(fields.get("rule", PickRule.WEIGHT)),
        propensity=fields.get("propensity"),
        candidates=tuple(Candidate(ChannelId(name), *rest) for name, *rest in fields.get("candidates", ())),
        arms=tuple(ArmMark(*mark) for mark in fields.get("arms", ())),
        connect_s=fields.get("connect_s"),
        gap_max_s=fields.get("gap_max_s"),
        canary=fields.get("canary", ""),
        leash=fields.get("leash", False),
        rate_limits=RateLimits(*fields["rate_limits"]) if "rate_limits" in fields else None,
    )


def _extras_of(fields: Mapping[str, Any]) -> Extras:
    return extras_of({Extra(name): many for name, many in fields.get("extras", {}).items()})


def _named(kind: Any, value: str | None) -> Any:
    return None if value is None else kind(value)
