"""A house of channels whose ticks a test writes down, and what alerting makes of them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from foreroute.alerts.engine import AlertState, advance
from foreroute.alerts.evidence import Evidence, Traffic
from foreroute.alerts.settings import AlertRoute, AlertSettings
from foreroute.alerts.values import Alert, Notice, Phase
from foreroute.core.channel import Channel
from foreroute.core.decision import Cause, Decision, ReasonCode
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Anomaly, BudgetStatus, Findings, Incident
from foreroute.core.ids import ChannelId, DecisionId, IncidentId, RegionId, RouteName
from foreroute.core.patterns import Told
from foreroute.core.plan import RoutingPlan
from foreroute.core.series import Metric
from foreroute.testing.virtual_loop import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: object, item: pytest.Item
) -> dict[str, type[asyncio.AbstractEventLoop]]:
    """The desk lives through hours; the senders work in threads, for which virtual time does not wait."""
    kind = VirtualTimeLoop if item.path.name == "test_desk.py" else asyncio.SelectorEventLoop
    return {"loop": kind}


AT = 1_772_442_000.0
TICK = 60.0


def channel(name: str, *, region: str = "us", provider: str = "openai") -> Channel:
    return Channel(
        id=ChannelId(name),
        provider=provider,
        cloud=provider,
        region=RegionId(region),
        model="m",
        base_url="http://127.0.0.1",
    )


def incident(
    name: str, *, opened_at: float = AT, cause: FailureClass = FailureClass.SERVER_ERROR
) -> Incident:
    return Incident(
        id=IncidentId(f"i-{name}"),
        channel=ChannelId(name),
        opened_at=opened_at,
        root_cause=cause,
        probability=0.9,
        evidence="9 of 10 attempts failed",
        playbooks_run=("server-error-burst",),
    )


def anomaly(name: str, *, score: float = 5.0, value: float = 3.0, kind: str = "spike") -> Anomaly:
    """`kind` is a plain string here: alerting must not depend on the members of the enumeration."""
    return Anomaly(
        channel=ChannelId(name),
        metric=Metric.FIRST_CHUNK_P95,
        at=AT,
        value=value,
        expected=1.0,
        score=score,
        threshold=4.0,
        detector="z",
        kind=kind,  # type: ignore[arg-type] # other kinds are to come
    )


def cause(name: str, code: ReasonCode, since_at: float = AT) -> Cause:
    return Cause(
        route=RouteName("chat"),
        channel=ChannelId(name),
        code=code,
        since_at=since_at,
        bound=0.1,
        detail="bad",
    )


def budget(spent: int, projected: int) -> BudgetStatus:
    return BudgetStatus(
        name="monthly",
        period_start_at=AT,
        period_end_at=AT + 86_400.0,
        limit_usd=Decimal(100),
        spent_usd=Decimal(spent),
        projected_usd=Decimal(projected),
        projected_lower_usd=Decimal(0),
        projected_upper_usd=Decimal(projected),
    )


def decision(at: float, causes: Iterable[Cause]) -> Decision:
    plan = RoutingPlan(version=1, made_at=at, valid_until=at, routes={})
    return Decision(id=DecisionId("d"), at=at, plan=plan, applied=True, causes=tuple(causes))


@dataclass
class House:
    """`tick(…)` is one minute. What it does not name is well."""

    channels: Sequence[Channel]
    settings: AlertSettings
    traffic: Traffic = field(default_factory=lambda: Traffic(attempts_per_minute=40.0, failure_ratio=0.5))
    state: AlertState = field(default_factory=AlertState)
    notices: list[Notice] = field(default_factory=list)
    minute: int = 0

    @property
    def at(self) -> float:
        return AT + self.minute * TICK

    def evidence(
        self,
        *,
        incidents: Iterable[str] = (),
        anomalies: Iterable[Anomaly] = (),
        causes: Iterable[Cause] = (),
        budgets: Iterable[BudgetStatus] = (),
        errors: dict[str, str] | None = None,
        dead: dict[str, str] | None = None,
        told: Told | None = None,
    ) -> Evidence:
        findings = Findings(
            incidents=tuple(incident(name, opened_at=self.at) for name in incidents),
            anomalies=tuple(anomalies),
            budgets=tuple(budgets),
        )
        return Evidence(
            at=self.at,
            tick_s=TICK,
            channels=tuple(self.channels),
            findings=findings,
            decision=decision(self.at, causes),
            told=told or Told(),
            traffic={one.id: self.traffic for one in self.channels},
            stage_errors=errors or {},
            dead_receivers=dead or {},
        )

    def tick(self, times: int = 1, **what: object) -> list[Notice]:
        sent: list[Notice] = []
        for _ in range(times):
            self.minute += 1
            self.state, notices = advance(self.state, self.evidence(**what), self.settings)  # type: ignore[arg-type] # as `evidence` says
            sent += notices
        self.notices += sent
        return sent

    def alerts(self, phase: Phase = Phase.FIRING) -> list[Alert]:
        found = [alert for alert in self.state.alerts.values() if alert.phase is phase]
        return sorted(found, key=lambda alert: alert.id)

    def only(self) -> Alert:
        [alert] = self.state.alerts.values()
        return alert


EVERYTHING = (AlertRoute(receivers=("me",)),)


@pytest.fixture
def house() -> Callable[..., House]:
    def make(*names: str, channels: Sequence[Channel] = (), **settings: object) -> House:
        made = AlertSettings(**({"receivers": ("me",), "routes": EVERYTHING} | settings))  # type: ignore[arg-type] # as AlertSettings says
        return House(
            channels=channels or [channel(name) for name in names or ("a", "b", "c", "d")], settings=made
        )

    return make
