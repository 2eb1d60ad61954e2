# ruff: noqa: PLC0415 - the verb loads what it needs when it runs
"""`foreroute detect`: what was strange on the channels of a running server, and of what kind."""

from typing import Annotated, Any, Final

import typer

from foreroute.cli.options import URL, AsJson, Key, Url
from foreroute.cli.say import console, print_json, table, text

_SHOWN: Final = 50

Row = dict[str, Any]


def register(app: typer.Typer) -> None:
    app.command("detect")(detect)


def detect(
    channel: Annotated[
        str | None, typer.Argument(metavar="CHANNEL", help="Only this channel.", show_default=False)
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", help="Only this one, such as first_chunk_p95 or failure_ratio.", metavar="METRIC"
        ),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", help="How far back: 90m, 12h, 7d.", metavar="DURATION")
    ] = "24h",
    as_json: AsJson = False,
    url: Url = URL,
    key: Key = None,
) -> None:
    """Say what was strange of late. On which channel and metric, of what kind, and how far from what was expected.

    `foreroute backtest --detect` looks for anomalies in recorded history, without a server.
    """
    from foreroute.cli.api import AdminApi

    answer = AdminApi(url, key).get("anomalies", channel=channel, metric=metric, since=since)
    if as_json:
        print_json(answer)
    else:
        show(answer, since)


def show(answer: Row, since: str) -> None:
    from foreroute.cli.forecast import number
    from foreroute.cli.status import clock

    out = console()
    rows: list[Row] = answer.get("episodes", [])
    if not rows:
        out.print(f"Nothing was strange in the last {since}.")
        return
    made = table("since", "until", ">minutes", "channel", "metric", "kind", ">value", ">expected", "why")
    for row in rows[:_SHOWN]:
        made.add_row(
            clock(row.get("since_at")),
            clock(row.get("at")),
            text(row.get("windows")),
            text(row.get("channel"), "bold"),
            text(row.get("metric")),
            text(f"{row.get('kind')} {row.get('direction')}"),
            number(row.get("metric"), row.get("value")),
            number(row.get("metric"), row.get("expected")),
            text(row.get("cause") or "–"),
        )
    out.print(made)
    if len(rows) > _SHOWN:
        out.print(text(f"\n{len(rows) - _SHOWN} older ones: --json has them all", "dim"))
