"""What `foreroute budget set` may be told."""

from typing import Annotated

import typer

Limit = Annotated[
    str | None,
    typer.Option(
        "--limit",
        metavar="USD",
        help="The limit that is aimed at, with alerts: `900`. `none` takes it away.",
    ),
]
Hard = Annotated[
    str | None,
    typer.Option(
        "--hard", metavar="USD", help="The limit at which requests are refused. `none` takes it away."
    ),
]
Scope = Annotated[
    str | None,
    typer.Option("--scope", metavar="SCOPE", help="global, team, key, tag, route, channel or provider."),
]
Of = Annotated[
    str | None,
    typer.Option("--of", metavar="NAME", help="Which team (id), key (id), tag, route … it is."),
]
Window = Annotated[
    str | None, typer.Option("--window", metavar="PERIOD", help="hour, day, week, month or total.")
]
AtLimit = Annotated[
    str | None,
    typer.Option("--at-limit", metavar="WHAT", help="At the hard limit: cheaper, queue, 402 or 429."),
]
Queue = Annotated[
    str | None,
    typer.Option("--queue", metavar="DURATION", help="How long a request waits with `--at-limit queue`."),
]
TimeZone = Annotated[
    str | None, typer.Option("--time-zone", metavar="ZONE", help="Where its periods begin: Asia/Seoul.")
]
Pace = Annotated[bool | None, typer.Option("--pace/--no-pace", help="Slow spending down before the limit.")]
Alert = Annotated[
    list[float] | None,
    typer.Option("--alert", metavar="PERCENT", help="Alert at this much of the limit. Repeatable."),
]
ForecastAlert = Annotated[
    bool | None,
    typer.Option("--forecast-alert/--no-forecast-alert", help="Alert when it is going to be crossed."),
]
Unpriced = Annotated[
    bool | None,
    typer.Option("--allow-unpriced/--no-allow-unpriced", help="Let channels without a known price serve."),
]
