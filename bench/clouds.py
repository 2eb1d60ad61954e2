"""How many clouds pass the contract: the same gateway and client, another proof of who is calling.

`make bench NAME=clouds` runs `tests/integration/clouds/` and counts. Servers on loopback that let nobody in without the
cloud's own proof; what signs and fetches tokens are the clouds' own kits.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from bench.report import Row
from bench.version import ROOT

_KINDS: Final = {
    "aws": ("aws", "aws_key"),
    "gcp": ("gcp",),
    "azure": ("azure", "azure_key"),
    "plain": ("plain",),
}
_HOW: Final = (
    "clouds: tests/integration/clouds, each cloud's kit against servers on loopback that check its proof."
)


def run(*, quick: bool) -> list[Row]:  # noqa: ARG001 - it takes some fifteen seconds
    with tempfile.TemporaryDirectory(prefix="foreroute-clouds-") as folder:
        report = Path(folder) / "report.xml"
        command = (sys.executable, "-m", "pytest", "tests/integration/clouds", "-q", f"--junitxml={report}")
        subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        return rows_of(report.read_text(encoding="utf-8"))


def rows_of(report: str) -> list[Row]:
    """`report`: what pytest says, as JUnit's XML."""
    passed: dict[str, int] = {}
    failed: set[str] = set()
    moved = False
    for case in ET.fromstring(report).iter("testcase"):
        name, _, kind = str(case.get("name")).rstrip("]").partition("[")
        bad = any(case.find(word) is not None for word in ("failure", "error", "skipped"))
        if not kind:
            moved |= name == "test_a_route_moves_by_one_line" and not bad
        elif bad:
            failed.add(kind)
        else:
            passed[kind] = passed.get(kind, 0) + 1
    good = [
        cloud
        for cloud, kinds in _KINDS.items()
        if cloud != "plain" and all(passed.get(kind) and kind not in failed for kind in kinds)
    ]
    return [
        Row(id="clouds.contract", what="clouds that pass the contract", value=len(good), unit="clouds", target="≥ 3",
            holds=len(good) >= 3, baseline=", ".join(good) or None, how=_HOW),
        Row(id="clouds.moves", what="a route moves through three clouds and back by one line each", value=int(moved),
            unit="", target="1", holds=moved, how=_HOW),
    ]  # fmt: skip
