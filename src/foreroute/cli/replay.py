# ruff: noqa: PLC0415 - the stages and the tables are loaded when they are needed
"""`foreroute replay`: what other settings would have decided, and what that would have cost."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from foreroute.cli.options import AsJson
from foreroute.cli.say import CommandError, print_json


def register(app: typer.Typer) -> None:
    app.command("replay")(replay)


def replay(
    config: Annotated[
        Path,
        typer.Option("--config", "-c", metavar="FILE", help="The candidate: a whole configuration file."),
    ],
    since: Annotated[str, typer.Option("--since", metavar="DURATION", help="How far back: 24h, 7d.")] = "7d",
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="FILE",
            help="The database that was served from. Default: the candidate's store.path.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide the logged days again with other settings. Says what differs, what it would have cost, and how sure that is.

    Nothing is estimated where the candidate's traffic would go to channels that nothing was sent to at that time.
    """
    from foreroute.settings import load_settings

    settings = load_settings(config)
    from foreroute.app.replay import replay as run
    from foreroute.cli.replay_answer import answer_of, show
    from foreroute.cli.series_store import duration_of, opened
    from foreroute.clock import SystemClock

    if store is not None:
        section = settings.store.model_copy(update={"kind": "sqlite", "path": store})
        settings = settings.model_copy(update={"store": section})
    end_at = SystemClock().now()
    start_at = end_at - duration_of(since, "--since")

    async def main() -> None:
        async with opened(settings) as kept:
            report = await run(kept, settings, start_at=start_at, end_at=end_at, say=_say)
        if report.ticks == 0:
            hint = "a server that runs writes one a minute; ask for a longer time with --since"
            raise CommandError(f"no tick is on record in the last {since}", where="--since", hint=hint)
        if as_json:
            print_json(answer_of(report))
        else:
            show(report)

    import asyncio

    asyncio.run(main())


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress
