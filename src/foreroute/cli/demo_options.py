"""What `foreroute demo` can be told."""

from pathlib import Path
from typing import Annotated

import typer

Headless = Annotated[bool, typer.Option("--headless", help="No dashboard; ends by itself.")]
Seconds = Annotated[
    int | None,
    typer.Option(
        "--seconds", metavar="N", min=1, help="How long it runs. Default: until Ctrl-C; 90 when headless."
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", help="The same seed makes the same world and decisions.")
]
Speed = Annotated[
    float, typer.Option("--speed", metavar="X", min=1.0, max=600.0, help="Simulated seconds per real second.")
]
Port = Annotated[
    int,
    typer.Option("--port", metavar="N", min=0, max=65535, help="The gateway's; the next free one if busy."),
]
DashboardPort = Annotated[
    int,
    typer.Option(
        "--dashboard-port", metavar="N", min=0, max=65535, help="The dashboard's; the next free one if busy."
    ),
]
KillLoopAt = Annotated[
    float | None,
    typer.Option(
        "--kill-loop-at",
        min=0.0,
        metavar="MINUTE",
        help="Kill the control loop at this simulated minute, to see that requests go on.",
    ),
]
Trace = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Replay the arrivals of this recorded trace.",
    ),
]
