"""A small recurrent network over all channels of a metric (LSTM, Hochreiter & Schmidhuber 1997; extra `lstm`).

It reads the last hour step by step beside the features of `rows.py` and says quantiles of the asked-for numbers. PyTorch
learns it, in a worker; answers are computed in numpy.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from foreroute.forecast.rows import DAY_S, Grid, feature_rows, grid_of, latest_past, recent_steps
from foreroute.forecast.values import Floats

_NAME: Final = "lstm"
_NUMBERS: Final = "weights.npz"
_WEIGHTS: Final = ("w_in", "w_state", "b_state", "w_hidden", "b_hidden", "w_out", "b_out")


@dataclass(frozen=True, slots=True, kw_only=True)
class LstmSettings:
    """Small enough for one core: some minutes to learn from the history of a hundred channels."""

    horizons_s: tuple[float, ...] = (900.0, 3600.0)
    history_min_s: float = 7 * DAY_S
    rows_max: int = 30_000
    past: int = 60
    """Steps that are read one by one."""
    units: int = 24
    hidden: int = 32
    epochs: int = 4
    batch: int = 256
    learning_rate: float = 3e-3


@dataclass(frozen=True, slots=True)
class FittedLstm:
    """`weights` by name, as `_WEIGHTS` lists them: the layout of PyTorch, gates in the order input, forget, cell, output."""

    grid: Grid
    past: int
    weights: Mapping[str, Floats]

    def forecast(self, series: Sequence[Series], *, steps: int) -> tuple[Forecast, ...]:
        if not series:
            return ()
        past, origins_at = latest_past(series, self.grid)
        rows = feature_rows(past, origins_at, self.grid)
        said = _network(self.weights, recent_steps(past, rows.levels, self.past), rows.features)
        shape = (len(series), len(TARGETS), len(self.grid.horizons), len(QUANTILES))
        return direct_forecasts(
            series, said.reshape(shape), rows.levels, grid=self.grid, steps=steps, model=_NAME
        )

    def dump(self) -> Mapping[str, bytes]:
        raw = io.BytesIO()
        np.savez(raw, allow_pickle=False, **{name: self.weights[name] for name in _WEIGHTS})
        return {LAYOUT: layout_of(self.grid, past=self.past), _NUMBERS: raw.getvalue()}


@dataclass(frozen=True, slots=True)
class Lstm:
    name: str = _NAME
    libraries: tuple[str, ...] = ("torch",)
    settings: LstmSettings = field(default_factory=LstmSettings)

    def fit(self, series: Sequence[Series]) -> FittedPool:
        """Raises MissingExtra without PyTorch, TooLittleHistory under a week of history."""
        try:
            import torch  # noqa: PLC0415 - heavy, and only for the worker
        except ImportError:
            raise MissingExtra("torch", "lstm", "the forecast model `lstm`") from None
        settings = self.settings
        check_history(series, settings.history_min_s)
        grid = grid_of(series[0], settings.horizons_s)
        learnt = learn_from(series, grid, rows_max=settings.rows_max, past=settings.past)
        weights = _learn(torch, learnt.recent, learnt.features, learnt.outcomes, settings)
        return FittedLstm(grid, settings.past, weights)

    def load(self, files: Mapping[str, bytes]) -> FittedPool:
        with reading(_NAME):
            grid, layout = read_layout(files)
            with np.load(io.BytesIO(files[_NUMBERS]), allow_pickle=False) as stored:
                weights = {name: np.asarray(stored[name], dtype=np.float64) for name in _WEIGHTS}
            fitted = FittedLstm(grid, int(layout["past"]), weights)
            _network(weights, np.zeros((1, fitted.past, 2)), np.zeros((1, columns_of(grid))))
        return fitted


def _network(weights: Mapping[str, Floats], recent: Floats, features: Floats) -> Floats:
    """(rows, outputs) from `recent` (rows, past, 2) and `features` (rows, columns)."""
    units = weights["w_state"].shape[1]
    state = np.zeros((len(recent), units))
    cell = np.zeros((len(recent), units))
    for step in range(recent.shape[1]):
        gates = recent[:, step] @ weights["w_in"].T + state @ weights["w_state"].T + weights["b_state"]
        enter, forget, new, leave = np.split(gates, 4, axis=1)
        cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(new)
        state = _sigmoid(leave) * np.tanh(cell)
    both = np.concatenate([state, features], axis=1)
    hidden = np.maximum(both @ weights["w_hidden"].T + weights["b_hidden"], 0.0)
    return np.asarray(hidden @ weights["w_out"].T + weights["b_out"], dtype=np.float64)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)), dtype=np.float64)


def _learn(
    torch: Any, recent: Floats, features: Floats, outcomes: Floats, settings: LstmSettings
) -> dict[str, Floats]:
    """Weights that make the quantile (pinball) loss small; the same at every call."""
    torch.set_num_threads(1)
    rows = len(recent)
    outputs = outcomes.shape[1] * outcomes.shape[2] * len(QUANTILES)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        lstm = torch.nn.LSTM(2, settings.units, batch_first=True)
        hidden = torch.nn.Linear(settings.units + features.shape[1], settings.hidden)
        out = torch.nn.Linear(settings.hidden, outputs)
        parameters = [*lstm.parameters(), *hidden.parameters(), *out.parameters()]
        steps = torch.optim.Adam(parameters, lr=settings.learning_rate)
        batches = settings.epochs * (-(-rows // settings.batch))
        rate = torch.optim.lr_scheduler.CosineAnnealingLR(steps, batches)
        x, f = (torch.tensor(one, dtype=torch.float32) for one in (recent, features))
        y = torch.tensor(outcomes.reshape(rows, -1, 1), dtype=torch.float32)
        levels = torch.tensor(QUANTILES)
        for _ in range(settings.epochs):
            for chosen in torch.randperm(rows).split(settings.batch):
                _, (state, _) = lstm(x[chosen])
                both = torch.cat([state[0], f[chosen]], dim=1)
                said = out(torch.relu(hidden(both))).reshape(len(chosen), -1, len(QUANTILES))
                missed = y[chosen] - said
                loss = torch.maximum(levels * missed, (levels - 1.0) * missed).mean()
                steps.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                steps.step()
                rate.step()
    found = {
        "w_in": lstm.weight_ih_l0,
        "w_state": lstm.weight_hh_l0,
        "b_state": lstm.bias_ih_l0 + lstm.bias_hh_l0,
        "w_hidden": hidden.weight,
        "b_hidden": hidden.bias,
        "w_out": out.weight,
        "b_out": out.bias,
    }
    return {name: np.asarray(one.detach().numpy(), dtype=np.float64) for name, one in found.items()}
