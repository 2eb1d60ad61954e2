"""The demo without a page: what its users saw, and how early the forecast acted.

`make bench NAME=demo`; three seeds, one with `--quick`. Real processes, real HTTP on loopback, ninety simulated minutes
in ninety seconds each.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from bench.report import Row

_SEEDS: Final = (1, 2, 3)
_SECONDS: Final = 90
_HOW: Final = (
    "demo: `foreroute demo --headless --seconds 90 --json`, real processes and HTTP on loopback, virtual time; seeds {}. "
    "A forecast is early when a decision with the reason `forecast` comes before the channel's true p95 crosses its limit."
)


def run(*, quick: bool) -> list[Row]:
    seeds = _SEEDS[:1] if quick else _SEEDS
    return rows_of(seeds, [_play(seed) for seed in seeds])


def _play(seed: int) -> dict[str, Any]:
    command = (
        *(sys.executable, "-m", "foreroute", "demo", "--headless", "--json"),
        *("--seconds", str(_SECONDS), "--seed", str(seed)),
    )
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20 * _SECONDS)
    if not done.stdout.strip():
        raise RuntimeError(f"the demo said nothing: {done.stderr[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows_of(seeds: Sequence[int], found: Sequence[dict[str, Any]]) -> list[Row]:
    requests = sum(one["requests"] for one in found)
    failed = sum(one["client_failures"] for one in found)
    lost = sum(one["lost_attempts"] for one in found)
    leads = [lead_min(one["decisions"]) for one in found]
    known = [lead for lead in leads if lead is not None]
    how = _HOW.format(", ".join(map(str, seeds)))
    rows = [
        Row(id="demo.failed_requests", what="requests that failed for users", value=failed, unit="", target="0",
            holds=failed == 0, baseline=f"of {requests}", how=how),
        Row(id="demo.lost_attempts", what="attempts lost between gateway, rollups and ledger", value=lost, unit="",
            target="0", holds=lost == 0, baseline=f"of {sum(one['attempts']['gateway'] for one in found)}", how=how),
        Row(id="demo.error_ratio", what="error of the forecasts over that of the last value",
            value=sum(one["forecast_error"] for one in found) / sum(one["naive_error"] for one in found),
            unit="ratio", target="< 1", holds=all(one["forecast_error"] < one["naive_error"] for one in found), how=how),
    ]  # fmt: skip
    if known:
        early = sum(lead > 0 for lead in known)
        rows.append(
            Row(id="demo.lead_min", what="minutes from the forecast's first move to the crossing, median",
                value=median(known), unit="min", target="> 0", holds=early == len(found),
                baseline=f"early in {early} of {len(found)}", how=how)
        )  # fmt: skip
    return rows


def lead_min(decisions: Sequence[dict[str, Any]]) -> float | None:
    """Minutes by which the first move for a forecast came before the crossing that it was about; None without one."""
    for one in decisions:
        if one["reason"] == "forecast" and one["applied"] and one["slo_crossed_at"] is not None:
            return float(one["slo_crossed_at"] - one["at"]) / 60.0
    return None
