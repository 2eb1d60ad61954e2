"""The same faults for Foreroute and for the peers that are installed (`bench/gateway/peers.md`), in one table.

An upstream with the faults, the gateway and a neutral client are three processes on loopback. `--quick` takes only
Foreroute through them, all in one process and the slow ones less often. What a good answer is, is a rule (`grade.py`), not an opinion.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.faults.catalogue import FAULTS, Fault
from bench.faults.grade import Cell
from bench.faults.runner import cells_of
from bench.faults.table import document, rows_of
from bench.faults.upstream import upstream
from bench.peers import FOREROUTE, Gateway, installed, missing_note
from bench.report import Row

_SLOW_QUICK: Final = 3
"""Requests of a slow fault when it has to be quick."""


def run(*, quick: bool) -> list[Row]:
    if quick:
        faults = [replace(fault, requests=_SLOW_QUICK) if fault.is_slow else fault for fault in FAULTS]
        return rows_of(measure([FOREROUTE], faults, fresh=False), faults)
    if note := missing_note():
        print(note, file=sys.stderr)
    return rows_of(measure((FOREROUTE, *installed()), FAULTS), FAULTS)


def measure(
    gateways: Sequence[Gateway], faults: Sequence[Fault], *, fresh: bool = True
) -> dict[str, dict[str, Cell]]:
    """Gateway → fault → cell. `fresh`: gateways that need it get a process for each fault."""
    found = {}
    with upstream(faults) as wrong, tempfile.TemporaryDirectory(prefix="bench-faults-") as folder:
        for gateway in gateways:
            print(f"faults: {gateway.name}", file=sys.stderr)
            room = Path(folder) / gateway.name
            room.mkdir()
            found[gateway.name] = asyncio.run(
                cells_of(gateway, faults, wrong, room, fresh=fresh and gateway.fresh)
            )
    return found


__all__ = ["document", "measure", "run"]
