"""An incident while it is worked on: what runs have been made, what they hold, and when it last looked bad."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureFamily
from foreroute.core.findings import Incident, IncidentState, Remedy
from foreroute.core.ids import ChannelId, IncidentId
from foreroute.heal.diagnose import Diagnosis


@dataclass(frozen=True, slots=True)
class Run:
    playbook: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A value: picklable, so that work can go on after a restart."""

    incident: Incident
    runs: tuple[Run, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    last_bad_at: float = 0.0
    """The end of the newest window with a bad attempt."""
    held_until: float = 0.0
    """When the last bound of a playbook ended, or will."""
    out_until: float = 0.0
    """When the last run lets traffic through again: nothing can be verified before."""
    canary_at: float | None = None
    """When the canary after the last run began."""

    @property
    def is_open(self) -> bool:
        return self.incident.state is not IncidentState.CLOSED

    @property
    def last_run_at(self) -> float | None:
        return self.runs[-1].at if self.runs else None

    def runs_of(self, playbook: str) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if run.playbook == playbook)


def opened(channel: ChannelId, diagnosis: Diagnosis, at: float) -> Case:
    """A new incident. Its id follows from the channel, the cause and the first bad window alone."""
    name = f"{channel}|{diagnosis.cause}|{diagnosis.since_at:.3f}"
    return Case(
        incident=Incident(
            id=IncidentId(f"inc-{hashlib.sha256(name.encode()).hexdigest()[:12]}"),
            channel=channel,
            opened_at=diagnosis.since_at,
            root_cause=diagnosis.cause,
            probability=diagnosis.probability,
            evidence=diagnosis.evidence,
        ),
        last_bad_at=at,
    )


def reopened(case: Case, diagnosis: Diagnosis, at: float) -> Case:
    """The same trouble soon after it was thought to be over: it never was. Runs made so far still count."""
    incident = replace(case.incident, state=IncidentState.OPEN, closed_at=None, evidence=diagnosis.evidence)
    return replace(case, incident=incident, last_bad_at=at, canary_at=None)


def closed(case: Case, at: float) -> Case:
    """Over: every bound is lifted."""
    incident = replace(case.incident, state=IncidentState.CLOSED, closed_at=at)
    return replace(case, incident=incident, remedies=())


def cases_of(incidents: Iterable[Incident]) -> tuple[Case, ...]:
    """Work taken up from recorded incidents: the runs count, their bounds have to be asked for again."""
    return tuple(
        Case(
            incident=incident,
            runs=tuple(Run(name, incident.opened_at) for name in incident.playbooks_run),
            last_bad_at=incident.opened_at,
            held_until=incident.opened_at,
        )
        for incident in incidents
        if incident.state is not IncidentState.CLOSED
    )


def is_kin(one: FailureClass, other: FailureClass) -> bool:
    """Whether two causes are one trouble: an overload shows as 503s, timeouts and resets at once."""
    if FailureClass.RATE_LIMITED in (one, other):
        return one is other
    transient = FailureFamily.TRANSIENT
    families = (FAILURE_ADVICE[one].family, FAILURE_ADVICE[other].family)
    return one is other or families == (transient, transient)
