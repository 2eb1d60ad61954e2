"""Rows that are made of figures which others have taken."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

from bench.gateway.driver import Load
from bench.peers.process import rss_bytes
from bench.report import Row


def added_row(turns: Sequence[tuple[Load, Load]], rank: float, name: str, users: int) -> Row:
    """`turns`: the upstream asked directly, and through the gateway."""
    direct = median(alone.quantile(rank) for alone, _ in turns)
    return Row(
        id=f"gateway.added_{name}_ms",
        what=f"added latency, {name}",
        value=median(through.quantile(rank) - alone.quantile(rank) for alone, through in turns),
        unit="ms",
        baseline=f"direct {name} {direct:.1f} ms",
        how=(
            f"added latency: {name} of plain answers through the gateway minus that of the upstream asked directly, "
            f"{users} users in a closed loop who start spread over 50 ms, upstream answers after 50 ms; the median of "
            f"{len(turns)} turns of both, {sum(through.requests for _, through in turns)} requests through the gateway."
        ),
    )


def memory_row(pid: int) -> Row:
    return Row(
        id="gateway.rss_mb",
        what="resident memory after the load",
        value=rss_bytes(pid) / 1024**2,
        unit="MB",
        how="rss: VmRSS of the serving process after all loads, its fit worker apart.",
    )


def ready_row(ready_s: float) -> Row:
    return Row(
        id="gateway.ready_s",
        what="from start to the first readiness",
        value=ready_s,
        unit="s",
        how="ready: wall clock from starting `foreroute serve` on an empty store until /health/readiness says 200.",
    )


def lost_row(sent: int, store: Path) -> Row:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        (booked,) = db.execute("SELECT count(*) FROM ledger").fetchone()
        (rolled,) = db.execute("SELECT coalesce(sum(attempts), 0) FROM rollups").fetchone()
    return Row(
        id="gateway.lost_attempts",
        what="requests without a ledger row or a rollup",
        value=max(abs(sent - booked), abs(sent - rolled)),
        unit="",
        target="0",
        holds=sent == booked == rolled,
        baseline=f"{sent} requests",
        how="lost: requests that the driver saw answered against ledger rows and rollups in SQLite after SIGTERM.",
    )


def ratio_rows(own: str, costs: Mapping[str, Sequence[float]]) -> list[Row]:
    """`costs`: gateway → CPU milliseconds per request, turn by turn."""
    ours = median(costs[own])
    return [
        Row(
            id=f"gateway.cpu_ratio.{name}",
            what=f"CPU of a plain request: {name} against {own}",
            value=median(found) / ours,
            unit="×",
            baseline=f"{name} {median(found):.2f} ms, {own} {ours:.2f} ms",
            how=(
                "cpu ratio: user and system time per plain request of all processes of a gateway, 8 users in a closed "
                f"loop, same upstream and driver, the gateways one after the other in each of {len(found)} turns; medians."
            ),
        )
        for name, found in costs.items()
        if name != own
    ]
