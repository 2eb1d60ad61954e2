"""One try on one channel: all that the gateway tells the rest of the house."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from foreroute.core.extras import Extras, added
from foreroute.core.failure import FailureClass, Phase
from foreroute.core.ids import ChannelId, KeyId, RegionId, RequestId, RouteName
from foreroute.core.limits import RateLimits


class Outcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    TIMEOUT = "timeout"
    THROTTLED = "throttled"
    """The channel asked us to slow down: it says something about our rate, not about its health."""
    IGNORED = "ignored"
    """Says nothing about the channel: the client left, or sent a request that no channel would take."""


class PickReason(StrEnum):
    """Why the gateway chose this channel for this attempt: the closed set behind `x-foreroute-reason`."""

    CONFIGURED = "configured"
    """By the configured weights: no plan has changed them, or autopilot only observes."""
    FORECAST = "forecast"
    """By a plan whose shares a forecast has moved."""
    HEALTH = "health"
    """By a plan whose shares observed failures or slowness have moved."""
    BUDGET = "budget"
    """By a plan whose shares a budget has moved."""
    OPTIMUM = "optimum"
    """By a plan whose shares the cost optimum has moved."""
    MANUAL = "manual"
    """By a plan that an operator pinned or drained."""
    ONLY = "only"
    """The route had a single channel that could be used."""
    FAILOVER = "failover"
    """An earlier attempt of this request failed on another channel."""
    SPILLOVER = "spillover"
    """The preferred channels were at their concurrency limit or their breaker was open."""
    HEDGE = "hedge"
    """An earlier attempt of this request was slow to say anything: this one ran beside it."""
    PROBE = "probe"
    """No request at all: the gateway itself asked a channel that was out whether it is back."""
    SHADOW = "shadow"
    """A copy for an experiment: somebody else answers, and what comes is discarded."""
    STATIC = "static"
    """The plan had expired (the control loop is away): the configured weights serve."""
    LAST_RESORT = "last_resort"
    """Every channel was out: one was tried all the same rather than refuse without asking."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one attempt. Buckets are disjoint where prices differ.

    `input_tokens` excludes cached and cache-write tokens; `reasoning_tokens` is a part of
    `output_tokens`, kept for display, and is never added to it.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    extras: Extras = field(default=(), kw_only=True)
    """Parts of the buckets with a price of their own, and units that are no tokens."""

    @property
    def buckets(self) -> "Usage":
        """The tokens alone: all that is summed over time."""
        return self if not self.extras else replace(self, extras=())

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            extras=added((self.extras, other.extras)) if self.extras or other.extras else (),
        )


NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Asked:
    """The work that a request asks for, as far as the gateway can tell: what its latency and cost depend on."""

    endpoint: str = ""
    """The path after the version, such as `/chat/completions`."""
    input_tokens: int = 0
    """An estimate from the size of the body."""
    output_tokens_max: int | None = None
    """The most that each choice may have; None: the client set no limit."""
    tools: bool = False
    tier: str = ""
    """The service tier, such as `flex` or `priority`; empty: none was asked for."""


NOTHING_ASKED = Asked()


class PickRule(StrEnum):
    """What decided between the channels that could be asked."""

    WEIGHT = "weight"
    """The shares of the plan, by chance."""
    LOAD = "load"
    """Another one had less to do for its share."""
    SLOWDOWN = "slowdown"
    """Another one was its usual self, while this one answered much slower than usual."""
    PREFIX = "prefix"
    """The prompt's beginning: the channel may have it cached."""
    EXPLORE = "explore"
    """Chance alone, so that what is known of every channel stays fresh."""
    ALONE = "alone"
    """There was no other one to ask."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A channel of the route as it stood when the choice was made."""

    channel: ChannelId
    standing: str
    """`free`, `full`, `throttled`, `open` (its breaker), `absent`, or `tried` by this request already."""
    share: float
    """Of the traffic of its priority, after what trust leaves of it; 0…1."""
    slowdown: float
    """How much slower than usual it answered; 1: as usual."""
    in_flight: int


@dataclass(frozen=True, slots=True)
class ArmMark:
    """The request takes part in a run of an experiment, in this arm. `unit` is a digest that names nobody."""

    run: str
    arm: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one request on one channel. Identified by (request_id, number); number starts at 1."""

    request_id: RequestId
    number: int
    route: RouteName
    channel: ChannelId
    started_at: float
    duration_s: float
    outcome: Outcome
    reason: PickReason
    plan_version: int
    client_region: RegionId | None = None
    key_id: KeyId | None = None
    stream: bool = False
    time_to_first_chunk_s: float | None = None
    """Time to the first body byte; None if none came."""
    failure_class: FailureClass | None = None
    phase: Phase = Phase.DONE
    status: int | None = None
    usage: Usage = NO_USAGE
    cost_usd: Decimal | None = None
    """None until priced, and for a model that has no price: unknown is never zero."""
    hedge: bool = False
    retry_after_s: float | None = None
    error: str = ""
    """The masked head of the error message, at most 200 characters; never a prompt or an answer."""
    trace: str | None = None
    """The caller's W3C `traceparent`, if it sent a valid one."""
    asked: Asked = NOTHING_ASKED
    served_tier: str = ""
    """The service tier that the provider says has answered; empty: it does not say."""
    rule: PickRule = PickRule.WEIGHT
    candidates: tuple[Candidate, ...] = ()
    """Empty when the shares alone decided and every channel was free."""
    arms: tuple[ArmMark, ...] = ()
    """The experiments that the request takes part in."""
    propensity: float | None = None
    """How likely this channel was among those that could be asked, 0…1; None where it was not left to chance."""
    connect_s: float | None = None
    """What a new connection took, TLS included; None where one was there already, or was never made."""
    gap_max_s: float | None = None
    """The longest silence after the first byte, up to the next one or to the end; None before any byte."""
    canary: str = ""
    """The trial of a tuned setting that it took part in; empty: none."""
    leash: bool = False
    """It ran with twice the timeouts."""
    rate_limits: RateLimits | None = None
    """What the channel said of its limits."""

    @property
    def tier(self) -> str:
        """The service tier that is billed: what answered, and where nobody says, what was asked for."""
        return self.served_tier or self.asked.tier

    @property
    def ended_at(self) -> float:
        return self.started_at + self.duration_s

    def priced(self, cost_usd: Decimal | None) -> "Attempt":
        """The same with its cost. Field by field: `dataclasses.replace` takes three times as long, per request."""
        return Attempt(
            request_id=self.request_id,
            number=self.number,
            route=self.route,
            channel=self.channel,
            started_at=self.started_at,
            duration_s=self.duration_s,
            outcome=self.outcome,
            reason=self.reason,
            plan_version=self.plan_version,
            client_region=self.client_region,
            key_id=self.key_id,
            stream=self.stream,
            time_to_first_chunk_s=self.time_to_first_chunk_s,
            failure_class=self.failure_class,
            phase=self.phase,
            status=self.status,
            usage=self.usage,
            cost_usd=cost_usd,
            hedge=self.hedge,
            retry_after_s=self.retry_after_s,
            error=self.error,
            trace=self.trace,
            asked=self.asked,
            served_tier=self.served_tier,
            arms=self.arms,
            rule=self.rule,
            candidates=self.candidates,
            propensity=self.propensity,
            connect_s=self.connect_s,
            gap_max_s=self.gap_max_s,
            canary=self.canary,
            leash=self.leash,
            rate_limits=self.rate_limits,
        )
