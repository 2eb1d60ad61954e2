"""The tests of Prophet, the LSTM and the foundation models, run where their libraries can be installed."""

import pytest
from tests.integration.suites.apart import pass_apart

FILES = (
    "tests/contract/test_pooled_forecasters.py",
    "tests/unit/forecast/test_prophet.py",
    "tests/unit/forecast/test_lstm.py",
)


@pytest.mark.slow
@pytest.mark.service("models")
async def test_prophet_the_lstm_and_foundation_models() -> None:
    await pass_apart("models", FILES, within_s=600.0, HF_HUB_OFFLINE="1")
