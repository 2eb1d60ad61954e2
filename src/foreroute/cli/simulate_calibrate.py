# ruff: noqa: PLC0415 - the tables and the report are loaded when they are needed
"""`foreroute simulate calibrate`: a world from files or from the store, and how much it is like what was real."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from foreroute.cli.options import config_path
from foreroute.cli.say import CommandError, console, print_json, table, text
from foreroute.cli.series_store import on_file
from foreroute.settings import load_settings
from foreroute.simulate.calibrate import Calibration, calibrate
from foreroute.simulate.observed_csv import read_observed
from foreroute.simulate.units import seconds
from foreroute.simulate.world_schema import WorldSpec

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    files: tuple[Path, ...]
    write: Path
    since: str
    columns: tuple[str, ...]
    html: Path | None


def run(wanted: Wanted, *, config: Path | None, as_json: bool) -> None:
    """Raises ForerouteError where there is nothing to learn from, or a file cannot be read."""
    if wanted.html is not None:
        from foreroute.cli import page_file

        page_file.check(wanted.html, "`foreroute simulate calibrate --html`")
    found = _of_files(wanted) if wanted.files else _of_store(wanted, config)
    _write(wanted.write, found.world)
    answer = {
        "world": str(wanted.write),
        "channels": len(found.world.channels),
        "left_out": list(found.left_out),
        "split_at": found.split_at,
        "likeness": [one.as_dict() for one in found.likenesses],
    }
    if wanted.html is not None:
        from foreroute.cli import calibrate_page, page_file

        page_file.write(wanted.html, calibrate_page.page(found, answer))
    if as_json:
        print_json(answer)
    else:
        _show(answer)


def world_yaml(world: WorldSpec) -> str:
    """As a person would write it: nothing that is the default anyhow."""
    document = world.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)


def _of_files(wanted: Wanted) -> Calibration:
    columns = dict(_column(one) for one in wanted.columns)
    return calibrate([one for path in wanted.files for one in read_observed(path, columns)])


def _of_store(wanted: Wanted, config: Path | None) -> Calibration:
    from foreroute.app.simulated_history import calibrated
    from foreroute.clock import SystemClock

    settings = load_settings(config_path(config))
    now = SystemClock().now()
    try:
        since_at = now - seconds(wanted.since)
    except ValueError as error:
        raise CommandError(str(error), where="--since") from None
    return on_file(settings, lambda store: calibrated(settings, store, since_at, now))


def _column(given: str) -> tuple[str, str]:
    name, joint, column = given.partition("=")
    if not joint or not column:
        raise CommandError(
            f"{given!r} is no pair",
            where="--column",
            hint="for example: --column latency_s=exec_time_seconds",
        )
    return name, column


def _write(path: Path, world: WorldSpec) -> None:
    try:
        path.write_text(world_yaml(world), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}", where="--write") from None


def _show(answer: Row) -> None:
    out = console()
    shown = table(
        "part that was held out",
        ">requests",
        ">KS",
        ">KS of the real parts",
        ">p50",
        ">simulated",
        ">p95",
        ">simulated",
        ">p99",
        ">simulated",
    )
    for row in answer["likeness"]:
        shown.add_row(
            f"{row['name']} ({row['unit']})",
            f"{row['held_out']:,}",
            _share(row["ks"]),
            _share(row["ks_of_learnt_part"]),
            *(f"{row[kind][rank]:.4g}" for rank in ("p50", "p95", "p99") for kind in ("real", "simulated")),
        )
    out.print(shown)
    for name in answer["left_out"]:
        out.print(text(f"{name}: too few requests with a time, left out"))
    out.print(text(f"wrote {answer['world']}; play it with a scenario whose `world:` names it"))


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
