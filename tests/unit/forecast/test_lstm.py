"""The recurrent network: what PyTorch learns is what numpy says, and it learns something."""

from dataclasses import replace

import numpy as np
import pytest

from foreroute.core.errors import TooLittleHistory
from foreroute.forecast.challenge import ChallengeSettings, score
from foreroute.forecast.lstm import Lstm, LstmSettings, _network
from foreroute.testing.samples import channels_with_days, noisy

SETTINGS = LstmSettings(rows_max=3000, epochs=3, past=24)


def test_numpy_says_what_torch_says() -> None:
    torch = pytest.importorskip("torch", reason="the extra `lstm` is not installed")
    torch.manual_seed(2)
    lstm, hidden, out = (
        torch.nn.LSTM(2, 5, batch_first=True),
        torch.nn.Linear(5 + 3, 7),
        torch.nn.Linear(7, 4),
    )
    rng = np.random.default_rng(1)
    recent, features = rng.normal(size=(11, 9, 2)), rng.normal(size=(11, 3))
    with torch.inference_mode():
        _, (state, _) = lstm(torch.tensor(recent, dtype=torch.float32))
        both = torch.cat([state[0], torch.tensor(features, dtype=torch.float32)], dim=1)
        wanted = out(torch.relu(hidden(both))).numpy()
        weights = {
            "w_in": lstm.weight_ih_l0.numpy(),
            "w_state": lstm.weight_hh_l0.numpy(),
            "b_state": (lstm.bias_ih_l0 + lstm.bias_hh_l0).numpy(),
            "w_hidden": hidden.weight.numpy(),
            "b_hidden": hidden.bias.numpy(),
            "w_out": out.weight.numpy(),
            "b_out": out.bias.numpy(),
        }
    np.testing.assert_allclose(_network(weights, recent, features), wanted, rtol=1e-4, atol=1e-5)


def test_it_beats_the_last_value_on_what_it_has_not_seen() -> None:
    pytest.importorskip("torch", reason="the extra `lstm` is not installed")
    series = channels_with_days(3, days=10.0)
    cut_at = series[0].end_at - 86_400.0
    older = [replace(one, values=one.values[:-288]) for one in series]
    fitted = Lstm(settings=SETTINGS).fit(older)
    found = score(series, {"lstm": fitted}, cut_at, ChallengeSettings(origins_max=300))
    assert found.ratios["lstm"] < 0.9


def test_under_a_week_it_does_not_learn() -> None:
    pytest.importorskip("torch", reason="the extra `lstm` is not installed")
    with pytest.raises(TooLittleHistory, match="and 7 are needed"):
        Lstm().fit([noisy(1440)])
