"""What was recorded is on disk; what is on disk is read once; what was stored is deleted."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.attempt import Attempt
from foreroute.monitor.collector import Collector
from foreroute.monitor.intake import Intake
from foreroute.monitor.journal import Journal
from foreroute.monitor.journal_reader import JournalReader
from foreroute.testing.sample_attempts import attempts as sample_attempts


def some(count: int) -> list[Attempt]:
    return list(sample_attempts(count))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_another_process_reads_each_attempt_once(tmp_path: Path) -> None:
    journal, reader = Journal(tmp_path, "one"), JournalReader(tmp_path, own="two")
    wanted = some(5)
    for attempt in wanted[:3]:
        journal.record(attempt)
    assert reader.poll() == wanted[:3]
    for attempt in wanted[3:]:
        journal.record(attempt)
    assert reader.poll() == wanted[3:]
    assert reader.poll() == []


def test_what_its_own_process_records_is_not_read_back(tmp_path: Path) -> None:
    Journal(tmp_path, "one").record(some(1)[0])
    assert JournalReader(tmp_path, own="one").poll() == []


def test_segments_go_when_they_are_stored_and_not_before(tmp_path: Path) -> None:
    intake = Intake(Collector())
    journal = Journal(tmp_path, "run")
    intake.keep_on_disk(journal)
    intake.read_from(JournalReader(tmp_path, own="run"))
    first, second, third = some(3)
    intake.record(first)
    assert intake.drain() == [first]
    intake.record(second)
    assert len(files(tmp_path)) == 2
    intake.saved()
    assert files(tmp_path) == ["run-000001.attempts"], "the second attempt is not stored yet"
    intake.record(third)
    assert intake.drain() == [second, third]
    intake.saved()
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [0]
    intake.close()
    assert files(tmp_path) == []


def test_a_long_run_without_a_drain_makes_many_segments_and_loses_none(tmp_path: Path) -> None:
    wanted = some(40)
    journal = Journal(tmp_path, "run", bytes_max=1000)
    for attempt in wanted:
        journal.record(attempt)
    assert len(files(tmp_path)) > 5
    assert JournalReader(tmp_path, own="other").poll() == wanted


def test_a_full_disk_is_counted_and_does_not_stop_the_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal, wanted = Journal(tmp_path, "run"), some(3)
    write = os.write

    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    def half(file: int, data: bytes) -> int:
        return write(file, data[: len(data) // 2])

    for broken in (full, half):
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", broken)
            journal.record(wanted[0])
    journal.record(wanted[1])
    assert journal.unwritten == 2
    assert JournalReader(tmp_path, own="other").poll() == [wanted[1]]
    assert [record.message for record in caplog.records] == ["journal_not_written", "journal_lines_torn"]


@given(st.integers(0, 2000))
def test_a_line_that_was_cut_by_death_costs_itself_only(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal, wanted = Journal(folder, "dead"), some(3)
    for attempt in wanted:
        journal.record(attempt)
    (path,) = folder.iterdir()
    data = path.read_bytes()
    journal.roll()
    path.write_bytes(data[: cut % (len(data) + 1)])
    lines = path.read_bytes().count(b"\n")
    assert JournalReader(folder, own="next").poll() == wanted[:lines]


def test_a_killed_process_leaves_its_attempts_and_lets_go_of_the_lock(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from foreroute.monitor.journal import Journal\n"
        "from foreroute.testing.sample_attempts import attempts\n"
        "journal = Journal(Path(sys.argv[1]), 'dead')\n"
        "for attempt in attempts(4): journal.record(attempt)\n"
        "print('ready', flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, timeout=60, check=False
    )
    assert done.stdout == b"ready\n"
    reader = JournalReader(tmp_path, own="next")
    assert reader.poll() == some(4)
    assert files(tmp_path) == ["dead-000000.attempts"]
    reader.mark()
    reader.saved()
    assert files(tmp_path) == []


def test_a_living_process_keeps_its_segment(tmp_path: Path) -> None:
    journal, reader = Journal(tmp_path, "alive"), JournalReader(tmp_path, own="other")
    journal.record(some(1)[0])
    reader.poll()
    reader.mark()
    reader.saved()
    assert files(tmp_path) == ["alive-000000.attempts"]


def test_what_came_after_the_drain_is_kept(tmp_path: Path) -> None:
    counted = Collector()
    intake = Intake(Collector(), counted)
    intake.read_from(JournalReader(tmp_path, own="parent"))
    wanted, journal = some(2), Journal(tmp_path, "worker")
    journal.record(wanted[0])
    assert intake.drain() == [wanted[0]]
    journal.record(wanted[1])
    journal.close()
    intake.pump()
    intake.saved()
    assert files(tmp_path) == ["worker-000000.attempts"], "its last attempt is not stored yet"
    assert intake.drain() == [wanted[1]]
    intake.saved()
    assert files(tmp_path) == []
    assert counted.drain() == wanted


def test_a_journal_that_another_process_reads_goes_on_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foreroute.monitor.journal._FULL_MAX", 3)
    journal, reader = Journal(tmp_path, "worker", bytes_max=500), JournalReader(tmp_path, own="parent")
    open_before, wanted, got = len(files(Path("/proc/self/fd"))), some(60), list[Attempt]()
    for start in range(0, 60, 3):
        for attempt in wanted[start : start + 3]:
            journal.record(attempt)
        got += reader.poll()
        reader.mark()
        reader.saved()
    assert got == wanted
    assert journal.unwritten == 0
    assert len(files(tmp_path)) <= 2
    assert len(files(Path("/proc/self/fd"))) == open_before


def test_a_segment_that_cannot_be_made_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal, wanted = Journal(tmp_path, "run"), some(3)
    journal.record(wanted[0])
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", no_more_files)
        assert journal.roll() == -1, "the present one goes on"
    journal.forget(0)
    journal.record(wanted[1])
    assert journal.roll() == 0
    journal.record(wanted[2])
    assert JournalReader(tmp_path, own="other").poll() == wanted
    assert [record.message for record in caplog.records] == ["journal_segment_not_made"]


def no_more_files(*_: object) -> int:
    raise OSError(24, "Too many open files")


def test_what_was_written_before_tuning_was_there_can_be_read(tmp_path: Path) -> None:
    journal, wanted = Journal(tmp_path, "run"), some(12)
    for attempt in wanted:
        journal.record(attempt)
    (path,) = tmp_path.iterdir()
    new = ("connect_s", "gap_max_s", "canary", "leash", "rate_limits")
    rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert any(name in orjson.dumps(row).decode() for row in rows for name in new)
    older = [_without(row, new) for row in rows]
    (tmp_path / "old-000000.attempts").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in older))
    path.unlink()
    read = JournalReader(tmp_path, own="other").poll()
    assert read == [
        replace(one, connect_s=None, gap_max_s=None, canary="", leash=False, rate_limits=None)
        for one in wanted
    ]


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _without(one, names) for key, one in value.items() if key not in names}
    return [_without(one, names) for one in value] if isinstance(value, list) else value
