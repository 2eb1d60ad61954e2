"""Tests that need an environment of their own, run in it."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]


async def pass_apart(name: str, files: Sequence[str], *, within_s: float, **environment: str) -> None:
    """All tests of `files` pass in `.clients/NAME`, and none of them is skipped."""
    python = str(ROOT / ".clients" / name / "bin/python")
    process = await asyncio.create_subprocess_exec(
        *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src:.", "OMP_NUM_THREADS": "1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(within_s):
        said, _ = await process.communicate()
    text = said.decode()
    assert process.returncode == 0, text
    assert " passed" in text
    assert "skipped" not in text
