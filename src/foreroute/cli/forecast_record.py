"""`foreroute forecast --record`: what was said of the future beside what came."""

from typing import TYPE_CHECKING, Any, Final

from foreroute.cli.forecast import number
from foreroute.cli.say import console, table, text
from foreroute.cli.status import clock
from foreroute.settings.units import write_seconds

if TYPE_CHECKING:
    from rich.table import Table

Row = dict[str, Any]
_MARKS: Final = " ▁▂▃▄▅▆▇█"


def show(answer: Row) -> None:
    out = console()
    out.print(text(f"since {clock(answer.get('since_at'))}", "dim"))
    found = [one for one in answer.get("series", ()) if one.get("scores")]
    if not found:
        out.print(text("No forecast that was made in this time has met its outcome yet."))
        return
    for one in found:
        out.print(text(f"{one.get('channel')} · {one.get('metric')}", "bold"))
        out.print(_scores(one))
        if one.get("models"):
            out.print(_models(one))


def _scores(one: Row) -> "Table":
    made = table(
        "of",
        "model",
        ">graded",
        ">error",
        ">last value's",
        ">to last",
        ">relative",
        ">floor",
        ">in 80 %",
        "skill over time",
    )
    for score in one["scores"]:
        metric = one.get("metric")
        made.add_row(
            text(_of(score)),
            text(score.get("model")),
            text(score.get("graded")),
            number(metric, score.get("mean_absolute_error")),
            number(metric, score.get("naive_mean_absolute_error")),
            _plain(score.get("relative_mae")),
            _percent(score.get("mape")),
            _percent(score.get("floor_ratio")),
            _percent(score.get("coverage80")),
            text(f"{_sparks(score.get('trend', ()))} {score.get('direction')}"),
        )
    return made


def _models(one: Row) -> "Table":
    made = table("each model alone, of late", "of", ">graded", ">to last", ">weight", "vote")
    for model in one["models"]:
        made.add_row(
            text(model.get("model"), "bold"),
            text(_of(model)),
            text(model.get("graded")),
            _plain(model.get("relative_mae")),
            _percent(model.get("weight")),
            text("yes", "green") if model.get("has_vote") else text("no", "dim"),
        )
    return made


def _of(row: Row) -> str:
    what = "mean over" if row.get("target") == "mean" else "end of"
    return f"{what} {write_seconds(float(row.get('horizon_s') or 0.0))}"


def _sparks(trend: Any) -> str:
    """One mark for each part of the time: empty for no better than the last value, full for perfect."""
    skills = [min(max(float(point["skill"]), 0.0), 1.0) for point in trend]
    return "".join(_MARKS[round(skill * (len(_MARKS) - 1))] for skill in skills)


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _percent(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1%}"
