"""What `foreroute cost reconcile` may be told."""

from pathlib import Path
from typing import Annotated

import typer

Bill = Annotated[
    Path | None,
    typer.Argument(
        metavar="BILL",
        help="CSV, or JSON of AWS, Azure or Google Cloud. With --from aws and without it, Cost Explorer is asked.",
        show_default=False,
    ),
]
Source = Annotated[
    str | None,
    typer.Option("--from", metavar="WHOSE", help="aws, azure, gcp or csv. Without it: whoever's it is."),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="DAY", help="Of Cost Explorer: the first day; unset, of this month."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="DAY", help="Of Cost Explorer: the day after the last; unset, today."),
]
Named = Annotated[
    list[str] | None,
    typer.Option("--named", metavar="TEXT=MODEL", help="What the bill calls a model. May be repeated."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="WHAT=NAME",
        help="Of the ledger: provider=, cloud=, channel=, region= or model=. May be repeated.",
    ),
]
Service = Annotated[
    str | None,
    typer.Option("--service", metavar="TEXT", help="Of the bill: lines whose service has this in it."),
]
Rate = Annotated[
    list[str] | None,
    typer.Option("--rate", metavar="CURRENCY=USD", help="What another currency is worth: EUR=1.08."),
]
TimeZone = Annotated[str, typer.Option("--time-zone", metavar="ZONE", help="In which the bill's days begin.")]
