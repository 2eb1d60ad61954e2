"""What an operator can do to a running loop. Each takes effect at once and is on record."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from foreroute.control.boundary import Boundary
from foreroute.control.controls import RANKS
from foreroute.control.decision_log import audit_record, decision_record
from foreroute.control.helm import Helm
from foreroute.control.reckoning import Reckoning
from foreroute.control.rollout import CapabilityView, RolloutRefusedError
from foreroute.core.decision import Autopilot, Capability, Decision
from foreroute.core.experiment import Override
from foreroute.core.ports import Clock, Record, RecordStore, StateStore

ROLLOUT_STATE = "rollout"
_HINT = "wait for more graded moves, or force it with a reason (--force --reason …), which goes on record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds."""

    undo_hold_s: float
    plan_valid_s: float


class Operator:
    """`decide_again` decides upon what is known, at once; `shown` brings what people see up to date."""

    def __init__(
        self,
        helm: Helm,
        reckoning: Reckoning,
        records: RecordStore,
        boundary: Boundary,
        clock: Clock,
        limits: Limits,
        *,
        states: StateStore | None,
        decide_again: Callable[[], Awaitable[None]],
        shown: Callable[[], None],
    ) -> None:
        self._helm, self._reckoning, self._records = helm, reckoning, records
        self._boundary, self._clock, self._limits, self._states = boundary, clock, limits, states
        self._decide_again, self._shown = decide_again, shown

    async def set_autopilot(self, mode: Autopilot, *, force: bool = False, why: str = "") -> None:
        """All capabilities at once. Raises RolloutRefusedError when one of them may not go so far, and changes none."""
        above = [one for one in self._views() if one.exists and _rank(mode) > _rank(one.stage)]
        for one in above:
            self._check(one, mode, force=force, why=why)
        for capability in Capability:
            self._helm.steering.move(capability, mode, self._clock.now())
        await self._keep_stages()
        await self._audit("autopilot", f"{mode}{_forced(why, force=force and bool(above))}")

    async def raise_stage(self, capability: Capability, *, force: bool = False, why: str = "") -> Autopilot:
        """One stage up; returns the new one. Raises RolloutRefusedError with what is missing."""
        view = self._reckoning.view(capability, self._clock.now())
        if not view.exists:
            raise _absent(view)
        if view.next is None:
            raise RolloutRefusedError(f"{capability} acts already", "there is no stage above")
        self._check(view, view.next, force=force, why=why)
        return await self._move(capability, view.next, _forced(why, force=force and bool(view.missing)))

    async def lower_stage(self, capability: Capability, *, why: str = "") -> Autopilot:
        """One stage down, always; what it has moved returns step by step. Raises RolloutRefusedError at the bottom."""
        view = self._reckoning.view(capability, self._clock.now())
        if not view.exists:
            raise _absent(view)
        rank = _rank(view.stage)
        if rank == 0:
            raise RolloutRefusedError(f"{capability} only observes already", "there is no stage below")
        return await self._move(capability, RANKS[rank - 1], _reason(why))

    async def approve(self, name: str) -> None:
        """Does what is suggested, now and as long as its trouble lasts. Raises RolloutRefusedError when it waits no more."""
        one = self._reckoning.suggestions.take(name)
        if one is None:
            raise _gone(name)
        steering = self._helm.steering
        steering.approved = (*(known for known in steering.approved if known != one.approval), one.approval)
        await self._decide_again()
        await self._audit("approve", f"{one.id}: {one.capability} on {one.route}, {one.detail}")

    async def dismiss(self, name: str) -> None:
        """Not this time: it does not come again before its trouble has gone. Raises RolloutRefusedError."""
        one = self._reckoning.suggestions.dismiss(name, self._clock.now())
        if one is None:
            raise _gone(name)
        await self._audit("dismiss", f"{one.id}: {one.capability} on {one.route}, {one.detail}")

    async def kill_switch(self, *, on: bool) -> None:
        """On: the configured weights serve at once, and until it is off."""
        self._helm.steering.kill_switch = on
        if on:
            self._helm.hold(self._clock.now(), self._limits.plan_valid_s)
        else:
            self._helm.let_go()
        await self._audit("kill_switch", "on" if on else "off")

    async def undo(self) -> bool:
        """Takes back the newest applied decision; False if there is none."""
        decision = self._helm.undo(self._clock.now(), self._limits.undo_hold_s)
        if decision is None:
            return False
        await self._append([decision_record(decision, self._helm.steering.highest)])
        await self._audit("undo", decision.reasons[0].detail)
        return True

    async def replan(self) -> None:
        """What runs as an experiment has changed: the gateway hears of it now."""
        self._helm.publish_again()

    async def impose(self, override: Override) -> None:
        """Puts a change on its routes at once, until it is undone or withdrawn."""
        await self._put(self._helm.impose(override, self._clock.now()))

    async def withdraw(self, name: str) -> bool:
        """Takes back what was promoted under this name; False if nothing is in force."""
        decision = self._helm.withdraw(name, self._clock.now())
        if decision is not None:
            await self._put(decision)
        return decision is not None

    # How --------------------------------------------------------------------------------------------------------

    def _views(self) -> tuple[CapabilityView, ...]:
        return self._reckoning.views(self._clock.now())

    def _check(self, view: CapabilityView, wanted: Autopilot, *, force: bool, why: str) -> None:
        if _rank(wanted) <= _rank(view.granted) or not view.missing:
            return
        if not force:
            said = "; ".join(view.missing)
            raise RolloutRefusedError(f"{view.capability} may not go to {wanted} yet: {said}", _HINT)
        if not why.strip():
            raise RolloutRefusedError(
                "a stage that is forced needs a reason", 'for example: --reason "load test"'
            )

    async def _move(self, capability: Capability, stage: Autopilot, said: str) -> Autopilot:
        before = self._helm.steering.stage(capability)
        self._helm.steering.move(capability, stage, self._clock.now())
        await self._keep_stages()
        await self._audit("rollout", f"{capability}: {before} to {stage}{said}")
        return stage

    async def _keep_stages(self) -> None:
        """At once: a stage that was lowered must not come back after a crash."""
        if self._states is not None:
            state = self._helm.steering.dump()
            await self._boundary.wait("store", self._states.write(ROLLOUT_STATE, state), None)

    async def _put(self, decision: Decision) -> None:
        await self._append([decision_record(decision, self._helm.steering.highest)])
        await self._audit("routes", decision.reasons[0].detail)

    async def _audit(self, action: str, detail: str) -> None:
        await self._append([audit_record(at=self._clock.now(), action=action, detail=detail)])
        self._shown()

    async def _append(self, records: list[Record]) -> None:
        await self._boundary.wait("store", self._records.append(records), None)


def _rank(stage: Autopilot) -> int:
    return RANKS.index(stage)


def _reason(why: str) -> str:
    return f" ({why.strip()})" if why.strip() else ""


def _forced(why: str, *, force: bool) -> str:
    return f", forced: {why.strip()}" if force else _reason(why)


def _absent(view: CapabilityView) -> RolloutRefusedError:
    return RolloutRefusedError(f"{view.capability} has no stage: {view.missing[0]}")


def _gone(name: str) -> RolloutRefusedError:
    hint = "it was answered, has expired, or its trouble has gone; `foreroute rollout show` lists what waits"
    return RolloutRefusedError(f"suggestion {name!r} does not wait", hint)
