"""Gradient-boosted trees over all channels of a metric, learnt from the operator's own history (extra `ml`).

One small model for each target, horizon and quantile. `fit` needs the library and runs in a worker process; answers are
computed in numpy (`trees.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from foreroute.core.errors import MissingExtra
from foreroute.core.findings import Forecast
from foreroute.core.ports import FittedPool
from foreroute.core.series import Series
from foreroute.forecast.answers import TARGETS
from foreroute.forecast.direct import QUANTILES, direct_forecasts
from foreroute.forecast.pool_layout import LAYOUT, layout_of, read_layout, reading
from foreroute.forecast.pool_rows import check_history, columns_of, learn_from
from foreroute.forecast.rows import DAY_S, Grid, feature_rows, grid_of, latest_past
from foreroute.forecast.trees import Trees, read_trees
from foreroute.forecast.values import Floats

_NAME: Final = "lightgbm"


@dataclass(frozen=True, slots=True, kw_only=True)
class LightGbmSettings:
    """`history_min_s`: the shortest history worth learning from. The rest is modest on purpose: it was not tuned."""

    horizons_s: tuple[float, ...] = (900.0, 3600.0)
    history_min_s: float = 7 * DAY_S
    rows_max: int = 60_000
    trees: int = 120
    leaves: int = 15
    learning_rate: float = 0.06
    rows_per_leaf_min: int = 60


@dataclass(frozen=True)
class FittedLightGbm:
    """`texts`: LightGBM's own text models by file name. Pickles without the trees read from them."""

    grid: Grid
    texts: Mapping[str, str]

    def forecast(self, series: Sequence[Series], *, steps: int) -> tuple[Forecast, ...]:
        if not series:
            return ()
        past, origins_at = latest_past(series, self.grid)
        rows = feature_rows(past, origins_at, self.grid)
        return direct_forecasts(
            series, self.answers(rows.features), rows.levels, grid=self.grid, steps=steps, model=_NAME
        )

    def answers(self, features: Floats) -> Floats:
        """(rows, targets, horizons, quantiles): logarithms relative to the rows' levels."""
        said = np.stack([self._trees[name].predict(features) for name in _names(self.grid)], axis=1)
        return said.reshape(len(features), len(TARGETS), len(self.grid.horizons), len(QUANTILES))

    def dump(self) -> Mapping[str, bytes]:
        return {LAYOUT: layout_of(self.grid), **{name: text.encode() for name, text in self.texts.items()}}

    def __getstate__(self) -> dict[str, Any]:
        return {"grid": self.grid, "texts": dict(self.texts)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @cached_property
    def _trees(self) -> dict[str, Trees]:
        columns = columns_of(self.grid)
        return {name: read_trees(text, features=columns) for name, text in self.texts.items()}


@dataclass(frozen=True, slots=True)
class LightGbm:
    name: str = _NAME
    libraries: tuple[str, ...] = ("lightgbm",)
    settings: LightGbmSettings = field(default_factory=LightGbmSettings)

    def fit(self, series: Sequence[Series]) -> FittedPool:
        """Raises MissingExtra without the library, TooLittleHistory under a week of history."""
        try:
            import lightgbm  # noqa: PLC0415 - heavy, and only for the worker
        except ImportError:
            raise MissingExtra("lightgbm", "ml", "the forecast model `lightgbm`") from None
        check_history(series, self.settings.history_min_s)
        grid = grid_of(series[0], self.settings.horizons_s)
        learnt = learn_from(series, grid, rows_max=self.settings.rows_max)
        texts = {}
        for row, target in enumerate(TARGETS):
            for column, horizon in enumerate(grid.horizons):
                wanted = learnt.outcomes[:, row, column]
                data = lightgbm.Dataset(
                    learnt.features, wanted, params=self._params(0.5), free_raw_data=False
                )
                for quantile in QUANTILES:
                    booster = lightgbm.train(self._params(quantile), data, self.settings.trees)
                    texts[_file(target, horizon, quantile)] = booster.model_to_string()
        return FittedLightGbm(grid, texts)

    def load(self, files: Mapping[str, bytes]) -> FittedPool:
        with reading(_NAME):
            grid, _ = read_layout(files)
            texts = {name: files[name].decode() for name in _names(grid)}
        fitted = FittedLightGbm(grid, texts)
        _ = fitted._trees  # noqa: SLF001 - read now, so that a damaged one is refused here and not in a tick
        return fitted

    def _params(self, quantile: float) -> dict[str, Any]:
        settings = self.settings
        return {
            "objective": "quantile",
            "alpha": quantile,
            "learning_rate": settings.learning_rate,
            "num_leaves": settings.leaves,
            "min_data_in_leaf": settings.rows_per_leaf_min,
            "feature_fraction": 0.8,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "max_bin": 127,
            "use_missing": False,
            "seed": 1,
            "deterministic": True,
            "force_row_wise": True,
            # With two threads on a busy machine a fit takes twenty times as long (they spin).
            "num_threads": 1,
            "verbosity": -1,
        }


def _names(grid: Grid) -> list[str]:
    return [
        _file(t, horizon, quantile) for t in TARGETS for horizon in grid.horizons for quantile in QUANTILES
    ]


def _file(target: str, horizon: int, quantile: float) -> str:
    return f"{target}-{horizon}-q{round(100 * quantile):02}.txt"
