"""The tests of Prophet, the LSTM and the foundation models, run where their libraries can be installed."""

import asyncio
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = (
    "tests/contract/test_pooled_forecasters.py",
    "tests/unit/forecast/test_prophet.py",
    "tests/unit/forecast/test_lstm.py",
)


@pytest.mark.slow
@pytest.mark.service("models")
async def test_prophet_the_lstm_and_foundation_models() -> None:
    process = await asyncio.create_subprocess_exec(
        *(str(ROOT / ".clients/models/bin/python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", *FILES),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src:.", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(600.0):
        said, _ = await process.communicate()
    text = said.decode()
    assert process.returncode == 0, text
    assert " passed" in text
    assert "skipped" not in text
