"""The table's rows from the cells: geometric means over series, then over horizons and groups."""

from collections.abc import Sequence
from statistics import fmean, median
from typing import Final

from bench.forecast.cell import Cell
from bench.report import Row
from foreroute.forecast.backtest import geometric
from foreroute.forecast.backtest_replay import MEAN, POINT

_TARGETS: Final = {MEAN: ("mean", 0.53, "window mean"), POINT: ("point", 0.76, "single bucket")}
_HOW: Final = (
    "relmae: mean absolute error over the last value's on the same origins, every step of the scored part (the first 35 % of "
    "a series is for learning); geometric mean over the series of a group, over 15 and 60 min, then over groups. Window means "
    "are weighted by requests where those are counted."
)


def accuracy(cells: Sequence[Cell], groups: Sequence[str], *, prefix: str = "forecast") -> list[Row]:
    """`groups` in the order of the table."""
    rows: list[Row] = []
    for target, (label, promised, what) in _TARGETS.items():
        by_group = {name: _relative(_of(cells, name, target)) for name in groups}
        value = geometric(by_group.values())
        rows.append(
            Row(
                id=f"{prefix}.relmae_last.{label}",
                what=f"error of the {what} over the last value's",
                value=value,
                unit="ratio",
                target=f"≤ {promised}",
                holds=value <= promised,
                how=_HOW,
            )
        )
        rows += [
            Row(
                id=f"{prefix}.relmae_last.{label}.{name}",
                what=f"the same, {name}",
                value=ratio,
                unit="ratio",
                target="≤ 1.05",
                holds=ratio <= 1.05,
                cells={_name(c): round(c.score.ratio, 4) for c in _of(cells, name, target)},
            )
            for name, ratio in by_group.items()
        ]
    return rows


def ratios(cells: Sequence[Cell], groups: Sequence[str]) -> list[Row]:
    """Ours over each peer's, the same way."""
    names = dict.fromkeys(name for cell in cells for name in cell.score.peers)
    rows = []
    for peer in names:
        by_group = {}
        for group in groups:
            found = [geometric(pair[0] / pair[1] for pair in pairs) for pairs in _pairs(cells, group, peer)]
            if found:
                by_group[group] = geometric(found)
        value = geometric(by_group.values())
        rows.append(
            Row(
                id=f"forecast.ratio.{peer}",
                what=f"our error over that of {peer}",
                value=value,
                unit="ratio",
                target="< 1",
                holds=value < 1.0,
                how="ratio: as relmae, over both targets, at up to 150 origins a series.",
                cells={group: round(ratio, 4) for group, ratio in by_group.items()},
            )
        )
    return rows


def coverage(cells: Sequence[Cell]) -> list[Row]:
    outcomes = sum(cell.score.outcomes for cell in cells)
    found = [fmean(getattr(c.score, name) for c in cells) for name in ("inside80", "inside95")]
    weekly = [cell.score.inside80 for cell in cells if cell.score.days >= 7.0]
    how = (
        f"coverage: share of outcomes inside the interval given at the origin, averaged over {len(cells)} cells (series × target "
        f"× horizon; {outcomes} outcomes); worst: of the {len(weekly)} cells of series with a week of data, the one farthest "
        "from 80 %."
    )
    rows = [
        Row(id="forecast.coverage80", what="outcomes inside the 80 % interval", value=found[0], unit="ratio",
            target="0.77…0.83", holds=0.77 <= found[0] <= 0.83, how=how),
        Row(id="forecast.coverage95", what="outcomes inside the 95 % interval", value=found[1], unit="ratio",
            target="0.92…0.98", holds=0.92 <= found[1] <= 0.98, how=how),
    ]  # fmt: skip
    if weekly:
        worst = max(weekly, key=lambda share: abs(share - 0.8))
        rows.append(
            Row(id="forecast.coverage80.worst", what="the same on the worst series with a week of data", value=worst,
                unit="ratio", target="0.70…0.90", holds=0.7 <= worst <= 0.9, how=how)
        )  # fmt: skip
    return rows


def percentages(
    cells: Sequence[Cell], horizons: Sequence[tuple[str, float]], step_of: dict[str, float]
) -> list[Row]:
    """MAPE of window means: of the slowdown factor, and the share of p50 and p95 channels below 15 %."""
    rows = []
    for label, horizon_s in horizons:
        mine = [
            c for c in cells if c.score.target == MEAN and c.score.horizon * step_of[c.group] == horizon_s
        ]
        slowdown = [c for c in mine if c.group == "gentd_slowdown"]
        if slowdown:
            value, floor = median(c.score.mape for c in slowdown), median(c.score.floor for c in slowdown)
            rows.append(
                Row(id=f"forecast.mape.slowdown.{label}", what=f"slowdown factor, mean of {label}, ≥ 20 requests",
                    value=value, unit="ratio", target="< 0.15", holds=value < 0.15,
                    baseline=f"noise floor {floor:.3f}", how=_MAPE)
            )  # fmt: skip
        for kind, wanted in (("p50", 0.9), ("p95", 0.65 if label == "15min" else 0.8)):
            channels = [c for c in mine if c.group.endswith(kind)]
            if channels:
                share = fmean(c.score.mape < 0.15 for c in channels)
                rows.append(
                    Row(id=f"forecast.mape.{kind}.{label}", what=f"channels whose {kind}, mean of {label}, is within 15 %",
                        value=share, unit="ratio", target=f"≥ {wanted}", holds=share >= wanted,
                        baseline=f"median MAPE {median(c.score.mape for c in channels):.3f}, "
                        f"noise floor {median(c.score.floor for c in channels):.3f}", how=_MAPE)
                )  # fmt: skip
    return rows


_MAPE: Final = (
    "mape: mean of |error| / outcome. The noise floor is what a forecast of the true level would still get, from how far "
    "neighbouring buckets are apart."
)


def _relative(cells: Sequence[Cell]) -> float:
    horizons = dict.fromkeys(cell.score.horizon for cell in cells)
    return geometric(
        geometric(c.score.ratio for c in cells if c.score.horizon == steps) for steps in horizons
    )


def _pairs(cells: Sequence[Cell], group: str, peer: str) -> list[list[tuple[float, float]]]:
    """By target and horizon."""
    found: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for cell in cells:
        if cell.group == group and peer in cell.score.peers and cell.score.peers[peer][0] > 0:
            found.setdefault((cell.score.target, cell.score.horizon), []).append(cell.score.peers[peer])
    return list(found.values())


def _of(cells: Sequence[Cell], group: str, target: int) -> list[Cell]:
    return [cell for cell in cells if cell.group == group and cell.score.target == target]


def _name(cell: Cell) -> str:
    return f"{cell.score.series.channel} +{cell.score.horizon}"
