"""The one value that comes down from the control loop: the plan, behind an atomic reference."""

import threading
from dataclasses import dataclass

from foreroute.core.ids import RouteName
from foreroute.core.plan import Route, RoutingPlan


@dataclass(frozen=True, slots=True)
class ServedRoute:
    """The route as it is served now. `static`: the plan has expired and the configured weights serve."""

    route: Route
    version: int
    static: bool


class PlanCell:
    """PlanPublisher and PlanReader in one. Any thread may publish; reading takes no lock.

    A plan older than the current one is refused silently, so a late publication cannot undo a newer one.
    """

    def __init__(self, configured: RoutingPlan) -> None:
        self._configured = configured
        self._current = configured
        self._publishing = threading.Lock()

    @property
    def configured(self) -> RoutingPlan:
        return self._configured

    def reconfigure(self, configured: RoutingPlan) -> None:
        """Serve what a new configuration says, until the control loop publishes a plan made of it."""
        with self._publishing:
            self._configured = self._current = configured

    def publish(self, plan: RoutingPlan) -> None:
        with self._publishing:
            if plan.version >= self._current.version:
                self._current = plan

    def current(self) -> RoutingPlan:
        return self._current

    def route(self, name: RouteName, at: float) -> ServedRoute | None:
        """The current plan's route, or after `valid_until` the configured one; None if neither knows it."""
        plan = self._current
        expired = plan is not self._configured and at > plan.valid_until
        route = None if expired else plan.routes.get(name)
        if route is not None:
            return ServedRoute(route, plan.version, static=False)
        route = self._configured.routes.get(name)
        return None if route is None else ServedRoute(route, self._configured.version, static=expired)
