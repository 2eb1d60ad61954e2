# ruff: noqa: PLC0415 - the tables and the report are loaded when they are needed
"""Runs what `foreroute simulate` asks for, and prints what it came to."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foreroute.app.simulated import LiveSimulation, SimulationOptions
from foreroute.cli.options import config_path
from foreroute.cli.say import CommandError, console, print_json, table, text
from foreroute.cli.series_store import on_file
from foreroute.settings import load_settings
from foreroute.simulate.scenario import Scenario, load_scenario, load_world, scenario_names, world_names
from foreroute.simulate.scenario_schema import RegionLossSpec, ScenarioSpec
from foreroute.simulate.units import seconds, write_instant, write_seconds

Row = dict[str, Any]
_DAY_S = 86_400.0
_DECISIONS_MAX = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    seed: int
    forecasts: bool
    length: str | None
    html: Path | None
    as_json: bool

    def cut(self, scenario: Scenario) -> Scenario:
        """No longer than is wanted."""
        if self.length is None:
            return scenario
        length = _duration(self.length, "--length")
        return replace(scenario, spec=scenario.spec.model_copy(update={"length": length}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    region: str
    since: str
    at: str | None
    for_: str


def play(name: str, run: Run) -> None:
    """Raises ConfigError for a scenario that is wrong."""
    _check_page(run.html)
    scenario = run.cut(load_scenario(name))
    result = asyncio.run(_played(scenario, SimulationOptions(seed=run.seed, forecasts=run.forecasts)))
    _report(result, run)


def lose(wanted: Loss, run: Run, *, config: Path | None) -> None:
    """Two runs of the day as it was learnt from the store: as it came, and with the region lost."""
    from foreroute.app.simulated_history import learnt_world

    _check_page(run.html)
    settings = load_settings(config_path(config))
    day_at = day_of(wanted.since)
    world = on_file(settings, lambda store: learnt_world(settings, store, day_at, day_at + _DAY_S))
    named = {"scenario": f"lose-{wanted.region}", "start": write_instant(day_at)}
    spec = ScenarioSpec.model_validate(named).model_copy(update={"world": world})
    calm = run.cut(Scenario(spec=spec, world=world))
    at_s = _busiest_s(world.traffic.hours) if wanted.at is None else _duration(wanted.at, "--at")
    event = RegionLossSpec.model_validate(
        {
            "fault": "region_loss",
            "at": write_seconds(at_s),
            "for": write_seconds(_duration(wanted.for_, "--for")),
            "region": wanted.region,
        }
    )
    lost = replace(calm, spec=calm.spec.model_copy(update={"timeline": (event,)}))
    options = SimulationOptions(seed=run.seed, forecasts=run.forecasts, settings=settings)
    result = asyncio.run(_played(lost, options))
    result["without"] = asyncio.run(_played(calm, options))["users"]
    _report(result, run)


def list_built_in(*, as_json: bool) -> None:
    scenarios = {name: load_scenario(name).spec.description for name in scenario_names()}
    worlds = {name: load_world(name).description for name in world_names()}
    if as_json:
        print_json({"scenarios": scenarios, "worlds": worlds})
        return
    shown = table("scenario", "what happens")
    for name, what in scenarios.items():
        shown.add_row(name, what)
    for name, what in worlds.items():
        shown.add_row(f"world: {name}", what)
    console().print(shown)


async def _played(scenario: Scenario, options: SimulationOptions) -> Row:
    simulation = LiveSimulation(scenario, options)
    await simulation.start()
    await simulation.advance(scenario.end_at)
    return await simulation.result()


def day_of(since: str) -> float:
    """The midnight (UTC) at which the day begins. Raises CommandError."""
    from foreroute.clock import SystemClock

    today = SystemClock().now() // _DAY_S * _DAY_S
    if since == "yesterday":
        return today - _DAY_S
    try:
        return (today - seconds(since)) // _DAY_S * _DAY_S
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp() // _DAY_S * _DAY_S
    except ValueError:
        raise CommandError(
            f"{since!r} is no day", where="--from", hint="yesterday, 2026-03-02, or 7d for a week ago"
        ) from None


def _busiest_s(hours: tuple[float, ...]) -> float:
    return 3600.0 * max(range(24), key=lambda hour: hours[hour]) if hours else 12 * 3600.0


def _duration(given: str, where: str) -> float:
    try:
        return seconds(given)
    except ValueError as error:
        raise CommandError(str(error), where=where) from None


def _check_page(html: Path | None) -> None:
    if html is not None:
        from foreroute.cli import page_file

        page_file.check(html, "`foreroute simulate --html`")


def _report(result: Row, run: Run) -> None:
    if run.html is not None:
        from foreroute.cli import page_file, simulate_page

        page_file.write(run.html, simulate_page.page(result))
    if run.as_json:
        print_json(result)
    else:
        _show(result)


def _show(result: Row) -> None:
    out = console()
    out.print(text(f"{result['scenario']}, seed {result['seed']}: {_span(result)}"))
    shown = table("users", ">requests", ">failed", ">late", ">p50", ">p95", ">p99", ">cost")
    rows = [("all", result["users"])]
    if "without" in result:
        rows.append(("all, if nothing is lost", result["without"]))
    rows += sorted(result["places"].items()) if len(result["places"]) > 1 else []
    for name, row in rows:
        times = row["first_chunk_s"]
        shown.add_row(
            name,
            f"{row['requests']:,}",
            f"{row['failures']:,}",
            f"{row['late']:,}",
            *(_seconds(times[rank]) for rank in ("p50", "p95", "p99")),
            f"${float(row['cost_usd']):.2f}",
        )
    out.print(shown)
    limit = result["objective_s"]
    out.print(
        text(
            "times: to the first token, as users saw it"
            + ("" if limit is None else f"; late: after {_seconds(limit)}")
        )
    )
    own = [row for row in result["decisions"] if row.get("cause_channel") in (row["channel"], None)]
    for line in _decisions(own[:_DECISIONS_MAX], result["start_at"]):
        out.print(text(line))
    if len(own) > _DECISIONS_MAX:
        out.print(text(f"… and {len(own) - _DECISIONS_MAX} more; --json has all"))
    for stage, error in result["stage_errors"].items():
        out.print(text(f"stage {stage} failed: {error}", "red"))


def _decisions(rows: list[Row], start_at: float) -> Iterator[str]:
    for row in rows:
        minutes = (row["at"] - start_at) / 60
        yield (
            f"{minutes // 60:3.0f}h{minutes % 60:02.0f}  {row['channel']}  {row['before']:.0%} → {row['after']:.0%}"
            f"  {row['code']}: {row['detail']}"
        )


def _span(result: Row) -> str:
    events = [f"{one['fault']} after {one['at']}" for one in result["timeline"]]
    return (
        f"{write_seconds(result['end_at'] - result['start_at'])}; {', '.join(events) or 'nothing scripted'}"
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
