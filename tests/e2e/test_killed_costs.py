"""Killed while money is written down: what was answered is there once, in the ledger, its sums and the record of costs."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from tests.e2e import cost_writer

KILLS = int(os.environ.get("FOREROUTE_KILLS", "4"))
"""Fifty take some minutes."""
LEDGER = """
    SELECT count(*), count(DISTINCT request_id), coalesce(sum(cost_picousd), 0),
        coalesce(max(CAST(substr(request_id, 2) AS INTEGER)), -1)
    FROM ledger"""
FIXES = "SELECT count(*), count(DISTINCT request_id), coalesce(sum(delta_picousd), 0) FROM ledger_corrections"
SUMS = {
    "quarters": "SELECT sum(attempts), sum(micro) * 1000000 + sum(rest) FROM spend_quarters",
    "hours": "SELECT sum(attempts), sum(cost_picousd) FROM spend_hours",
    "keys": "SELECT NULL, sum(micro) * 1000000 + sum(rest) FROM key_hours",
}


def life(path: Path, first: int, wait_s: float) -> dict[str, set[int]]:
    """Runs the writer, kills it, and says what it had answered for."""
    command = [sys.executable, cost_writer.__file__, str(path), str(first)]
    answered: dict[str, set[int]] = defaultdict(set)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline().startswith("ready")
        timer = threading.Timer(wait_s, writer.send_signal, [signal.SIGKILL])
        timer.start()
        for line in writer.stdout:
            kind, _, number = line.partition(" ")
            if number.endswith("\n"):
                answered[kind].add(int(number))
        timer.join()
    assert writer.returncode == -signal.SIGKILL
    return answered


@pytest.mark.slow
def test_no_row_of_money_is_lost_or_doubled(tmp_path: Path) -> None:
    rng, path, first = Random(1), tmp_path / "store.db", 0
    known: dict[str, set[int]] = defaultdict(set)
    for _ in range(KILLS):
        for kind, numbers in life(path, first, rng.uniform(0.05, 0.6)).items():
            known[kind] |= numbers
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
            rows, different, pico, last = db.execute(LEDGER).fetchone()
            assert rows == different == last + 1, "every row up to the last one, once"
            assert last >= max(known["row"], default=-1), "what was answered is there"
            assert pico == last * (last + 1) // 2, "to the last pico-dollar"
            fixes, fixed, delta = db.execute(FIXES).fetchone()
            assert fixes == fixed >= len(known["fix"])
            assert delta == 7 * fixes
            for name, query in SUMS.items():
                attempts, total = db.execute(query).fetchone()
                assert attempts in (None, rows), name
                assert total == pico + delta, name
            said = {int(at) for (at,) in db.execute("SELECT start_at FROM cost_forecasts")}
            assert known["said"] <= said
            came = dict(
                db.execute("SELECT start_at, came_micro FROM cost_forecasts WHERE graded_at IS NOT NULL")
            )
            assert known["came"] <= {int(at) for at in came}
            assert all(micro == at + 1 for at, micro in came.items())
            sent = dict(db.execute("SELECT window, state FROM cost_reports_sent"))
            assert known["claim"] <= {int(name) for name in sent}
            assert all(sent[str(number)] == "sent" for number in known["sent"])
            assert sum(state == "begun" for state in sent.values()) <= KILLS, "one a kill at most is unsure"
        first = (last + 1) // cost_writer.BATCH * cost_writer.BATCH
    assert known["sent"], "it got as far as that"
