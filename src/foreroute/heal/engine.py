"""Self-healing's part of the tick: rollups in, incidents out. No clock, no chance, no effects.

What is done about incidents is the playbooks' (`playbooks/engine`); what they have done comes back as treatments.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from foreroute.core.channel import Channel
from foreroute.core.findings import Incident, Remedy
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup, by_channel
from foreroute.heal.case import Case, closed, is_kin, opened, reopened
from foreroute.heal.diagnose import DiagnoseSettings, Diagnosis, diagnose
from foreroute.heal.runner import NOT_TREATED, RunSettings, advance, own_remedies
from foreroute.heal.tally import Tallies, Tally
from foreroute.heal.treatments import Treatments


@dataclass(frozen=True, slots=True, kw_only=True)
class HealSettings:
    diagnose: DiagnoseSettings = field(default_factory=DiagnoseSettings)
    run: RunSettings = field(default_factory=RunSettings)
    reopen_s: float = 600.0
    """The same trouble within this time after its end is the same incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealFindings:
    incidents: tuple[Incident, ...] = ()
    """Open ones, and those that were closed at this tick."""
    remedies: tuple[Remedy, ...] = ()
    """The engine's own: a little traffic back, before all of it."""


_NOTHING: Final[Treatments] = MappingProxyType({})


class HealEngine:
    """Keeps the open incidents from tick to tick: at most one per channel and cause.

    `cases` hands over the work of an earlier engine; see `case.cases_of` for recorded incidents.
    """

    def __init__(self, settings: HealSettings, cases: Iterable[Case] = ()) -> None:
        self._settings = settings
        self._cases = tuple(cases)
        self._tallies: defaultdict[ChannelId, Tallies] = defaultdict(Tallies)

    @property
    def cases(self) -> tuple[Case, ...]:
        """The whole state, as a picklable value: open incidents and those closed of late."""
        return self._cases

    def update(
        self,
        at: float,
        rollups: Sequence[Rollup],
        channels: Sequence[Channel],
        treatments: Treatments = _NOTHING,
    ) -> HealFindings:
        """`rollups` are the recent windows of all channels that ended by `at`: the last quarter of an hour will do.
        `treatments`: what playbooks have done about the open incidents by now.

        The same input at the same instant again changes nothing.
        """
        mine = by_channel(rollup for rollup in rollups if rollup.window_start < at)
        known = {channel.id: self._tallies[channel.id].of(mine.get(channel.id, ())) for channel in channels}
        cases = tuple(case for case in self._cases if self._is_remembered(case, at))
        for channel, windows in known.items():
            peers = (seen for other, seen in known.items() if other != channel)
            cases = self._admitted(cases, channel, self._diagnosis(cases, channel, at, windows, peers), at)
        self._cases = tuple(
            self._advanced(case, at, known.get(case.incident.channel), treatments) for case in cases
        )
        return self._findings(at)

    def _diagnosis(
        self,
        cases: Sequence[Case],
        channel: ChannelId,
        at: float,
        windows: Sequence[Tally],
        peers: Iterable[Sequence[Tally]],
    ) -> Diagnosis | None:
        """From the windows after the last incident's end only: what was bad before it is settled."""
        ends = [c.incident.closed_at for c in cases if c.incident.channel == channel and not c.is_open]
        since_at = max((end for end in ends if end is not None), default=float("-inf"))
        fresh = [window for window in windows if window.start_at >= since_at]
        return diagnose(at, fresh, peers, self._settings.diagnose)

    def _admitted(
        self, cases: tuple[Case, ...], channel: ChannelId, diagnosis: Diagnosis | None, at: float
    ) -> tuple[Case, ...]:
        """The cases with this diagnosis: part of an open one, the return of one just closed, or a new one."""
        if diagnosis is None:
            return cases
        own = [case for case in cases if case.incident.channel == channel]
        if any(case.is_open and is_kin(case.incident.root_cause, diagnosis.cause) for case in own):
            return cases
        again = next((case for case in own if case.incident.root_cause is diagnosis.cause), None)
        if again is None:
            return (*cases, opened(channel, diagnosis, at))
        return tuple(reopened(case, diagnosis, at) if case is again else case for case in cases)

    def _advanced(
        self, case: Case, at: float, windows: Sequence[Tally] | None, treatments: Treatments
    ) -> Case:
        if not case.is_open:
            return case
        if windows is None:  # the channel has left the configuration
            return closed(case, at)
        treatment = treatments.get(case.incident.id, NOT_TREATED)
        return advance(case, at, windows, self._settings.run, treatment)

    def _is_remembered(self, case: Case, at: float) -> bool:
        ended = case.incident.closed_at
        return ended is None or at - ended <= self._settings.reopen_s

    def _findings(self, at: float) -> HealFindings:
        shown = [case for case in self._cases if case.is_open or case.incident.closed_at == at]
        shown.sort(key=lambda case: (case.incident.opened_at, case.incident.id))
        return HealFindings(
            incidents=tuple(case.incident for case in shown),
            remedies=tuple(remedy for case in shown for remedy in own_remedies(case)),
        )
