"""python -m bench.forecast.against [peers|mix] [--quick]: the bank against what people use, and with LightGBM in its mix.

Everybody is asked at the same origins of the scored part of each series. A cell is the mean absolute error over that of
the last value at the same origins, the geometric mean over series; then the bank's over the peer's.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.forecast.data import Group, groups, synthetic
from bench.forecast.peers import Pooled, between_fits, pooled, refitted
from bench.forecast.refits import BANK, Asked, ask, samples
from foreroute.core.errors import TooLittleHistory
from foreroute.core.ids import ChannelId
from foreroute.forecast.backtest_peers import NAIVE, Peer, baselines
from foreroute.forecast.backtest_replay import Replay, columns, horizons_of, replay, values_of
from foreroute.forecast.bank.bank import ForecastBank, Minute
from foreroute.forecast.bank.settings import BankSettings
from foreroute.forecast.rows import feature_rows, log_past
from foreroute.forecast.values import Floats

_TARGETS: Final = ("mean", "point")
_HOLD_S: Final = 300.0
_WEEK_S: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Cell:
    """Errors of everybody about one group, target and horizon: name → relative error of each series."""

    group: str
    target: str
    horizon_s: float
    ratios: dict[str, Floats]
    outcomes: int


def compare(group: Group, peers: Sequence[Peer], *, series: int, origins: int) -> Iterator[Cell]:
    """The peers and the bank at the same origins."""
    played = replay(group.members)
    chosen = samples(group, series=series, origins=origins, horizon=max(played.horizons))
    asked = ask(group, played, (*baselines(group.step_s)[:1], *peers), chosen)
    seconds = ", ".join(f"{n} {s / len(asked.lines):.3f} s" for n, s in asked.seconds.items())
    print(f"# {group.name}: {seconds}", file=sys.stderr, flush=True)
    yield from _cells(asked)


def _cells(asked: Asked) -> Iterator[Cell]:
    lines, known = asked.lines, asked.known
    for row, target in enumerate(_TARGETS):
        for column, steps in enumerate(asked.horizons):
            use = known[:, row, column]
            errors = {name: asked.errors(name)[:, row, column] for name in asked.said}
            ratios = {
                name: np.array([found[use & (lines == line)].mean() for line in np.unique(lines[use])])
                for name, found in errors.items()
            }
            naive = ratios[NAIVE]
            relative = {name: found[naive > 0] / naive[naive > 0] for name, found in ratios.items()}
            yield Cell(asked.group.name, target, steps * asked.group.step_s, relative, int(use.sum()))


def show(cells: Sequence[Cell], peers: Sequence[str]) -> None:
    """The relative errors of one group, as soon as they are known."""
    for cell in cells:
        errors = " ".join(f"{name} {_middle(cell.ratios[name]):.3f}" for name in (BANK, *peers))
        print(
            f"{cell.group:14} {cell.target:5} {cell.horizon_s / 60:3.0f} min {cell.outcomes:4} origins  {errors}"
        )


def report(cells: Sequence[Cell], peers: Sequence[str]) -> None:
    """The bank's error over each peer's, with a 90 % bootstrap interval over series."""
    print("\nbank / peer, geometric mean over cells (90 % bootstrap interval over series)")
    for name in peers:
        logs = [np.log(cell.ratios[BANK] / cell.ratios[name]) for cell in cells if len(cell.ratios[name])]
        value = float(np.exp(np.mean([found.mean() for found in logs])))
        low, high = _interval(logs)
        print(f"  {name:12} {value:.3f} [{low:.3f}-{high:.3f}]")


def _middle(ratios: Floats) -> float:
    return float(np.exp(np.log(np.maximum(ratios, 1e-9)).mean())) if len(ratios) else float("nan")


def _interval(logs: Sequence[Floats]) -> tuple[float, float]:
    rng = np.random.default_rng(1)
    means = [
        np.mean([found[rng.integers(0, len(found), len(found))].mean() for found in logs])
        for _ in range(1000)
    ]
    low, high = np.exp(np.quantile(means, [0.05, 0.95]))
    return float(low), float(high)


# LightGBM in the mix ------------------------------------------------------------------------------------------------


def with_lightgbm(group: Group, *, rows_max: int) -> Iterator[Cell]:
    """The bank alone, LightGBM alone and the bank that may use it, from one week on at every origin.

    The booster is fitted at the end of the first week and again in the middle of the rest, each time on the past alone;
    its answers are held for five minutes, as in service.
    """
    week = round(_WEEK_S / group.step_s)
    length = max(len(member.values) for member in group.members)
    if length < week + round(86_400.0 / group.step_s):
        return
    fits = (week, week + (length - week) // 2)
    values, counts = columns(group.members)
    horizons = BankSettings(step_s=group.step_s, horizons_s=horizons_of(group.step_s)).horizons
    started = time.process_time()
    opinions = np.full((length, 2, len(horizons), len(group.members)), np.nan)
    try:
        for number, until in enumerate(fits):
            end = fits[number + 1] if number + 1 < len(fits) else length
            model = _model(group, until, rows_max)
            opinions[until - 1 : end - 1] = _opinions(group, model, until - 1, end - 1)
    except TooLittleHistory as error:
        print(f"# {group.name}: {error}", file=sys.stderr, flush=True)
        return
    print(
        f"# {group.name}: LightGBM {time.process_time() - started:.0f} s of CPU", file=sys.stderr, flush=True
    )
    alone = replay(group.members)
    mixed = _mixed(group, values, counts, opinions)
    first = week + round(86_400.0 / group.step_s) // 4
    said: dict[str, Floats] = {
        BANK: alone.said[:, :, 0].astype(np.float64),
        "lightgbm": np.moveaxis(opinions, 0, 2),
        "bank with lightgbm": mixed,
        NAIVE: np.broadcast_to(_last(values), alone.outcomes.shape),
    }
    yield from _grid_cells(group, alone, said, first)


def _model(group: Group, until: int, rows_max: int) -> Pooled:
    from bench.forecast.peers import PoolOptions  # noqa: PLC0415 - beside its only use

    return pooled(group, until, PoolOptions(rows_max=rows_max, horizons_s=horizons_of(group.step_s)))


def _opinions(group: Group, model: Pooled, first: int, last: int) -> Floats:
    """(origins, targets, horizons, series) after the steps `first` … `last` − 1, asked every five minutes and held."""
    grid = model.fitted.grid
    hold = max(1, round(_HOLD_S / group.step_s))
    asked = np.arange(first, last, hold)
    found = np.full((last - first, 2, len(grid.horizons), len(group.members)), np.nan)
    for column, member in enumerate(group.members):
        ends = asked[asked < len(member.values)] + 1
        for start in range(0, len(ends), 512):
            part = ends[start : start + 512]
            rows = feature_rows(
                log_past(values_of(member), part, grid), part.astype(np.float64) * group.step_s, grid
            )
            said = np.sort(model.fitted.answers(rows.features), axis=-1)[..., 1]
            answer = np.exp(rows.levels[:, None, None] + said) - grid.offset
            for offset in range(hold):
                place = part - 1 - first + offset
                inside = place < last - first
                found[place[inside], :, :, column] = answer[inside]
    return found


def _mixed(group: Group, values: Floats, counts: Floats, opinions: Floats) -> Floats:
    settings = BankSettings(step_s=group.step_s, horizons_s=horizons_of(group.step_s), plug_ins=("lightgbm",))
    bank = ForecastBank(settings)
    for number, member in enumerate(group.members):
        bank.row(ChannelId(f"{number}/{member.channel}"), member.metric)
    said = np.full((2, len(settings.horizons), len(values), len(group.members)), np.nan)
    for at, row in enumerate(values):
        minute = Minute(end_at=(at + 1) * group.step_s, values=row, counts=counts[at])
        bank.update(minute, {"lightgbm": opinions[at].astype(np.float32)})
        said[:, :, at] = bank.current()[:, :, 0]
    return said


def _last(values: Floats) -> Floats:
    """The last measured value at each step (steps, series)."""
    at = np.where(np.isfinite(values), np.arange(len(values))[:, None], -1)
    newest = np.maximum.accumulate(at, axis=0)
    return np.where(newest >= 0, np.take_along_axis(values, np.maximum(newest, 0), axis=0), np.nan)


def _grid_cells(group: Group, played: Replay, said: dict[str, Floats], first: int) -> Iterator[Cell]:
    for row, target in enumerate(_TARGETS):
        for column, steps in enumerate(played.horizons):
            outcome = played.outcomes[row, column, first:]
            errors = {name: np.abs(found[row, column, first:] - outcome) for name, found in said.items()}
            known = np.all([np.isfinite(found) for found in errors.values()], axis=0)
            usable = known.sum(axis=0) > 50
            means = {
                name: (np.where(known, found, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))[usable]
                for name, found in errors.items()
            }
            naive = means[NAIVE]
            relative = {name: found[naive > 0] / naive[naive > 0] for name, found in means.items()}
            yield Cell(group.name, target, steps * group.step_s, relative, int(known.sum()))


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.forecast.against", description=__doc__)
    parser.add_argument("what", choices=("peers", "mix"), nargs="?", default="peers")
    parser.add_argument("--quick", action="store_true", help="fewer series and origins, some minutes")
    parser.add_argument("--group", action="append", help="only this one; may be said again")
    parser.add_argument("--series", type=int, default=6, help="of each group, for the peers")
    parser.add_argument("--origins", type=int, default=6, help="of each series, for the peers")
    arguments = parser.parse_args()
    recorded = groups(quick=arguments.quick) or synthetic(quick=arguments.quick)
    chosen = [one for one in recorded if not arguments.group or one.name in arguments.group]
    cells: list[Cell] = []
    peers = (*refitted(), *between_fits()) if arguments.what == "peers" else ()
    names = [peer.name for peer in peers] or ["lightgbm", "bank with lightgbm"]
    series, origins = (2, 2) if arguments.quick else (arguments.series, arguments.origins)
    for group in chosen:
        if peers:
            found = list(compare(group, peers, series=series, origins=origins))
        else:
            found = list(with_lightgbm(group, rows_max=10_000 if arguments.quick else 60_000))
        show(found, names)
        cells += found
    report(cells, names)


if __name__ == "__main__":
    main()
