"""Effects to verdicts: which arm is better or worse, which guardrail is broken, and whether the assignment is sound."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from foreroute.core.experiment import ExperimentKind, Unit
from foreroute.experiment.definition import Definition, Guardrail
from foreroute.experiment.effects import Effect, effect, level_of
from foreroute.experiment.measures import COUNTED, HIGHER_IS_BETTER, QUANTILES, Measure
from foreroute.experiment.runs import Finding, Verdict
from foreroute.experiment.tally import Tally

_SPLIT_STRENGTH: Final = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailView:
    guardrail: Guardrail
    effect: Effect
    is_broken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmView:
    name: str
    requests: int
    drawn: int
    levels: dict[Measure, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """All that can be said at an instant. `effects` are those of the measure that decides, one for each arm but the
    control; `others` those of all other measures, each at α for itself: they decide nothing.
    """

    at: float
    arms: tuple[ArmView, ...]
    effects: tuple[Effect, ...]
    guardrails: tuple[GuardrailView, ...]
    others: tuple[Effect, ...]
    findings: tuple[Finding, ...]
    progress: float
    """Of the units that are expected to be needed, 0…; 1 and more: as many as planned are there."""
    split_p_value: float | None
    """Small: requests do not fall to the arms as they should, and nothing here can be trusted."""

    @property
    def broken(self) -> GuardrailView | None:
        return next((one for one in self.guardrails if one.is_broken), None)


def analyse(tally: Tally, at: float) -> Analysis:
    definition = tally.run.definition
    treated = [arm.name for arm in definition.arms[1:]]
    alpha = definition.alpha / len(treated)
    effects = tuple(effect(tally, arm, definition.measure, alpha=alpha, at=at) for arm in treated)
    guarded = [
        _guard(tally, one, arm, definition.alpha / (len(treated) * len(definition.guardrails)), at)
        for one in definition.guardrails
        for arm in treated
    ]
    others = tuple(
        effect(tally, arm, measure, alpha=definition.alpha, at=at)
        for measure in Measure
        if measure is not definition.measure and _can_be_said(definition, measure)
        for arm in treated
    )
    return Analysis(
        at=at,
        arms=tuple(_arm_view(tally, arm.name) for arm in definition.arms),
        effects=effects,
        guardrails=tuple(guarded),
        others=tuple(one for one in others if one.level is not None or one.level_control is not None),
        findings=_findings(tally, effects, at),
        progress=_progress(tally, effects),
        split_p_value=split_p_value(tally),
    )


def verdict_of(definition: Definition, found: Effect) -> Verdict:
    """Equal: whatever difference there is, it is smaller than what is worth knowing."""
    lower, upper = harm_of(found)
    if upper is not None and upper < 0.0:
        return Verdict.BETTER
    if lower is not None and lower > 0.0:
        return Verdict.WORSE
    if lower is not None and upper is not None and -definition.effect < lower and upper < definition.effect:
        return Verdict.EQUAL
    return Verdict.OPEN


def harm_of(found: Effect) -> tuple[float | None, float | None]:
    """The effect's bounds, turned so that more is worse."""
    if found.measure in HIGHER_IS_BETTER:
        return (
            None if found.upper is None else -found.upper,
            None if found.lower is None else -found.lower,
        )
    return found.lower, found.upper


def split_p_value(tally: Tally) -> float | None:
    """Always valid: a Dirichlet mixture against the shares that were set (Lindon & Malek 2022)."""
    definition = tally.run.definition
    if definition.kind is not ExperimentKind.AB:
        return None
    total = sum(arm.weight for arm in definition.arms)
    drawn = [tally.arms[arm.name].drawn for arm in definition.arms]
    shares = [arm.weight / total for arm in definition.arms]
    log_e = math.lgamma(_SPLIT_STRENGTH) - math.lgamma(_SPLIT_STRENGTH + sum(drawn))
    for count, share in zip(drawn, shares, strict=True):
        prior = share * _SPLIT_STRENGTH
        log_e += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
    return math.exp(-max(0.0, min(log_e, 700.0)))


def _guard(tally: Tally, guardrail: Guardrail, arm: str, alpha: float, at: float) -> GuardrailView:
    found = effect(tally, arm, guardrail.measure, alpha=alpha, at=at)
    lower, _ = harm_of(found)
    return GuardrailView(
        guardrail=guardrail, effect=found, is_broken=lower is not None and lower > guardrail.worse_max
    )


def _findings(tally: Tally, effects: Sequence[Effect], at: float) -> tuple[Finding, ...]:
    """What was found first stays, whatever the interval does later."""
    known = {one.arm: one for one in tally.run.findings}
    for one in effects:
        verdict = verdict_of(tally.run.definition, one)
        if one.arm not in known and verdict is not Verdict.OPEN:
            known[one.arm] = Finding(one.arm, verdict, at)
    return tuple(known.values())


def _progress(tally: Tally, effects: Sequence[Effect]) -> float:
    definition = tally.run.definition
    if definition.kind is ExperimentKind.SWITCHBACK:
        slots = definition.duration_s / definition.slot_s
        return len(tally.slots) / max(slots, 1.0)
    if not effects:
        return 0.0
    least = min(min(one.units, one.units_control) for one in effects)
    return least / tally.run.planned


def _can_be_said(definition: Definition, measure: Measure) -> bool:
    clustered = definition.kind is ExperimentKind.SWITCHBACK or definition.unit is not Unit.REQUEST
    return not (measure in QUANTILES and clustered)


def _arm_view(tally: Tally, name: str) -> ArmView:
    sums = tally.arms[name]
    return ArmView(
        name=name,
        requests=sums.requests,
        drawn=sums.drawn,
        levels={measure: level_of(tally, name, measure) for measure in COUNTED},
    )
