"""The report of a backtest: one HTML file that needs nothing else, drawn with Plotly (extra `report`)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Final

from foreroute.cli import page_file
from foreroute.cli.backtest_answer import RATIOS, Row, percent, ratios
from foreroute.cli.backtest_charts import charts_of
from foreroute.cli.forecast import number
from foreroute.forecast.backtest import Backtest
from foreroute.settings.units import write_seconds

_SERIES_MAX: Final = 20
"""Series that are drawn; the table has all."""


def check(path: Path) -> None:
    """Raises MissingExtra without Plotly, or CommandError where no file can be: before anything long is begun."""
    page_file.check(path, "`foreroute backtest --html`")


def write(path: Path, found: Backtest, answer: Row) -> None:
    page_file.write(path, page(found, answer))


def page(found: Backtest, answer: Row) -> str:
    """`answer`: the same in numbers, as `--json` gives it."""
    drawn = [(played, number) for played in found.replays for number in range(len(played.series))]
    scored = {id(score.series) for score in found.scores}
    drawn = [(played, number) for played, number in drawn if id(played.series[number]) in scored]
    left = len(drawn) - _SERIES_MAX
    charts = "".join(
        charts_of(played, number, place, found.scores)
        for place, (played, number) in enumerate(drawn[:_SERIES_MAX])
    )
    more = f"<p>{left} more series are in the table and not drawn.</p>" if left > 0 else ""
    starts = min(played.start_at for played in found.replays)
    ends = max(one.end_at for played in found.replays for one in played.series)
    return page_file.page_of(
        "Foreroute backtest",
        f"<h1>Backtest of forecasts</h1><p>{_instant(starts)} to {_instant(ends)}. Every window is forecast from what was "
        "known before it alone; the first 35 % of each series is for learning and not scored.</p>"
        f"<h2>Overall</h2>{_overall(answer)}{_NOTE}<h2>By series</h2>{_by_series(answer)}{charts}{more}",
    )


_NOTE: Final = (
    '<p class="note">÷: mean absolute error of the forecast over that of a cheap one at the same origins, so below 1 the '
    "forecast is better; geometric means over series. Mean: of the time up to the horizon; point: the single window at its "
    "end. Noise floor: the MAPE that the true level would have, since a window's value is partly chance.</p>"
)


def _overall(answer: Row) -> str:
    rows = (
        [str(row["series"]), write_seconds(row["horizon_s"]), row["target"], *ratios(row), *_inside(row)]
        for row in answer["overall"]
    )
    return _table(["series", "ahead", "of", *RATIOS.values(), "in 80 %", "in 95 %"], rows)


def _by_series(answer: Row) -> str:
    rows = (
        [
            f"{row['series']} {row['metric']}",
            write_seconds(row["horizon_s"]),
            row["target"],
            number(row["metric"], row["error"]),
            *ratios(row),
            percent(row["mape"]),
            percent(row["mape_floor"]),
            *_inside(row),
            f"{row['outcomes']:,}",
            ", ".join(f"{name} {share:.0%}" for name, share in list(row["weights"].items())[:2]),
        ]
        for row in answer["series"]
    )
    heads = ["series", "ahead", "of", "error", *RATIOS.values(), "MAPE", "noise floor", "in 80 %", "in 95 %"]
    return _table([*heads, "scored", "weights at the end"], rows)


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    """A ratio above 1 is marked."""
    found = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(
        "<tr>" + "".join(_cell(head, one) for head, one in zip(heads, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{found}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(head: str, value: str) -> str:
    if head.startswith("÷") and value != "–":
        return f'<td class="{"worse" if float(value) > 1 else "better"}">{value}</td>'
    return f"<td>{escape(value)}</td>"


def _inside(row: Row) -> list[str]:
    return [percent(row["coverage80"]), percent(row["coverage95"])]


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %Y %H:%M UTC")
