# ruff: noqa: PLC0415 - the stages are loaded when there is something to look at
"""`foreroute doctor`: what would keep a configuration from working on this machine, and what would help."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from foreroute.cli.exits import ExitCode
from foreroute.cli.language import say
from foreroute.cli.options import AsJson, ConfigFile, config_path
from foreroute.cli.say import console, print_json, text

if TYPE_CHECKING:
    from foreroute.app.checkup.finding import Finding
    from foreroute.settings import Settings

_STYLES: Final = {"pass": "green", "warn": "yellow", "fail": "bold red"}


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    config: ConfigFile = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Also ask every channel for one token. What that costs is said before and after."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for what would keep a configuration from working here. Each line is pass, warn or fail, with the fix.

    Configuration, database, clock, ports, channels, forecast models and the age of prices. Changes nothing. Exits with
    3 when the configuration cannot be used, with 4 when a check failed, with 0 otherwise.
    """
    from foreroute.settings import load_settings

    path = config_path(config)
    settings = load_settings(path)
    found = list(_looked(settings, path))
    cost: Decimal | None = None
    if live:
        asked, cost = _asked(settings, as_json=as_json)
        found += asked
    else:
        found.append(_unasked(settings))
    if as_json:
        print_json(_answer(path, found, cost))
    else:
        _show(found, cost)
    if _has_failed(found):
        raise typer.Exit(ExitCode.UNHEALTHY)


def _looked(settings: "Settings", path: Path) -> "Iterator[Finding]":
    from foreroute.app.checkup.finding import passed, warned
    from foreroute.app.checkup.place import check_clock, check_ports, check_store
    from foreroute.app.checkup.stock import check_models, check_prices
    from foreroute.cli.check import examine
    from foreroute.clock import SystemClock

    at = SystemClock().now()
    examined = examine(settings, str(path))
    channels, routes = len(settings.channels), len(settings.routes)
    yield passed("configuration", "configuration.good", file=path, channels=channels, routes=routes)
    for one in examined.warnings:
        yield warned("configuration", "configuration.warning", **asdict(one))
    database, looked = check_store(settings)
    yield database
    yield check_clock(at, looked)
    yield from check_ports(settings)
    yield from check_models(settings)
    yield check_prices(settings, at)


def _unasked(settings: "Settings") -> "Finding":
    from foreroute.app.checkup.finding import passed

    keys = sum(1 for one in settings.channels if one.api_key is not None or one.account is not None)
    return passed("channel", "channel.not_asked", count=len(settings.channels), keys=keys)


def _asked(settings: "Settings", *, as_json: bool) -> "tuple[list[Finding], Decimal]":
    import asyncio

    from foreroute.app.checkup.live import ask_channels, expected
    from foreroute.clock import SystemClock

    clock = SystemClock()
    if not as_json:
        guess = expected(settings, clock.now())
        sys.stderr.write(
            say("doctor.asking", channels=guess.channels, usd=f"{guess.usd:f}", unpriced=guess.unpriced)
            + "\n"
        )

    async def all_of_them() -> "list[tuple[Finding, Decimal | None]]":
        return [one async for one in ask_channels(settings, clock)]

    told = asyncio.run(all_of_them())
    return [finding for finding, _ in told], sum((cost for _, cost in told if cost is not None), Decimal(0))


def _answer(path: Path, found: "list[Finding]", cost: Decimal | None) -> dict[str, Any]:
    return {
        "file": str(path),
        "ok": not _has_failed(found),
        "checks": [
            {
                "check": one.check,
                "of": one.of or None,
                "verdict": one.verdict.value,
                "code": one.code,
                "message": _message(one),
                "fix": _fix(one),
            }
            for one in found
        ],
        "cost_usd": None if cost is None else f"{cost:f}",
    }


def _show(found: "list[Finding]", cost: Decimal | None) -> None:
    out = console()
    for one in found:
        mark = text(f"{say(f'doctor.{one.verdict.value}'):<5}", _STYLES[one.verdict.value])
        name = f"{say(f'doctor.check.{one.check}')} {one.of}".strip()
        out.print(mark, text(f"{name}:", "bold"), text(_message(one)))
        if fix := _fix(one):
            out.print(text(f"      {fix}", "dim"))
    if cost is not None:
        out.print(text(say("doctor.cost", usd=f"{cost:f}")))
    kinds = [one.verdict.value for one in found]
    counts = {"passed": kinds.count("pass"), "warned": kinds.count("warn"), "failed": kinds.count("fail")}
    out.print(text(say("doctor.sum", **counts), "bold"))


def _message(one: "Finding") -> str:
    return say(f"doctor.{one.code}", **one.facts)


def _fix(one: "Finding") -> str | None:
    """Of what is not well; a warning and a failure always have one."""
    return None if one.verdict.value == "pass" else say(f"doctor.{one.code}.fix", **one.facts)


def _has_failed(found: "list[Finding]") -> bool:
    return any(one.verdict.value == "fail" for one in found)
