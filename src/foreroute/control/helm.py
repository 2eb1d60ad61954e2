"""What serves: the plan of the moment, the trouble that made it, and the decisions that led to it."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from foreroute.control.controls import Steering, undo
from foreroute.control.overrides import impose, in_force, with_overrides, withdraw
from foreroute.control.spread import Spread
from foreroute.core.decision import Autopilot, Capability, Cause, Decision
from foreroute.core.experiment import Override, Planned
from foreroute.core.ids import ChannelId, DecisionId, RouteName
from foreroute.core.limits import ChannelLimits
from foreroute.core.optimum import Pursuit
from foreroute.core.patterns import Refusals
from foreroute.core.plan import Route, RoutingPlan
from foreroute.core.work import Expectation


class Helm:
    """The only one that publishes plans."""

    def __init__(
        self,
        configured: RoutingPlan,
        steering: Steering,
        publish: Callable[[RoutingPlan], None],
        spread: Spread | None = None,
    ) -> None:
        self.configured, self.steering = configured, steering
        self.plan = configured
        """As it was decided, without what moves between regions."""
        self.served = configured
        """As the gateways have it."""
        self.causes: tuple[Cause, ...] = ()
        self.pursued: Mapping[RouteName, Pursuit] = {}
        """The cost optimum that each route aims at."""
        self.last_change: Decision | None = None
        """The newest decision that changed something, or proposed to."""
        self.expectations: Mapping[ChannelId, Expectation] = {}
        self.refusals: Mapping[ChannelId, Refusals] = {}
        self.limits: Mapping[ChannelId, ChannelLimits] = {}
        """All go down with every plan."""
        self.bound: Callable[[RoutingPlan], RoutingPlan] = lambda plan: plan
        """What playbooks hold beside shares."""
        self._publish, self._spread = publish, spread
        self._has_begun = False

    def begin(self, version: int, at: float, valid_s: float) -> None:
        """The configured weights and what was promoted, under a number that no earlier run has used."""
        plan = with_overrides(self.steering, self.configured, self.configured)
        self._steer(replace(plan, version=version, made_at=at, valid_until=at + valid_s))

    def act(self, decision: Decision) -> None:
        if decision.changes and decision.applied:
            self.steering.remember(self.plan, decision)
        self.causes, self.pursued = decision.causes, decision.pursued
        if decision.changes:
            self.last_change = decision
        self._steer(decision.plan, step=True)

    def hold(self, at: float, valid_s: float) -> None:
        """The configured weights at once."""
        self.causes, self.pursued = (), {}
        self.begin(self.plan.version + 1, at, valid_s)

    def let_go(self) -> None:
        """The kill switch is off: what was promoted, and what runs, is in force again."""
        plan = with_overrides(self.steering, self.configured, self.plan)
        self._steer(replace(plan, version=plan.version + bool(self.steering.overrides)))

    def in_force(self) -> Mapping[RouteName, Route]:
        """The configured routes with what was promoted on them."""
        return in_force(self.steering, self.configured)

    def impose(self, override: Override, at: float) -> Decision:
        """Puts a change on its routes at once, until it is undone or withdrawn."""
        return self._put(impose(self.steering, self.configured, self.plan, override, at=at))

    def withdraw(self, name: str, at: float) -> Decision | None:
        """Takes back what was promoted under this name; None if nothing is in force."""
        decision = withdraw(self.steering, self.configured, self.plan, name, at=at)
        return None if decision is None else self._put(decision)

    def publish_again(self) -> None:
        """What runs as an experiment has changed: the gateway hears of it now, or with the first plan."""
        if self._has_begun:
            self._steer(self.plan)

    def undo(self, at: float, hold_s: float) -> Decision | None:
        """Takes back the newest applied decision; None if there is none."""
        name = DecisionId(f"u{at:.3f}")
        decision = undo(self.steering, self.plan, self.causes, at=at, hold_s=hold_s, name=name)
        if decision is not None:
            self.causes, self.last_change = decision.causes, decision
            self._steer(decision.plan)
        return decision

    def _put(self, decision: Decision) -> Decision:
        if decision.changes:
            self.last_change = decision
        self._steer(decision.plan)
        return decision

    def _steer(self, plan: RoutingPlan, *, step: bool = False) -> None:
        self.plan, self._has_begun = plan, True
        self.served = self._across_regions(plan, step=step)
        told = replace(self.served, expectations=self.expectations)
        if not self.steering.kill_switch:
            told = self.bound(
                replace(
                    told,
                    refusals=self.refusals,
                    experiments=self._experiments(),
                    limits=self.limits,
                )
            )
        self._publish(told)

    def _experiments(self) -> Planned:
        """An experiment's arm comes after the control of the savings, and so has the last word."""
        held_out, running = self.steering.held_out, self.steering.experiments
        if not held_out:
            return running
        names = [*held_out, *(name for name in running if name not in held_out)]
        return {name: (*held_out.get(name, ()), *running.get(name, ())) for name in names}

    def _across_regions(self, plan: RoutingPlan, *, step: bool) -> RoutingPlan:
        acts = self.steering.stage(Capability.ROUTING) is Autopilot.ACT and not self.steering.kill_switch
        return self._spread.plan(plan, self.causes, step=step) if self._spread is not None and acts else plan
