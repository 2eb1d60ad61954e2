"""Ticks of a small house of six channels, said in as few words as the tests of incidents need."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from foreroute.control.incidents.book import IncidentBook
from foreroute.control.incidents.seen import BookSettings, Seen
from foreroute.control.incidents.watch import AttemptWatch
from foreroute.control.moves import Grade, Move, Verdict
from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.channel import Channel
from foreroute.core.decision import (
    Autopilot,
    Capability,
    Cause,
    Decision,
    Reason,
    ReasonCode,
    ShareChange,
)
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Incident, IncidentState
from foreroute.core.ids import ChannelId, DecisionId, IncidentId, RegionId, RequestId, RouteName
from foreroute.core.incident import IncidentReport
from foreroute.core.plan import Route, RoutingPlan, Target
from foreroute.core.rollup import Rollup

AT = 1_772_442_000.0
CHAT = RouteName("chat")
PLACES = {
    "aws-us-1": ("aws", "us", "m1"),
    "aws-us-2": ("aws", "us", "m2"),
    "gcp-us-1": ("gcp", "us", "m3"),
    "aws-eu-1": ("aws", "eu", "m1"),
    "gcp-eu-1": ("gcp", "eu", "m3"),
    "gcp-eu-2": ("gcp", "eu", "m4"),
}
CHANNELS = tuple(
    Channel(
        id=ChannelId(name),
        provider=cloud,
        cloud=cloud,
        region=RegionId(region),
        model=model,
        base_url="http://x",
    )
    for name, (cloud, region, model) in PLACES.items()
)


def plan(**shares: float) -> RoutingPlan:
    weights = dict.fromkeys(PLACES, 1 / 6) | {name.replace("_", "-"): share for name, share in shares.items()}
    targets = tuple(Target(channel=ChannelId(name), weight=weight) for name, weight in weights.items())
    return RoutingPlan(
        version=1, made_at=AT, valid_until=AT + 1e9, routes={CHAT: Route(name=CHAT, targets=targets)}
    )


@dataclass
class Ticks:
    """A book, told minute by minute. Every channel has traffic."""

    at: float = AT
    book: IncidentBook = field(default_factory=lambda: IncidentBook(AttemptWatch({}), BookSettings()))
    since: dict[tuple[str, str], float] = field(default_factory=dict)
    changed: list[IncidentReport] = field(default_factory=list)
    last: Seen | None = None
    _number: int = 0

    def minute(
        self, kind: str = "overloaded_or_capacity", bad: Iterable[str] = (), **more: Any
    ) -> list[IncidentReport]:
        """`bad` are the channels in trouble of this kind; those that were and are no more have just been verified."""
        names = set(bad)
        self.at += 60.0
        self._serve(names)
        incidents = [self._incident(name, kind, more.get("closed", False)) for name in sorted(names)]
        over = [key for key in self.since if key[1] == kind and key[0] not in names]
        incidents += [self._incident(name, one, True) for name, one in over]
        for key in over:
            del self.since[key]
        return self.tell(incidents=tuple(incidents), **more)

    def tell(self, **more: Any) -> list[IncidentReport]:
        values: dict[str, Any] = {
            "at": self.at,
            "channels": CHANNELS,
            "configured": plan(),
            "before": plan(),
            "decision": more.pop("decision", None) or decision(self.at, causes=more.pop("causes", ())),
            "rollups": [
                Rollup(channel=one.id, window_start=self.at - 60.0, source="s", attempts=10, successes=10)
                for one in CHANNELS
            ],
        }
        known = {name: value for name, value in more.items() if name not in ("closed", "causes")}
        self.last = Seen(**(values | known))
        self.changed = self.book.advance(self.last)
        return self.changed

    def again(self) -> list[IncidentReport]:
        assert self.last is not None
        return self.book.advance(self.last)

    @property
    def open(self) -> list[IncidentReport]:
        return sorted((one for one in self.book.reports.values() if one.is_open), key=lambda one: one.key)

    @property
    def reports(self) -> list[IncidentReport]:
        return sorted(self.book.reports.values(), key=lambda one: (one.opened_at, one.id))

    def _incident(self, name: str, kind: str, closed: bool) -> Incident:
        opened_at = self.since.setdefault((name, kind), self.at - 60.0)
        return Incident(
            id=IncidentId(f"inc-{name}"),
            channel=ChannelId(name),
            opened_at=opened_at,
            root_cause=FailureClass(kind),
            probability=0.9,
            evidence="9 of 10 attempts failed in 1 min (9 overloaded); other channels fail 0%",
            state=IncidentState.CLOSED if closed else IncidentState.OPEN,
            closed_at=self.at if closed else None,
        )

    def _serve(self, bad: set[str]) -> None:
        """Ten requests on each channel in the minute before."""
        for name in PLACES:
            for part in range(10):
                self._number += 1
                failing = name in bad
                self.book.watch.observe(
                    [
                        Attempt(
                            request_id=RequestId(f"q{self._number}"),
                            number=1,
                            route=CHAT,
                            channel=ChannelId(name),
                            started_at=self.at - 60.0 + 6 * part,
                            duration_s=1.0,
                            outcome=Outcome.FAILURE if failing else Outcome.SUCCESS,
                            failure_class=FailureClass.OVERLOADED if failing else None,
                            reason=PickReason.CONFIGURED,
                            plan_version=1,
                        )
                    ]
                )


def decision(at: float, *, causes: Iterable[Cause] = (), **moved: tuple[float, float]) -> Decision:
    """One that takes share from channels because they fail: `aws_us_1=(0.2, 0.05)`."""
    names = {name.replace("_", "-"): change for name, change in moved.items()}
    return Decision(
        id=DecisionId(f"d{at:.0f}"),
        at=at,
        plan=plan(**{name: after for name, (_, after) in moved.items()}),
        applied=bool(names),
        causes=tuple(causes),
        changes=tuple(
            ShareChange(
                route=CHAT,
                channel=ChannelId(name),
                before=before,
                after=after,
                reason=Reason(ChannelId(name), ReasonCode.FAILING, "90% of 10 attempts failed (limit 25%)"),
            )
            for name, (before, after) in names.items()
        ),
    )


def cause(
    channel: str, code: ReasonCode, at: float, detail: str = "950 ms now, over the limit of 900 ms"
) -> Cause:
    return Cause(route=CHAT, channel=ChannelId(channel), code=code, since_at=at, bound=0.1, detail=detail)


def early_move(channel: str, at: float, **more: Any) -> Move:
    move = Move(
        id=f"d{at:.0f}/chat",
        capability=Capability.ROUTING,
        route=CHAT,
        channel=ChannelId(channel),
        code=ReasonCode.FORECAST,
        detail="950 ms expected in 15 min (900 ms to 990 ms), limit 900 ms, 93% sure to miss it",
        at=at,
        due_at=at + 1080.0,
        executed=True,
        stage=Autopilot.ACT,
        before={ChannelId(channel): 0.2},
        after={ChannelId(channel): 0.08},
    )
    return replace(move, **more)


def graded(move: Move, grade: Grade, *, came: bool | None) -> Move:
    return replace(move, verdict=Verdict(grade=grade, at=move.due_at, came=came, detail="as measured"))
