# ruff: noqa: PLC0415 - each verb loads what it needs when it runs
"""`foreroute clouds`: the accounts that channels can be called with, and what those can use."""

from pathlib import Path
from typing import Annotated, Any

import typer

from foreroute.cli.options import AsJson, config_path
from foreroute.cli.say import CommandError, console, print_json, text

Config = Annotated[Path | None, typer.Option("--config", help="The configuration file.", metavar="CONFIG")]


def register(app: typer.Typer) -> None:
    clouds = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Look at accounts of clouds and what they can use."
    )
    clouds.command("list")(list_accounts)
    clouds.command("discover")(discover)
    app.add_typer(clouds, name="clouds")


def list_accounts(config: Config = None, as_json: AsJson = False) -> None:
    """Show the accounts, how each proves who it is, and the channels that use it. Asks nobody."""
    from rich.table import Table

    from foreroute.app.cloud_models import cloud_of, proof_of
    from foreroute.settings import load_settings
    from foreroute.settings.clouds import accounts_of

    settings = load_settings(config_path(config))
    rows = [
        {
            "name": account.name,
            "cloud": cloud_of(account),
            "proof": proof_of(account),
            "channels": [one.id for one in settings.channels if one.account == account.name],
        }
        for account in accounts_of(settings.clouds).values()
    ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        console().print("No accounts: `clouds:` or its `file` names them.")
        return
    table = Table("account", "cloud", "proves itself by", "channels", box=None)
    for row in rows:
        table.add_row(
            text(str(row["name"]), "bold"),
            str(row["cloud"]),
            str(row["proof"]),
            ", ".join(row["channels"]) or "none",
        )
    console().print(table)


def discover(
    account: Annotated[
        str | None, typer.Argument(metavar="ACCOUNT", help="Only this one. Default: all of them.")
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", help="Only in this region; may be repeated.", metavar="REGION"),
    ] = None,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Channels, ready to be put into the configuration.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Ask the clouds which models the accounts can use in which regions, and propose channels.

    Exits with 1 when an account could not be asked at all.
    """
    import asyncio

    found = asyncio.run(_ask(account, region, config_path(config)))
    if as_json:
        rows: list[dict[str, Any]] = [
            {"account": one.account, "cloud": one.cloud, "region": one.region, "models": list(one.models),
             "problem": one.problem or None, "channels": one.channels()}
            for one in found
        ]  # fmt: skip
        print_json(rows)
    elif as_yaml:
        _print_yaml([channel for one in found for channel in one.channels()])
    else:
        _show(found)
    if any(one.problem for one in found):
        raise typer.Exit(1)


async def _ask(name: str | None, regions: list[str] | None, config: Path) -> "list[Any]":
    from foreroute.app.cloud_models import regions_of, usable
    from foreroute.clock import SystemClock
    from foreroute.settings import load_settings
    from foreroute.settings.clouds import accounts_of

    settings = load_settings(config)
    known = accounts_of(settings.clouds)
    if name is not None and name not in known:
        hint = f"accounts: {', '.join(sorted(known)) or 'none; `clouds:` or its `file` names them'}"
        raise CommandError(f"there is no account {name!r}", where="ACCOUNT", hint=hint)
    chosen = [known[name]] if name is not None else list(known.values())
    return [
        await usable(one, place, SystemClock().now)
        for one in chosen
        for place in regions or regions_of(one, settings)
    ]


def _show(found: "list[Any]") -> None:
    from rich.table import Table

    if not found:
        console().print("No accounts: `clouds:` or its `file` names them.")
        return
    table = Table("account", "region", "models", box=None)
    for one in found:
        said = text(one.problem, "red") if one.problem else text("\n".join(one.models) or "none")
        table.add_row(text(one.account, "bold"), one.region, said)
    console().print(table)


def _print_yaml(channels: list[dict[str, str]]) -> None:
    import yaml

    typer.echo(yaml.safe_dump({"channels": channels}, sort_keys=False), nl=False)
