"""What a playbook can do, as values. A step asks for a bound on one channel's share; `decide` grants it under its
guardrails. Every bound ends by itself: that is its undo.
"""

from dataclasses import dataclass, replace
from typing import Final

from foreroute.core.findings import Incident, Remedy

STEP_S_MIN: Final = 10.0
STEP_S_MAX: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Eject:
    """No traffic for `for_s` × the number of the run, at most `for_s_max`."""

    id: str
    for_s: float
    for_s_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitShare:
    """At most `factor` (0…1) of the configured share for `for_s`."""

    id: str
    factor: float
    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Lifts what earlier steps and runs of the same incident still hold."""

    id: str


Step = Eject | LimitShare | Restore


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a step is applied to: the incident, the playbook that asks, its how-manieth run, and now."""

    incident: Incident
    playbook: str
    run: int
    at: float


def apply_step(step: Step, to: Application, standing: tuple[Remedy, ...]) -> tuple[Remedy, ...]:
    """The incident's bounds after the step. The same step again replaces its own bound, never stacks."""
    match step:
        case Restore():
            return ()
        case Eject():
            return _with(standing, _remedy(to, 0.0, min(step.for_s * to.run, step.for_s_max)))
        case LimitShare():
            return _with(standing, _remedy(to, step.factor, step.for_s))


def _remedy(to: Application, ratio: float, for_s: float) -> Remedy:
    seconds = min(max(for_s, STEP_S_MIN), STEP_S_MAX)
    return Remedy(
        channel=to.incident.channel,
        incident=to.incident.id,
        playbook=to.playbook,
        weight_max_ratio=min(max(ratio, 0.0), 1.0),
        until=to.at + seconds,
    )


def _with(standing: tuple[Remedy, ...], new: Remedy) -> tuple[Remedy, ...]:
    kept = [old for old in standing if replace(old, until=new.until) != new]
    return (*kept, new)
