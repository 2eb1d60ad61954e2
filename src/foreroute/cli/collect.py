# ruff: noqa: PLC0415 - the store and the stages are loaded when the verb runs
"""`foreroute collect`: the collecting part alone, beside gateways that only write their journal, or once after a crash."""

from typing import TYPE_CHECKING, Annotated

import typer

from foreroute.cli.options import AsJson, config_path
from foreroute.cli.say import print_json
from foreroute.cli.series import ConfigOption

if TYPE_CHECKING:
    from foreroute.app.collector import Collected
    from foreroute.settings import Settings


def register(app: typer.Typer) -> None:
    app.command("collect")(collect)


def collect(
    once: Annotated[
        bool, typer.Option("--once", help="Store what is there and end, for cron or after a crash.")
    ] = False,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Store what gateways have written to the journal beside the store, every minute until Ctrl-C or SIGTERM.

    No gateway, no forecasts, no decisions. Refuses while a running server stores these attempts itself.
    """
    import asyncio

    from foreroute.settings import load_settings

    asyncio.run(_collect(load_settings(config_path(config)), once=once, as_json=as_json))


async def _collect(settings: "Settings", *, once: bool, as_json: bool) -> None:
    import asyncio
    import contextlib
    import signal

    from foreroute.app.collector import JournalCollector, collect_until
    from foreroute.app.logs import set_up_logs
    from foreroute.cli.series_store import opened
    from foreroute.clock import SystemClock

    def say(found: "Collected") -> None:
        if found.attempts or once:
            print_json({"attempts": found.attempts, "rollups": found.rollups}) if as_json else typer.echo(
                f"{found.attempts} attempts stored, {found.rollups} minutes changed"
            )

    set_up_logs(settings.log)
    clock = SystemClock()
    async with opened(settings, create=True) as store:
        collector = JournalCollector(settings, store, source=f"collect-{clock.now():.3f}")
        collector.claim()
        try:
            if once:
                say(await collector.round(clock.now()))
                return
            running = asyncio.ensure_future(
                collect_until(collector, clock, every_s=settings.loop.tick, said=say)
            )
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, running.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await running
        finally:
            collector.close()
