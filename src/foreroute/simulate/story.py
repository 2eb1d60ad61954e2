"""A scenario's timeline as faults and surges: what befalls a region or a provider is one fault for each channel."""

from collections.abc import Iterator, Sequence

from foreroute.core.channel import Channel
from foreroute.core.errors import ConfigError
from foreroute.core.ids import ChannelId, RegionId
from foreroute.simulate.faults import (
    ColdStart,
    ErrorBurst,
    Fault,
    HollowAnswers,
    Outage,
    PriceChange,
    QuotaSpent,
    SlowRamp,
    StreamCuts,
)
from foreroute.simulate.scenario_schema import (
    ColdStartSpec,
    CutSpec,
    DriftSpec,
    ErrorsSpec,
    FaultSpec,
    FlapSpec,
    HollowSpec,
    PriceSpecChange,
    QuotaFault,
    RegionLossSpec,
    SlowSpec,
    StopSpec,
    SurgeSpec,
    ThrottleSpec,
)
from foreroute.simulate.traffic_maker import Surge

_INF = float("inf")
_RAMP_S = 1.0
"""A jump takes this long."""


def surge_of(spec: SurgeSpec, start_at: float) -> Surge:
    return Surge(
        start_at=start_at + spec.at,
        end_at=start_at + spec.at + spec.for_,
        factor=spec.factor,
        rise_s=spec.rise,
        places=tuple(RegionId(place) for place in spec.places),
    )


def faults_of(spec: FaultSpec, channels: Sequence[Channel], start_at: float) -> list[Fault]:
    """For each channel that it befalls; `start_at` is the instant that the timeline counts from.

    Raises ConfigError if there is no such channel, region, provider or cloud.
    """
    found = []
    for channel in befallen(spec, channels):
        at = start_at + spec.at
        found.append(_fault(spec, channel, at))
        found += _precursor(spec, channel, at)
    return found


def befallen(spec: FaultSpec, channels: Sequence[Channel]) -> list[ChannelId]:
    for kind in ("channel", "region", "provider", "cloud"):
        wanted = getattr(spec, kind)
        if wanted is None:
            continue
        found = [channel.id for channel in channels if _is_of(channel, kind) == wanted]
        if not found:
            known = ", ".join(sorted({_is_of(channel, kind) for channel in channels}))
            raise ConfigError(
                f"no channel has the {kind} {wanted}"
                if kind != "channel"
                else f"there is no channel {wanted}",
                where=f"fault {spec.fault}",
                hint=f"known: {known}",
            )
        return found
    return []


def _is_of(channel: Channel, kind: str) -> str:
    return str(channel.id if kind == "channel" else getattr(channel, kind))


def ends_s(spec: FaultSpec | SurgeSpec) -> float:
    """How long after its start a fault is over; infinity: never."""
    match spec:
        case DriftSpec() | PriceSpecChange():
            return _INF
        case SlowSpec():
            return spec.rise + spec.for_ + spec.fall
        case _:
            return spec.for_


def _precursor(spec: FaultSpec, channel: ChannelId, at: float) -> Iterator[Fault]:
    """What could be seen before: it grows until the fault begins, and is gone when that is."""
    sign = spec.precursor
    if sign is None:
        return
    start_at, end_at = at - sign.lead, at + ends_s(spec)
    if sign.factor > 1.0:
        yield SlowRamp(
            channel=channel,
            start_at=start_at,
            peak_at=at,
            recover_at=end_at,
            end_at=end_at + _RAMP_S,
            factor=sign.factor,
        )
    if sign.errors > 0.0:
        yield ErrorBurst(
            channel=channel,
            start_at=start_at,
            end_at=at,
            ratio=sign.errors,
            status=500,
            code="internal_error",
            message="The server had an error while processing your request",
        )


def _fault(spec: FaultSpec, channel: ChannelId, at: float) -> Fault:
    match spec:
        case SlowSpec():
            peak_at = at + max(spec.rise, _RAMP_S)
            recover_at = peak_at + spec.for_
            return SlowRamp(
                channel=channel,
                start_at=at,
                peak_at=peak_at,
                recover_at=recover_at,
                end_at=recover_at + max(spec.fall, _RAMP_S),
                factor=spec.factor,
            )
        case DriftSpec():
            return SlowRamp(
                channel=channel,
                start_at=at,
                peak_at=at + spec.rise,
                recover_at=_INF,
                end_at=_INF,
                factor=spec.factor,
            )
        case PriceSpecChange():
            return PriceChange(channel=channel, start_at=at, factor=spec.factor)
        case _:
            return _passing(spec, channel, at, at + spec.for_)


def _passing(
    spec: StopSpec
    | RegionLossSpec
    | FlapSpec
    | ErrorsSpec
    | ThrottleSpec
    | QuotaFault
    | ColdStartSpec
    | CutSpec
    | HollowSpec,
    channel: ChannelId,
    at: float,
    end_at: float,
) -> Fault:
    match spec:
        case StopSpec() | RegionLossSpec():
            return Outage(channel=channel, start_at=at, end_at=end_at, how=spec.how)
        case FlapSpec():
            return Outage(
                channel=channel,
                start_at=at,
                end_at=end_at,
                how=spec.how,
                every_s=spec.every,
                down_s=spec.down,
            )
        case ErrorsSpec():
            return ErrorBurst(
                channel=channel,
                start_at=at,
                end_at=end_at,
                ratio=spec.ratio,
                status=spec.status,
                code=spec.code,
                message=spec.message,
            )
        case ThrottleSpec():
            return ErrorBurst(
                channel=channel,
                start_at=at,
                end_at=end_at,
                ratio=spec.ratio,
                status=429,
                code="rate_limit_exceeded",
                message="Rate limit reached, please try again later",
                retry_after_s=spec.retry_after,
            )
        case _:
            return _plain(spec, channel, at, end_at)


def _plain(
    spec: QuotaFault | ColdStartSpec | CutSpec | HollowSpec, channel: ChannelId, at: float, end_at: float
) -> Fault:
    match spec:
        case QuotaFault():
            return QuotaSpent(channel=channel, start_at=at, end_at=end_at)
        case ColdStartSpec():
            return ColdStart(
                channel=channel,
                start_at=at,
                end_at=end_at,
                extra_s=spec.extra,
                loading_ratio=spec.loading,
            )
        case CutSpec():
            return StreamCuts(channel=channel, start_at=at, end_at=end_at, ratio=spec.ratio)
        case HollowSpec():
            return HollowAnswers(channel=channel, start_at=at, end_at=end_at, ratio=spec.ratio)
