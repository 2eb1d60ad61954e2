"""`foreroute forecast`: what is expected of a channel, and how far such expectations can be trusted."""

from typing import Any, Final

from foreroute.cli.say import CommandError, console, table, text
from foreroute.cli.status import clock, duration
from foreroute.settings.units import seconds, write_seconds

_DEFAULT_S: Final = (900.0, 3600.0)

Row = dict[str, Any]


def horizons(given: str | None) -> tuple[float, ...]:
    """The horizons that were asked for, in seconds. Raises CommandError when it is no duration."""
    if given is None:
        return _DEFAULT_S
    try:
        return (seconds(given),)
    except ValueError as error:
        raise CommandError(str(error), where="--horizon") from None


def with_horizon(answer: Row, channel: str, wanted: tuple[float, ...]) -> Row:
    """The answer with `at_horizon` in each forecast. Raises CommandError when there is no forecast that far."""
    forecasts = [one | {"at_horizon": _values(one, wanted)} for one in answer.get("forecasts", ())]
    if not forecasts:
        hint = "`foreroute status` lists the channels; a new one needs some minutes of traffic first"
        raise CommandError(f"there is no forecast for {channel}", hint=hint)
    if not any(one["at_horizon"] for one in forecasts):
        reach = max(one.get("step_s", 0) * len(one.get("mean", ())) for one in forecasts)
        message = f"no forecast reaches {write_seconds(min(wanted))} ahead"
        raise CommandError(
            message, where="--horizon", hint=f"the longest reaches {write_seconds(float(reach))}"
        )
    return answer | {"forecasts": forecasts}


def show(answer: Row) -> None:
    out = console()
    made = table("metric", "horizon", ">expected", "between", "sure", "model", "made at")
    for one in answer["forecasts"]:
        for value in one["at_horizon"]:
            made.add_row(
                text(one.get("metric"), "bold"),
                write_seconds(value["horizon_s"]),
                number(one.get("metric"), value["mean"]),
                f"{number(one.get('metric'), value['lower'])} and {number(one.get('metric'), value['upper'])}",
                f"{one.get('coverage') or 0:.0%}",
                text(one.get("model")),
                clock(one.get("origin_at")),
            )
    out.print(text(answer["forecasts"][0].get("channel"), "bold"))
    out.print(made)
    skills = answer.get("skills", ())
    if not skills:
        out.print(text("\nNo forecast is graded yet: until then the reactive policy decides.", "dim"))
        return
    out.print()
    record = table(
        "metric", "horizon", "model", ">graded", ">mean error", ">last value's", ">covered", "vote"
    )
    for skill in skills:
        metric = skill.get("metric")
        record.add_row(
            text(metric, "bold"),
            write_seconds(float(skill.get("horizon_s") or 0)),
            text(skill.get("model")),
            text(skill.get("outcomes")),
            number(metric, skill.get("mean_absolute_error")),
            number(metric, skill.get("naive_mean_absolute_error")),
            "–" if skill.get("coverage") is None else f"{skill['coverage']:.0%}",
            text("yes", "green") if skill.get("has_vote") else text("no", "dim"),
        )
    out.print(record)


def number(metric: object, value: float | None) -> str:
    """A value in the unit of its metric."""
    if value is None:
        return "–"
    name = str(metric)
    if name.endswith("_ratio"):
        return f"{value:.1%}"
    if name.startswith(("latency", "first_chunk")):
        return duration(value)
    return f"${value:.4f}" if name.endswith("_usd") else f"{value:.1f}"


def _values(forecast: Row, wanted: tuple[float, ...]) -> list[Row]:
    """The forecast at each wanted horizon that it reaches: that of the step in which the horizon ends."""
    step, found = float(forecast.get("step_s") or 60.0), []
    for horizon in wanted:
        index = max(0, round(horizon / step) - 1)
        if index < len(forecast.get("mean", ())):
            values = {key: forecast[key][index] for key in ("mean", "lower", "upper")}
            found.append({"horizon_s": horizon, **values})
    return found
