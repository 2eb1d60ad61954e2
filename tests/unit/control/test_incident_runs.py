"""Which runs of playbooks an incident has: its own, and no others."""

from dataclasses import replace

from tests.incident_house import foreseen

from foreroute.control.incidents.runs import runs_of
from foreroute.core.ids import ChannelId
from foreroute.core.incident import Act, ActKind, IncidentReport
from foreroute.core.playbook_run import PlaybookRun, RunName

AT = 1_772_400_000.0
REPORT = foreseen(AT)
"""On openai-large, closed 2400 s later."""


def run(name: str, at: float, *channels: str) -> PlaybookRun:
    return PlaybookRun(
        id=RunName(f"run-{name}"),
        playbook="p",
        scope="channel:x",
        channels=tuple(map(ChannelId, channels)),
        priority=1,
        started_at=at,
        deadline_at=at + 60.0,
    )


def names(report: IncidentReport, *runs: PlaybookRun) -> list[str]:
    return [one.id for one in runs_of(report, runs)]


def test_those_that_treated_its_channels_in_its_time() -> None:
    began = REPORT.opened_at
    late = run("late", began + 900.0, "openai-large")
    first = run("first", began - 60.0, "other", "openai-large")
    others = (
        run("elsewhere", began + 10.0, "other"),
        run("before", began - 3600.0, "openai-large"),
        run("after", AT + 2401.0, "openai-large"),
    )
    assert names(REPORT, late, first, *others) == ["run-first", "run-late"]


def test_those_among_its_acts_whenever_they_began() -> None:
    act = Act(id="run-named/3", kind=ActKind.PLAYBOOK, at=AT, what="playbook p on x")
    report = replace(REPORT, acts=(*REPORT.acts, act))
    assert names(report, run("named", AT - 9000.0, "other")) == ["run-named"]
