"""LlamaIndex, in a process and an environment of its own."""

from pathlib import Path

import pytest
from tests.integration.suites.conftest import LLAMA_INDEX

HERE = Path(__file__).parent / "llama_index"


@pytest.mark.service("llama-index")
async def test_llama_index_sees_what_it_expects(house, run_json):
    seen = await run_json(str(LLAMA_INDEX), "smoke.py", f"{house.url}/v1", "gpt-5-fake", cwd=HERE)
    assert seen == {
        "chat": "I am gpt-a.",
        "stream": "I am gpt-a.",
        "tool": ["weather", {"city": "value"}],
    }
