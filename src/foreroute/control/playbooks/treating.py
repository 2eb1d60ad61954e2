"""Playbooks' part of a tick: the findings go through them before anything is decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from foreroute.control.boundary import Boundary
from foreroute.control.controls import Steering
from foreroute.control.stages import PlaybookStage
from foreroute.core.decision import Capability
from foreroute.core.findings import Findings
from foreroute.core.ids import ChannelId
from foreroute.core.rollup import Rollup
from foreroute.decide.snapshot import Approval, ChannelState


@dataclass(slots=True)
class Treating:
    """Owned by the loop. `heal_s`: how far back playbooks look."""

    stage: PlaybookStage | None
    steering: Steering
    boundary: Boundary
    heal_s: float
    untreated: Findings = field(default_factory=Findings)
    """Of the newest tick."""

    async def treat(self, at: float, rollups: Sequence[Rollup], findings: Findings) -> Findings:
        """When nothing can be written down, what runs already hold stays, and nothing new is done."""
        if self.stage is None:
            return findings
        self.untreated = findings
        recent = [rollup for rollup in rollups if rollup.window_start >= at - self.heal_s]
        found = await self.boundary.wait(
            "playbooks",
            self.stage.treat(
                at,
                recent,
                findings,
                stage=self.steering.stage(Capability.PLAYBOOKS),
                is_halted=self.steering.kill_switch,
            ),
            None,
        )
        return self.stage.with_treatments(findings, at) if found is None else found

    def approvals(self) -> tuple[Approval, ...]:
        """A run that a person wanted may do what it does, whatever its capability's stage is."""
        if self.stage is None:
            return ()
        return tuple(Approval(Capability.PLAYBOOKS, name) for name in sorted(self.stage.approved()))

    def states(self, known: Mapping[ChannelId, ChannelState], at: float) -> Mapping[ChannelId, ChannelState]:
        """What a decision may know of each channel, with what playbooks hold by now."""
        if self.stage is None:
            return known
        remedies = self.stage.with_treatments(self.untreated, at).remedies
        return {
            name: replace(state, remedies=tuple(one for one in remedies if one.channel == name))
            for name, state in known.items()
        }
