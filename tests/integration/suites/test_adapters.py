"""The tests of the adapter library, run where that library can be installed."""

import pytest
from tests.integration.suites.apart import pass_apart

FILES = ("tests/unit/gateway/test_any_llm.py", "tests/integration/gateway/test_any_llm.py")


@pytest.mark.slow
@pytest.mark.service("adapters")
async def test_gemini_and_bedrock_through_the_adapter_library() -> None:
    await pass_apart("adapters", FILES, within_s=300.0, FOREROUTE_REQUIRE_SERVICES="1")
