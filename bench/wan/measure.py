"""What users of each place saw, as figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench.report import Row
from bench.wan.network import Process
from bench.wan.world import PROVIDER_MS, far_ms

_LATE: Final = 1.5
"""A first byte this many times as late as from the next nearest region tells that nobody has noticed yet."""
_P95_MS, _FAILOVER_S, _FAILED, _NEAREST = 200.0, 5.0, 0.001, 0.95
_LATENCY_HOW: Final = (
    "latency: time to the first byte of a streamed answer as users see it, from a gateway in their place, 20 requests/s in each "
    f"place; the provider's own time is {PROVIDER_MS:g} ms. Real round trips, TUN devices between network namespaces."
)
_LOSS_HOW: Final = (
    "losses: the nearest region's packets are dropped for 7 s, region after region; moved: from the drop to the last request "
    "that began and then failed, or waited for its first byte half as long again as the next nearest region takes."
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request. Seconds of the machine's monotonic clock."""

    started: float
    first: float | None
    ended: float
    status: int
    channel: str

    @property
    def wait_s(self) -> float:
        return float("inf") if self.first is None or self.status != 200 else self.first - self.started


@dataclass(frozen=True, slots=True)
class Loss:
    region: str
    cut_at: float
    mended_at: float


def read_users(process: Process) -> list[Seen]:
    """Tells the users to go home and takes down what they saw."""
    process.process.communicate()
    assert process.out is not None
    return [Seen(*json.loads(line)) for line in process.out.read_text().splitlines()]


def latency_rows(
    seen: Mapping[str, Sequence[Seen]], direct: Mapping[str, Sequence[Seen]], calm: tuple[float, float]
) -> list[Row]:
    rows = []
    nearest = total = 0
    for region, requests in seen.items():
        mine = [one for one in requests if calm[0] <= one.started < calm[1]]
        own = [one.wait_s for one in direct[region]]
        through, alone = 1000.0 * _rank([one.wait_s for one in mine], 0.95), 1000.0 * _rank(own, 0.95)
        total += len(mine)
        nearest += sum(one.channel == region for one in mine)
        rows.append(
            Row(id=f"wan.p95_ms.{region}", what=f"first byte for users in {region}, p95", value=through, unit="ms",
                target=f"< {_P95_MS:g}", holds=through < _P95_MS, baseline=f"without a gateway {alone:.0f} ms",
                how=_LATENCY_HOW)
        )  # fmt: skip
        rows.append(
            Row(id=f"wan.added_p95_ms.{region}", what=f"of that the gateway's, {region}", value=through - alone, unit="ms",
                how=_LATENCY_HOW)
        )  # fmt: skip
    ratio = nearest / total
    worst = max(row.value for row in rows if row.id.startswith("wan.p95_ms."))
    return [
        *rows,
        Row(id="wan.p95_ms", what="first byte for users of the slowest place, p95", value=worst, unit="ms",
            target=f"< {_P95_MS:g}", holds=worst < _P95_MS, how=_LATENCY_HOW),
        Row(id="wan.nearest_ratio", what="requests served by the nearest region while all are well", value=ratio, unit="ratio",
            target=f"≥ {_NEAREST:g}", holds=ratio >= _NEAREST, baseline=f"of {total}", how=_LATENCY_HOW),
    ]  # fmt: skip


def failover_rows(seen: Mapping[str, Sequence[Seen]], losses: Sequence[Loss], out_s: float) -> list[Row]:
    moved, back, failed, asked = [], [], 0, 0
    for loss in losses:
        if not _serves(loss, seen[loss.region]):
            continue  # it had not come back from its last loss: that it goes again moves nobody
        mine = [one for one in seen[loss.region] if loss.cut_at <= one.started < loss.mended_at]
        asked += len(mine)
        failed += sum(one.status != 200 for one in mine)
        moved.append(_moved_s(loss, mine))
        back.append(_back_s(loss, seen[loss.region]))
    p99 = _rank(moved, 0.99)
    ratio = failed / asked if asked else 0.0
    spread = ", ".join(f"{value:.2f}" for value in sorted(moved))
    return [
        Row(id="wan.failover_p99_s", what=f"until traffic has moved when a region is gone, p99 of {len(moved)}", value=p99,
            unit="s", target=f"< {_FAILOVER_S:g}", holds=max(moved) < _FAILOVER_S,
            baseline=f"median {median(moved):.2f} s", how=_LOSS_HOW, cells={"sorted": spread}),
        Row(id="wan.failed_ratio", what="requests that failed for users while their region was gone", value=ratio, unit="ratio",
            target=f"≤ {_FAILED:g}", holds=ratio <= _FAILED, baseline=f"{failed} of {asked}", how=_LOSS_HOW),
        Row(id="wan.back_s", what=f"until the nearest region serves half again after {out_s:g} s away, median",
            value=median(back), unit="s", how=_LOSS_HOW),
    ]  # fmt: skip


def _serves(loss: Loss, requests: Sequence[Seen]) -> bool:
    before = [one for one in requests if loss.cut_at - 2.0 <= one.started < loss.cut_at]
    return sum(one.channel == loss.region for one in before) * 2 > len(before)


def _moved_s(loss: Loss, requests: Sequence[Seen]) -> float:
    others = sorted(
        far_ms(loss.region, other)
        for other in ("us-east-1", "eu-west-1", "ap-northeast-1")
        if other != loss.region
    )
    bearable_s = _LATE * (others[0] + PROVIDER_MS) / 1000.0
    late = [one.started for one in requests if one.wait_s > bearable_s]
    return max(late) - loss.cut_at if late else 0.0


def _back_s(loss: Loss, requests: Sequence[Seen]) -> float:
    """Seconds after the mend until half of a second's requests are served near by again; infinity within what was seen."""
    after = [one for one in requests if one.started >= loss.mended_at]
    for second in range(60):
        begun = loss.mended_at + second
        mine = [one for one in after if begun <= one.started < begun + 1.0]
        if mine and sum(one.channel == loss.region for one in mine) * 2 >= len(mine):
            return float(second)
    return float("inf")


def _rank(values: Sequence[float], rank: float) -> float:
    """The value at this rank, the larger of two."""
    found = sorted(values)
    return found[min(len(found) - 1, int(rank * len(found)))]
