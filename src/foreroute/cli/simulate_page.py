# ruff: noqa: PLC0415 - Plotly is loaded when a report is written
"""The report of a simulated run: what users got, what the plan gave to whom, and what happened when."""

from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from foreroute.cli.page_file import BLUE, COLOURS, GREY, RED, drawn, page_of, table

Row = dict[str, Any]
_DECISIONS_MAX: Final = 300


def page(result: Row) -> str:
    rows = [("all", result["users"])]
    if "without" in result:
        rows.append(("all, if nothing is lost", result["without"]))
    rows += sorted(result["places"].items()) if len(result["places"]) > 1 else []
    body = (
        f"<h1>Simulation of {escape(result['scenario'])}</h1>"
        f"<p>{_instant(result['start_at'])} to {_instant(result['end_at'])}, seed {result['seed']}. The gateway's own choice "
        "and the real control loop, on virtual time. Times are to the first token, as users saw it.</p>"
        f"<h2>What users got</h2>{_users(rows)}"
        f"<section>{drawn(_times(result), 'times', 380)}</section>"
        f"<section>{drawn(_failures(result), 'failures', 300)}</section>"
        f"<section>{drawn(_shares(result), 'shares', 420)}</section>"
        f"<h2>What happened</h2>{_timeline(result)}<h2>Decisions</h2>{_decisions(result)}"
    )
    return page_of(f"Foreroute simulation: {result['scenario']}", body)


def _users(rows: list[tuple[str, Row]]) -> str:
    heads = ["users", "requests", "failed", "refused", "retried", "late", "p50", "p95", "p99", "cost (US$)"]
    return table(
        heads,
        (
            [
                name,
                *(f"{row[key]:,}" for key in ("requests", "failures", "refused", "retried", "late")),
                *(_ms(row["first_chunk_s"][rank]) for rank in ("p50", "p95", "p99")),
                f"{float(row['cost_usd']):.2f}",
            ]
            for name, row in rows
        ),
    )


def _times(result: Row) -> Any:
    figure, x = _figure(result)
    for key, colour, name in (("p95_s", BLUE, "p95"), ("p50_s", GREY, "p50")):
        figure.add_scatter(
            x=x, y=[row[key] for row in result["course"]], name=name, line={"color": colour, "width": 1.6}
        )
    if result["objective_s"] is not None:
        figure.add_hline(y=result["objective_s"], line={"color": RED, "dash": "dot", "width": 1})
    figure.update_yaxes(title="seconds to the first token", rangemode="tozero")
    figure.update_layout(title="What users waited for; shaded: what was scripted, dotted: the objective")
    return figure


def _failures(result: Row) -> Any:
    figure, x = _figure(result)
    figure.add_bar(
        x=x, y=[row["requests"] for row in result["course"]], name="requests", marker_color="#dbe3ea"
    )
    figure.add_bar(x=x, y=[row["failures"] for row in result["course"]], name="failed", marker_color=RED)
    figure.update_yaxes(title="requests in five minutes")
    figure.update_layout(title="Requests, and those that failed for their users", barmode="overlay")
    return figure


def _shares(result: Row) -> Any:
    figure, x = _figure(result)
    names = list(result["course"][0]["shares"]) if result["course"] else []
    for number, name in enumerate(names):
        figure.add_scatter(
            x=x,
            y=[row["shares"].get(name) for row in result["course"]],
            name=name,
            stackgroup="one",
            line={"width": 0.5, "color": COLOURS[number % len(COLOURS)]},
        )
    figure.update_yaxes(title="share of the traffic", range=[0, 1], tickformat=".0%")
    figure.update_layout(title="What the plan gave to each channel")
    return figure


def _figure(result: Row) -> tuple[Any, list[str]]:
    from plotly.graph_objects import Figure

    figure = Figure()
    for event in result["timeline"]:
        ends_at = event.get("ends_at") or result["end_at"]
        figure.add_vrect(
            x0=_stamp(event["starts_at"]),
            x1=_stamp(min(ends_at, result["end_at"])),
            fillcolor="rgba(179, 38, 30, .09)",
            line_width=0,
        )
    figure.update_xaxes(title="time (UTC)", type="date")
    return figure, [_stamp(row["at"]) for row in result["course"]]


def _timeline(result: Row) -> str:
    if not result["timeline"]:
        return "<p>Nothing was scripted.</p>"
    rows = (
        [
            _instant(event["starts_at"]),
            event["fault"],
            str(next((event[key] for key in ("channel", "region", "provider", "cloud") if key in event), "")),
            ", ".join(
                f"{key} {value}"
                for key, value in event.items()
                if key
                not in ("at", "fault", "channel", "region", "provider", "cloud", "starts_at", "ends_at")
            ),
        ]
        for event in result["timeline"]
    )
    return table(["from", "what", "where", "how"], rows)


def _decisions(result: Row) -> str:
    rows = result["decisions"]
    more = f"<p>{len(rows) - _DECISIONS_MAX} more are not shown.</p>" if len(rows) > _DECISIONS_MAX else ""
    return (
        table(
            ["at", "channel", "before", "after", "why", "in words"],
            (
                [
                    _instant(row["at"]),
                    row["channel"],
                    f"{row['before']:.1%}",
                    f"{row['after']:.1%}",
                    row["code"],
                    row["detail"],
                ]
                for row in rows[:_DECISIONS_MAX]
            ),
        )
        + more
    )


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %Y %H:%M UTC")


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value * 1000:,.0f} ms"
