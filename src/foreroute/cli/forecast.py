"""`foreroute forecast`: what is expected of a channel, and how far such expectations can be trusted."""

from typing import TYPE_CHECKING, Any, Final

from foreroute.cli.say import CommandError, console, table, text
from foreroute.cli.status import clock, duration
from foreroute.settings.units import seconds, write_seconds

if TYPE_CHECKING:
    from rich.table import Table

_DEFAULT_S: Final = (900.0, 3600.0)
_PATHS: Final = ("mean", "lower", "upper", "lower95", "upper95")
_EXPERTS_SHOWN: Final = 4
_NO_VOTE: Final = {
    "ungraded": "no: none is graded",
    "few": "no: too few are graded",
    "worse": "no: the last value is nearer",
}

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
    forecasts = answer["forecasts"]
    out = console()
    out.print(text(forecasts[0].get("channel"), "bold"))
    out.print(_expected(forecasts))
    # Of several metrics the first is the channel's objective: the only one whose record moves traffic.
    first = forecasts[0]
    if not any(one.get("outcomes") for one in first.get("standings", ())):
        out.print(text("\nNo forecast is graded yet: until then the reactive policy decides.", "dim"))
        return
    out.print()
    out.print(_record(first))
    out.print()
    out.print(_experts(first))
    if len(forecasts) > 1:
        out.print(text("\nThe record of another metric: --metric NAME", "dim"))


def _expected(forecasts: list[Row]) -> "Table":
    made = table(
        "metric",
        "horizon",
        ">mean over it",
        "80 %",
        "95 %",
        ">at its end",
        "80 %",
        "95 %",
        "model",
        "made at",
    )
    for one in forecasts:
        metric = one.get("metric")
        for value in one["at_horizon"]:
            over = value["over"] or {}
            made.add_row(
                text(metric, "bold"),
                write_seconds(value["horizon_s"]),
                number(metric, over.get("value")),
                _between(metric, over.get("lower80"), over.get("upper80")),
                _between(metric, over.get("lower95"), over.get("upper95")),
                number(metric, value["mean"]),
                _between(metric, value["lower"], value["upper"]),
                _between(metric, value["lower95"], value["upper95"]),
                text(one.get("model")),
                clock(one.get("origin_at")),
            )
    return made


def _record(forecast: Row) -> "Table":
    record = table(
        "metric",
        "horizon",
        "of",
        ">graded",
        ">mean error",
        ">last value's",
        ">relative",
        ">floor",
        ">in 80 %",
        ">in 95 %",
        "vote",
    )
    metric = forecast.get("metric")
    for one in _standings(forecast):
        record.add_row(
            text(metric, "bold"),
            write_seconds(one["horizon_s"]),
            "mean over it" if one.get("target") == "mean" else "its end",
            text(one.get("outcomes")),
            number(metric, one.get("mean_absolute_error")),
            number(metric, one.get("naive_mean_absolute_error")),
            _percent(one.get("mape"), digits=1),
            _percent(one.get("floor_ratio"), digits=1),
            _percent(one.get("coverage80")),
            _percent(one.get("coverage95")),
            text("yes", "green")
            if one.get("has_vote")
            else text(_NO_VOTE.get(str(one.get("no_vote")), "no"), "dim"),
        )
    return record


def _experts(forecast: Row) -> "Table":
    heard = table("metric", "horizon", "of", "whose word counts")
    for one in _standings(forecast):
        names = ", ".join(
            f"{expert['name']} {expert['weight']:.0%}" for expert in one.get("experts", ())[:_EXPERTS_SHOWN]
        )
        heard.add_row(
            text(forecast.get("metric"), "bold"),
            write_seconds(one["horizon_s"]),
            "mean over it" if one.get("target") == "mean" else "its end",
            text(names or "nobody yet"),
        )
    return heard


def _standings(forecast: Row) -> list[Row]:
    """Those of the horizons that were asked for; all of them where there is none at a horizon of choice."""
    rows = list(forecast.get("standings", ()))
    wanted = {value["horizon_s"] for value in forecast["at_horizon"]}
    return [one for one in rows if one.get("horizon_s") in wanted] or rows


def _between(metric: object, lower: float | None, upper: float | None) -> str:
    return "–" if lower is None or upper is None else f"{number(metric, lower)} to {number(metric, upper)}"


def _percent(ratio: float | None, *, digits: int = 0) -> str:
    return "–" if ratio is None else f"{ratio:.{digits}%}"


def number(metric: object, value: float | None) -> str:
    """A value in the unit of its metric."""
    if value is None:
        return "–"
    name = str(metric)
    if name.endswith("_ratio"):
        return f"{value:.1%}"
    if name.endswith("_slowdown"):
        return f"{value:.2f}×"
    if name.startswith(("latency", "first_chunk")):
        return duration(value)
    return f"${value:.4f}" if name.endswith("_usd") else f"{value:.1f}"


def _values(forecast: Row, wanted: tuple[float, ...]) -> list[Row]:
    """The forecast at each wanted horizon that it reaches: of the step in which it ends, and `over` all until then.

    `over` is None where the mean up to that horizon is not forecast.
    """
    step, found = float(forecast.get("step_s") or 60.0), []
    over = {one["horizon_s"]: one for one in forecast.get("windows", ()) if one.get("target") == "mean"}
    for horizon in wanted:
        index = max(0, round(horizon / step) - 1)
        if index < len(forecast.get("mean", ())):
            values = {key: _at(forecast.get(key), index) for key in _PATHS}
            found.append({"horizon_s": horizon, **values, "over": over.get(horizon)})
    return found


def _at(path: list[float] | None, index: int) -> float | None:
    return path[index] if path and index < len(path) else None
