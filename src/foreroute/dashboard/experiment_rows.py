"""Experiments as rows of JSON: for the page, the command line and whoever else asks."""

from typing import Any

from foreroute.control.experiments.codec import definition_row
from foreroute.core.experiment import ExperimentKind
from foreroute.core.experiment_ports import KeptScore
from foreroute.dashboard.experiment_patch import patch_of
from foreroute.experiment.effects import Effect
from foreroute.experiment.judge import Analysis, GuardrailView, verdict_of
from foreroute.experiment.runs import Run
from foreroute.experiment.size import Size
from foreroute.experiment.tally import Tally

Row = dict[str, Any]

__all__ = ["definition_row", "run_row", "score_row", "short_row", "size_row"]


def short_row(run: Run, analysis: Analysis, at: float) -> Row:
    """A run in a list."""
    definition = run.definition
    return {
        "run": run.id,
        "experiment": definition.id,
        "number": run.number,
        "note": definition.note,
        "kind": definition.kind.value,
        "routes": list(definition.routes),
        "arms": [arm.name for arm in definition.arms],
        "measure": definition.measure.value,
        "state": run.state.value,
        "reason": run.reason,
        "started_at": run.started_at,
        "begins_at": run.begins_at,
        "ends_at": run.ends_at,
        "ended_at": run.ended_at,
        "warming_up": run.is_running and at < run.begins_at,
        "promoted": run.promoted,
        "progress": analysis.progress,
        "requests": sum(arm.requests for arm in analysis.arms),
        "effects": [_effect_row(one, run) for one in analysis.effects],
        "findings": [
            {"arm": one.arm, "verdict": one.verdict.value, "at": one.at} for one in analysis.findings
        ],
    }


def run_row(run: Run, analysis: Analysis, tally: Tally, points: list[Row], at: float) -> Row:
    """A run with all that can be said of it."""
    definition = run.definition
    is_shadow = definition.kind is ExperimentKind.SHADOW
    promoted = next((arm for arm in definition.arms if arm.name == run.promoted), None)
    return {
        "at": at,
        "definition": definition_row(definition),
        "run": short_row(run, analysis, at)
        | {
            "planned": run.planned,
            "judged_at": analysis.at,
            "arm_rows": [
                {
                    "name": arm.name,
                    "weight": setting.weight,
                    "requests": arm.requests,
                    "units": arm.drawn,
                    "levels": {measure.value: level for measure, level in arm.levels.items()},
                }
                for arm, setting in zip(analysis.arms, definition.arms, strict=True)
            ],
            "others": [_effect_row(one, run) for one in analysis.others],
            "guardrails": [_guardrail_row(one, run) for one in analysis.guardrails],
            "split_p_value": analysis.split_p_value,
            "late_attempts": tally.late,
            "units_left_out": tally.units_left_out,
            "spent_usd": str(tally.copies_usd) if is_shadow else None,
            "budget_usd": str(definition.budget_usd) if is_shadow else None,
            "points": points,
            "config_patch": None if promoted is None else patch_of(definition.routes, promoted),
        },
    }


def size_row(size: Size) -> Row:
    return {
        "units": size.units,
        "fixed": size.fixed,
        "sequential": size.sequential,
        "days": size.days,
        "deviation": size.deviation,
        "variance_removed": size.variance_removed,
        "past": size.past,
    }


def score_row(score: KeptScore, *, is_new: bool) -> Row:
    return {
        "run": score.run,
        "request_id": score.request_id,
        "arm": score.arm,
        "score": score.score,
        "new": is_new,
    }


def _effect_row(effect: Effect, run: Run) -> Row:
    return {
        "arm": effect.arm,
        "measure": effect.measure.value,
        "alpha": effect.alpha,
        "value": effect.value,
        "lower": effect.lower,
        "upper": effect.upper,
        "p_value": effect.p_value,
        "level": effect.level,
        "level_control": effect.level_control,
        "units": effect.units,
        "units_control": effect.units_control,
        "variance_removed": effect.variance_removed,
        "verdict": verdict_of(run.definition, effect).value,
    }


def _guardrail_row(view: GuardrailView, run: Run) -> Row:
    return _effect_row(view.effect, run) | {
        "worse_max": view.guardrail.worse_max,
        "broken": view.is_broken,
    }
