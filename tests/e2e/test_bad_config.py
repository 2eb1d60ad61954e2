"""The program as a user starts it: a bad file ends with exit code 3 and one clear message, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "data/config"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_check_refuses_a_bad_file(path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FOREROUTE_")}
    done = subprocess.run(
        [sys.executable, "-m", "foreroute", "check", str(path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith(f"{path}:")
    assert "Traceback" not in done.stderr
