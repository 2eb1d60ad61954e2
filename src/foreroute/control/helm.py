"""What serves: the plan of the moment, the trouble that made it, and the decisions that led to it."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from foreroute.control.controls import Steering, undo
from foreroute.core.decision import Cause, Decision
from foreroute.core.ids import ChannelId, DecisionId
from foreroute.core.plan import RoutingPlan
from foreroute.core.work import Expectation


class Helm:
    """The only one that publishes plans."""

    def __init__(
        self, configured: RoutingPlan, steering: Steering, publish: Callable[[RoutingPlan], None]
    ) -> None:
        self.configured, self.steering = configured, steering
        self.plan = configured
        self.causes: tuple[Cause, ...] = ()
        self.last_change: Decision | None = None
        """The newest decision that changed something, or proposed to."""
        self.expectations: Mapping[ChannelId, Expectation] = {}
        """Goes down with every plan."""
        self._publish = publish

    def begin(self, version: int, at: float, valid_s: float) -> None:
        """The configured weights, under a number that no earlier run has used."""
        self._steer(replace(self.configured, version=version, made_at=at, valid_until=at + valid_s))

    def act(self, decision: Decision) -> None:
        if decision.changes and decision.applied:
            self.steering.remember(self.plan, decision)
        self.causes = decision.causes
        if decision.changes:
            self.last_change = decision
        self._steer(decision.plan)

    def hold(self, at: float, valid_s: float) -> None:
        """The configured weights at once."""
        self.causes = ()
        self.begin(self.plan.version + 1, at, valid_s)

    def undo(self, at: float, hold_s: float) -> Decision | None:
        """Takes back the newest applied decision; None if there is none."""
        name = DecisionId(f"u{at:.3f}")
        decision = undo(self.steering, self.plan, self.causes, at=at, hold_s=hold_s, name=name)
        if decision is not None:
            self.causes, self.last_change = decision.causes, decision
            self._steer(decision.plan)
        return decision

    def _steer(self, plan: RoutingPlan) -> None:
        self.plan = plan
        self._publish(replace(plan, expectations=self.expectations))
