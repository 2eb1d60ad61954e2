# ruff: noqa: PLC0415 - Plotly is loaded when a report is written
"""The charts of one series in the report of a backtest, as HTML."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foreroute.core.series import Metric
from foreroute.forecast.backtest_replay import MEAN, POINT, Replay
from foreroute.forecast.backtest_score import Rules, Score
from foreroute.settings.units import write_seconds

_STEPS_MAX: Final = 3000
"""Windows of a series that are drawn."""
_INK, _BLUE, _GREY = "#0e1a24", "#1d4ed8", "#8a96a0"
_BAND95, _BAND80 = "rgba(29, 78, 216, .12)", "rgba(29, 78, 216, .22)"
_UNITS: Final = {
    Metric.LATENCY_SLOWDOWN: "× what is usual",
    Metric.FIRST_CHUNK_SLOWDOWN: "× what is usual",
    Metric.FAILURE_RATIO: "share of attempts",
    Metric.ATTEMPTS: "attempts a window",
    Metric.THROTTLES: "throttled attempts a window",
    Metric.COST_USD: "US dollars a window",
}


def charts_of(played: Replay, number: int, place: int, found: Iterable[Score]) -> str:
    series = played.series[number]
    steps = played.horizons[0]
    ahead = write_seconds(steps * series.step_s)
    is_scored = {(score.target, score.horizon) for score in found if score.series is series}
    parts = [f"<h2>{escape(series.channel)} <small>{escape(series.metric.value)}</small></h2>"]
    parts.append(_drawn(_course(played, number, ahead), f"course{place}", 420))
    if (MEAN, steps) in is_scored:
        parts.append(_drawn(_hours(played, number, ahead), f"hours{place}", 320))
    return "<section>" + "".join(parts) + "</section>"


def _drawn(figure: Any, name: str, height: int) -> str:
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 70, "r": 20, "t": 90, "b": 50},
        font={"family": "system-ui, sans-serif", "color": _INK},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        title={"x": 0, "xref": "paper", "y": 0.97, "yanchor": "top", "font": {"size": 16}},
        hovermode="x unified",
    )
    return str(
        figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            div_id=name,
            config={"displaylogo": False, "responsive": True},
        )
    )


def _course(played: Replay, number: int, ahead: str) -> Any:
    """The newest windows: what came, and what was said of each of them one horizon before."""
    from plotly.graph_objects import Figure, Scatter

    steps, span = played.horizons[0], played.span(number)
    first = max(span.start + steps, span.stop - _STEPS_MAX)
    came = played.values[first : span.stop, number].astype(np.float32)
    said = played.said[POINT, 0, :, first - steps : span.stop - steps, number]
    begin = datetime.fromtimestamp(played.start_at + first * played.settings.step_s, UTC)
    axis = {"x0": begin.strftime("%Y-%m-%d %H:%M:%S"), "dx": played.settings.step_s * 1000.0, "mode": "lines"}
    figure = Figure()
    for low, high, colour, name in ((1, 4, _BAND95, "95 %"), (2, 3, _BAND80, "80 %")):
        hidden = {"line": {"width": 0}, "hoverinfo": "skip", "legendgroup": name}
        figure.add_scatter(y=said[low], showlegend=False, **hidden, **axis)
        figure.add_scatter(
            y=said[high], fill="tonexty", fillcolor=colour, name=f"{name} interval", **hidden, **axis
        )
    figure.add_trace(Scatter(y=came, name="what came", line={"color": _INK, "width": 1}, **axis))
    figure.add_trace(
        Scatter(y=said[0], name=f"said {ahead} earlier", line={"color": _BLUE, "width": 1.6}, **axis)
    )
    figure.update_xaxes(title="time (UTC)", type="date")
    figure.update_yaxes(title=_axis(played.series[number].metric), range=[0.0, _top(came, said[4])])
    figure.update_layout(title=f"What came, and what was said {ahead} earlier")
    return figure


def _hours(played: Replay, number: int, ahead: str) -> Any:
    """Mean absolute error of the window's mean by the hour of the origin, beside the last value's."""
    from plotly.graph_objects import Figure

    figure = Figure()
    for name, colour, found in _by_hour(played, number):
        figure.add_bar(x=list(range(24)), y=found, name=name, marker_color=colour)
    figure.update_xaxes(title="hour of the day (UTC) in which it was said", dtick=2, range=[-0.6, 23.6])
    figure.update_yaxes(title=f"error ({_unit(played.series[number].metric)})", rangemode="tozero")
    figure.update_layout(
        title=f"Mean absolute error by hour of the day, mean of the next {ahead}", bargap=0.25
    )
    return figure


def _by_hour(played: Replay, number: int) -> Iterator[tuple[str, str, list[float | None]]]:
    span = played.span(number)
    part = slice(span.start + round(Rules().warm_ratio * (span.stop - span.start)), span.stop)
    outcome = played.outcomes[MEAN, 0, part, number]
    ends = played.start_at + played.settings.step_s * (1 + np.arange(part.start, part.stop))
    hours = (ends // 3600.0 % 24).astype(int)
    values = played.values[span, number]
    at = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), 0))
    last = values[at][part.start - span.start :]
    both = (("forecast", _BLUE, played.said[MEAN, 0, 0, part, number]), ("last value", _GREY, last))
    known = np.isfinite(outcome) & np.isfinite(both[0][2]) & np.isfinite(last)
    for name, colour, said in both:
        errors = np.abs(outcome - said)
        chosen = [errors[known & (hours == hour)] for hour in range(24)]
        yield name, colour, [float(one.mean()) if len(one) else None for one in chosen]


def _top(came: NDArray[np.float32], upper: NDArray[np.float32]) -> float:
    """The end of the axis: all that came, and all but the widest intervals."""
    tops = [float(np.nanmax(came))] if np.isfinite(came).any() else []
    if np.isfinite(upper).any():
        tops.append(float(np.nanpercentile(upper, 98)))
    return 1.08 * max(tops, default=1.0) or 1.0


def _axis(metric: Metric) -> str:
    return f"{metric.value.replace('_', ' ')} ({_unit(metric)})"


def _unit(metric: Metric) -> str:
    return _UNITS.get(metric, "seconds")
