"""The gateway's own choice in a simulated world: the same plan, fleet, breakers, budgets and draws as over the wire.

What `gateway.exchange` does with sockets and tasks is done here between events; a property test holds the two
together. Requests have no preferences and fit every channel of their route. Hedges and the gateway's own probes are
not simulated: a channel that was left out is tried again by a request.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from foreroute.core.attempt import ArmMark, Attempt, Outcome
from foreroute.core.channel import Channel
from foreroute.core.experiment import Unit
from foreroute.core.failure import FailureClass, FailureEvidence
from foreroute.core.ids import ChannelId, RequestId
from foreroute.core.plan import RoutingPlan, Select, Target
from foreroute.gateway import retry, select
from foreroute.gateway.arms import Arms
from foreroute.gateway.breaker import Permit
from foreroute.gateway.fleet import ChannelStanding, Fleet
from foreroute.gateway.plan_cell import PlanCell, ServedRoute
from foreroute.gateway.retry import RetryBudget
from foreroute.gateway.select import Choice
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.suspects import Suspects
from foreroute.gateway.trial import Trial
from foreroute.gateway.tuned import Tuned, retry_ratio
from foreroute.simulate.limits import LimitsLeft
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Hold, Pick


@dataclass(slots=True)
class _Talk:
    """One request with the gateway: where it is in its routes, and until when it waits."""

    routes: Sequence[ServedRoute]
    deadline: float
    place: int = 0
    tried: list[ChannelId] = field(default_factory=list)
    """On the present route."""
    luck: float = 1.0
    """As the gateway draws it: which requests a channel's admission turns away."""
    retry_ratio: float = 0.0
    hold_until: float = 0.0
    held_at: float = 0.0
    waited_s: float = 0.0
    """In line so far, on any route."""
    server_errors: set[ChannelId] = field(default_factory=set)
    picked: select.Pick | None = None
    marks: tuple[ArmMark, ...] = ()

    @property
    def served(self) -> ServedRoute:
        return self.routes[self.place]


class GatewayRouter:
    """A `Router`. `plans` is the cell that a control loop publishes to; without one the configured plan serves."""

    def __init__(
        self,
        plans: PlanCell,
        channels: Mapping[ChannelId, Channel],
        settings: GatewaySettings | None = None,
    ) -> None:
        self._plans = plans
        self._settings = GatewaySettings() if settings is None else settings
        self._fleet = Fleet(channels)
        self._budget = RetryBudget(ratio=self._settings.retry_ratio, floor=self._settings.retry_floor)
        self._arms = Arms(plans)
        self._tuned = Tuned()
        self._suspects = Suspects()
        self._talks: dict[RequestId, _Talk] = {}
        self._trials: dict[tuple[RequestId, int], tuple[Trial, Permit]] = {}
        self._waiting = 0

    def standings(self, at: float) -> Mapping[ChannelId, ChannelStanding]:
        """Breaker, load and trust of every channel, as the gateway shows them."""
        return self._fleet.snapshot(at)

    def marks(self, request: RequestId) -> tuple[ArmMark, ...]:
        """The experiments that a request is in, until its last attempt has ended."""
        talk = self._talks.get(request)
        return () if talk is None else talk.marks

    def pick(self, asking: Asking) -> Pick | Hold | None:
        talk = self._talks.get(asking.request.id)
        if talk is None:
            talk = self._begin(asking)
            if talk is None:
                return None
            said = self._first(talk, asking)
        elif asking.held:
            self._waiting -= 1
            said = self._after_hold(talk, asking)
        else:
            said = self._next(talk, asking)
        while said is None and self._turn(talk, asking):
            said = self._first(talk, asking)
        if said is None:
            del self._talks[asking.request.id]
        elif isinstance(said, Hold):
            self._waiting += 1
        return said

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None:
        talk = self._talks[request.id]
        chosen = talk.picked
        assert chosen is not None  # noqa: S101 - pick has set it
        talk.tried.append(pick.channel)
        trial = Trial(
            number=number,
            target=chosen.target,
            reason=chosen.reason,
            plan_version=talk.served.version,
            wall_at=at,
            at=at,
        )
        trial.peers = talk.served.route.targets
        self._trials[request.id, number] = trial, self._fleet.enter(chosen.target, at)

    def reached(self, channel: ChannelId) -> bool:
        """The channel answers; see `Dialogue.reach`."""
        return self._fleet.reached(channel)

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None:  # noqa: ARG002 - the gateway reads no limits
        trial, permit = self._trials.pop((attempt.request_id, attempt.number))
        at = attempt.ended_at
        if attempt.time_to_first_chunk_s is not None:
            trial.byte(attempt.started_at + attempt.time_to_first_chunk_s)
        if attempt.outcome is Outcome.SUCCESS:
            trial.succeeded(attempt.usage)
            self._suspects.answered(_body_of(attempt))
            del self._talks[attempt.request_id]
        elif attempt.failure_class is not None:
            if attempt.failure_class is FailureClass.SERVER_ERROR:
                self._talks[attempt.request_id].server_errors.add(attempt.channel)
                if attempt.status is not None:
                    is_to_blame = self._suspects.is_to_blame(_body_of(attempt), attempt.channel, at)
                    trial.speaks_of_channel &= not is_to_blame
            trial.failed(
                attempt.failure_class,
                FailureEvidence(
                    phase=attempt.phase, status=attempt.status, retry_after_s=attempt.retry_after_s
                ),
            )
            trial.usage = attempt.usage
            if attempt.retry_after_s:
                self._fleet.throttle(attempt.channel, attempt.retry_after_s, at)
            elif attempt.failure_class is FailureClass.RATE_LIMITED:
                self._fleet.slow_down(attempt.channel, at)
            if attempt.stream and attempt.time_to_first_chunk_s is not None:
                del self._talks[attempt.request_id]  # the user has seen a part of it: nobody can take over
        self._fleet.leave(trial, permit, stream=attempt.stream, at=at)

    # One request ---------------------------------------------------------------------------------------------------

    def _begin(self, asking: Asking) -> _Talk | None:
        first = self._plans.route(asking.request.route, asking.at)
        if first is None:
            return None
        enrolled = self._arms.enrol(asking.request.route, (first,), _unit_of(asking.request), asking.at)
        if enrolled is not None:
            first = enrolled.routes[0]
        names = dict.fromkeys(first.route.fallbacks)
        others = (self._plans.route(name, asking.at) for name in names)
        routes = [first, *(other for other in others if other is not None)]
        self._budget.request(asking.at)
        plan = self._plans.current()
        routes = [self._with_limits(one, asking.request, plan) for one in routes if one.route.targets]
        talk = _Talk(routes, asking.at + self._settings.deadline_s)
        if not talk.routes:
            return None
        talk.luck = asking.chance.random() if plan.limits else 1.0
        talk.retry_ratio = retry_ratio(plan, self._settings.retry_ratio)
        if enrolled is not None:
            talk.marks = enrolled.marks
        self._talks[asking.request.id] = talk
        return talk

    def _with_limits(self, served: ServedRoute, request: Request, plan: RoutingPlan) -> ServedRoute:
        """With the plan's tuned limits; a plan that has expired has none."""
        if served.static or not plan.limits:
            return served
        route = self._tuned.route(served.route, plan, request.id)
        return served if route is served.route else replace(served, route=route)

    def _first(self, talk: _Talk, asking: Asking) -> Pick | Hold | None:
        chosen = select.choose(self._choice(talk, asking))
        return self._queue(talk, asking) if chosen is None else self._go(talk, chosen, asking.request)

    def _next(self, talk: _Talk, asking: Asking) -> Pick | Hold | None:
        """The channel for the next attempt, after the backoff if it was tried before; None to leave this route."""
        route, failed = talk.served.route, asking.failed
        kind = None if failed is None else failed.failure_class
        if kind is None or len(talk.tried) >= route.attempts_max or not retry.may_fail_over(kind):
            return None
        choice = self._choice(talk, asking)
        chosen, wait_s = select.choose(choice), 0.0
        is_everybodys = kind is FailureClass.SERVER_ERROR and len(talk.server_errors) > 1
        if chosen is None and retry.may_repeat(kind) and not is_everybodys:
            chosen = select.again(choice)
            repeats = len(talk.tried) - len(set(talk.tried))
            wait_s = retry.backoff_s(route.backoff_s, repeats, asking.chance.random())
        if chosen is None:
            return self._queue(talk, asking)
        return (
            self._go(talk, chosen, asking.request, wait_s)
            if self._is_worth_it(talk, chosen, wait_s, asking.at)
            else None
        )

    def _after_hold(self, talk: _Talk, asking: Asking) -> Pick | Hold | None:
        talk.waited_s += asking.at - talk.held_at
        chosen = select.choose(self._choice(talk, asking))
        if chosen is None:
            return self._hold(talk, asking)
        if talk.tried and not self._is_worth_it(talk, chosen, 0.0, asking.at):
            return None
        return self._go(talk, chosen, asking.request)

    def _queue(self, talk: _Talk, asking: Asking) -> Hold | None:
        talk.hold_until = min(asking.at + self._settings.queue_s - talk.waited_s, talk.deadline)
        return self._hold(talk, asking)

    def _hold(self, talk: _Talk, asking: Asking) -> Hold | None:
        """Waits for a place, if one is likely to come in time and the line is not too long."""
        if self._waiting >= self._settings.queue_max:
            return None
        targets = talk.served.route.targets
        untried = tuple(t.channel for t in targets if t.weight > 0 and t.channel not in talk.tried)
        wait_s = self._fleet.turn_s(untried, talk.hold_until - asking.at, asking.at)
        talk.held_at = asking.at
        return None if wait_s is None else Hold(channels=untried, for_s=wait_s)

    def _turn(self, talk: _Talk, asking: Asking) -> bool:
        """On to the next route, if there is one and it may do better."""
        kind = None if asking.failed is None else asking.failed.failure_class
        if asking.at >= talk.deadline or not (kind is None or retry.may_fail_over(kind)):
            return False
        talk.place += 1
        talk.tried = []
        if talk.place < len(talk.routes):
            return True
        talk.place -= 1
        return False

    def _is_worth_it(self, talk: _Talk, chosen: select.Pick, wait_s: float, at: float) -> bool:
        """Whether there is time for another attempt, and the budget of retries allows it."""
        if at + wait_s >= talk.deadline:
            return False
        new = chosen.target.channel not in talk.tried
        free = new and len(talk.tried) <= self._settings.free_failovers
        return free or self._budget.take(at, talk.retry_ratio)

    def _go(self, talk: _Talk, chosen: select.Pick, request: Request, wait_s: float = 0.0) -> Pick:
        talk.picked = chosen
        policy = chosen.target.policy
        timeouts = policy.timeouts.for_work(request.input_tokens, request.output_tokens_max)
        return Pick(
            channel=chosen.target.channel,
            wait_s=wait_s,
            timeouts=timeouts.times(2.0) if policy.leash else timeouts,
            reason=chosen.reason,
            plan_version=talk.served.version,
            route=talk.served.route.name,
            rule=chosen.rule,
            candidates=chosen.candidates,
        )

    def _choice(self, talk: _Talk, asking: Asking) -> Choice:
        at, chance, fleet, served = asking.at, asking.chance, self._fleet, talk.served
        explore_ratio = 1.0 if served.route.select is Select.SHARES else self._settings.explore_ratio

        def standing(target: Target) -> select.Standing:
            return fleet.standing(target, at, talk.luck)

        return Choice(
            route=served.route,
            standing=standing,
            in_flight=fleet.in_flight,
            draws=(chance.random(), chance.random()),
            tried=talk.tried,
            static=served.static,
            slowdown=lambda channel: fleet.slowdown(channel, at),
            trust=lambda channel: fleet.trust(channel, at),
            prefix=asking.request.prefix if served.route.sticky else None,
            explore=chance.random() < explore_ratio,
        )


def _body_of(attempt: Attempt) -> bytes:
    """No two simulated requests are the same."""
    return attempt.request_id.encode()


def _unit_of(request: Request) -> Callable[[Unit], str | None]:
    """Simulated users say nothing of themselves but their request, and their key where they have one."""
    known: dict[Unit, str | None] = {Unit.REQUEST: request.id, Unit.KEY: request.key_id}
    return known.get
