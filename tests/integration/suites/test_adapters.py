"""The tests of the adapter library, run where that library can be installed."""

import asyncio
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = ("tests/unit/gateway/test_any_llm.py", "tests/integration/gateway/test_any_llm.py")


@pytest.mark.slow
@pytest.mark.service("adapters")
async def test_gemini_and_bedrock_through_the_adapter_library() -> None:
    process = await asyncio.create_subprocess_exec(
        *(str(ROOT / ".clients/adapters/bin/python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", *FILES),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src", "FOREROUTE_REQUIRE_SERVICES": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(300.0):
        said, _ = await process.communicate()
    text = said.decode()
    assert process.returncode == 0, text
    assert " passed" in text
    assert "skipped" not in text
