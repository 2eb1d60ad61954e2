# ruff: noqa: PLC0415 - settings are loaded when there is something to look at
"""`foreroute regions`: the regions of a configuration as its gateway sees them, the nearest first. Asks nobody."""

from typing import TYPE_CHECKING, Any

import typer

from foreroute.cli.options import AsJson, ConfigFile, config_path
from foreroute.cli.say import console, print_json, table, text

if TYPE_CHECKING:
    from foreroute.core.ids import RegionId
    from foreroute.settings import Settings

Row = dict[str, Any]


def register(app: typer.Typer) -> None:
    app.command("regions")(regions)


def regions(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List the regions, the nearest first. How far each is, its channels, and the routes that are served there.

    Round trips are those of the file, or typical ones between parts of the world.
    """
    from foreroute.settings import load_settings

    rows = region_rows(load_settings(config_path(config)))
    if as_json:
        print_json({"regions": rows})
    else:
        _show(rows)


def region_rows(settings: "Settings") -> list[Row]:
    from foreroute.app.data_plane import topology_of

    topology = topology_of(settings)
    told = {region.name: region.round_trip for region in settings.regions}

    def is_told(region: "RegionId") -> bool:
        return region in told.get(topology.home, {}) or topology.home in told.get(region, {})

    return [
        {
            "region": region,
            "home": region == topology.home,
            "round_trip_s": 0.0 if region == topology.home else topology.round_trip_s(region),
            "round_trip": "told" if is_told(region) else "typical",
            "channels": [one.id for one in settings.channels if one.region == region],
            "routes": [route.model for route in settings.routes if _serves(settings, route.model, region)],
        }
        for region in topology.by_distance()
    ]


def _serves(settings: "Settings", model: str, region: str) -> bool:
    """Whether a channel of the region is a target of the route, and the route may be served there."""
    here = {one.id for one in settings.channels if one.region == region}
    (route,) = [one for one in settings.routes if one.model == model]
    return any(target.channel in here for target in route.targets) and (
        not route.regions or region in route.regions
    )


def _show(rows: list[Row]) -> None:
    made = table("region", ">round trip", "", "channels", "routes")
    for row in rows:
        trip = row["round_trip_s"]
        made.add_row(
            text(row["region"], "bold"),
            "–" if trip is None else f"{trip * 1000:.0f} ms",
            "the gateway" if row["home"] else ("" if trip is None else row["round_trip"]),
            text(", ".join(row["channels"]) or "none"),
            text(", ".join(row["routes"]) or "none"),
        )
    console().print(made)
