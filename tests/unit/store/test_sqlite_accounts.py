"""What only a shared file can do: be fought over by processes, be locked, be left by a killed one, be damaged."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from foreroute.core.accounts import Ask, Crossing, Refusal, Spent, Ticket
from foreroute.core.errors import StoreCorrupt, StoreUnavailable
from foreroute.core.ids import KeyId
from foreroute.core.keys import Budget, Limits, Scope, ScopeId
from foreroute.core.windows import Window
from foreroute.store.sqlite_accounts import SqliteAccounts

AT = 1_772_442_000.0
LEASE_S = 900.0
ONE = Scope(ScopeId("key:k"), Limits(budgets=(Budget(Decimal(5), Window.DAY),), parallel_max=100))
ASK = Ask(KeyId("k"), None, (ONE,), 0, Decimal("0.01"))
SPENT = Spent(0, Decimal("0.01"))
PROCESS = """
import sys
from pathlib import Path
sys.path[:0] = [{folder!r}]
from test_sqlite_accounts import ASK, AT, LEASE_S, SPENT
from foreroute.core.accounts import Ticket
from foreroute.store.sqlite_accounts import SqliteAccounts
accounts = SqliteAccounts.open(Path(sys.argv[1]), lease_s=LEASE_S, busy_s=20.0)
print("ready", flush=True)
sys.stdin.readline()
served = 0
for number in range({asks}):
    answer = accounts.admit(ASK, AT)
    if isinstance(answer, Ticket):
        served += 1
        print(served, flush=True) if {talk} else None
        accounts.settle(answer, SPENT, AT) if {settle} else None
accounts.close()
print("served", served, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.db"


@pytest.fixture
def accounts(path: Path) -> Iterator[SqliteAccounts]:
    with closing(SqliteAccounts.open(path, lease_s=LEASE_S, busy_s=0.01)) as opened:
        yield opened


def process(path: Path, *, asks: int, settle: bool = True, talk: bool = False) -> "subprocess.Popen[str]":
    code = PROCESS.format(folder=str(Path(__file__).parent), asks=asks, settle=settle, talk=talk)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def go(*processes: "subprocess.Popen[str]") -> None:
    for one in processes:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()


def state(accounts: SqliteAccounts, at: float = AT) -> tuple[int, Decimal, Decimal]:
    found = accounts.standing(ONE, at)
    balance = found.balances[Window.DAY]
    return found.parallel, balance.spent_usd, balance.reserved_usd


def test_four_processes_spend_one_budget_to_the_cent_and_no_further(
    path: Path, accounts: SqliteAccounts
) -> None:
    four = [process(path, asks=400) for _ in range(4)]
    go(*four)
    served = [one.communicate(timeout=60)[0].split() for one in four]
    assert [one.returncode for one in four] == [0] * 4
    assert sum(int(words[-1]) for words in served) == 500
    assert state(accounts) == (0, Decimal(5), Decimal(0))


def test_what_a_killed_process_had_reserved_is_free_when_its_leases_run_out(
    path: Path, accounts: SqliteAccounts
) -> None:
    with process(path, asks=3, settle=False, talk=True) as killed:
        go(killed)
        assert killed.stdout is not None
        while killed.stdout.readline() != "3\n":
            pass
        killed.send_signal(signal.SIGKILL)
    assert state(accounts) == (3, Decimal(0), Decimal("0.03"))
    assert state(accounts, AT + LEASE_S - 1.0) == (3, Decimal(0), Decimal("0.03"))
    assert state(accounts, AT + LEASE_S) == (0, Decimal(0), Decimal(0))


def test_a_process_killed_at_work_leaves_a_file_that_adds_up(path: Path, accounts: SqliteAccounts) -> None:
    with process(path, asks=100_000, talk=True) as killed:
        go(killed)
        assert killed.stdout is not None
        while killed.stdout.readline() != "150\n":
            pass
        killed.send_signal(signal.SIGKILL)
    parallel, spent, reserved = state(accounts)
    assert parallel in (0, 1)
    assert reserved == parallel * Decimal("0.01")
    assert Decimal("1.49") <= spent <= 5
    assert state(accounts, AT + LEASE_S)[::2] == (0, Decimal(0))


def test_a_locked_file_refuses_to_admit_and_settles_later_but_once(
    path: Path, accounts: SqliteAccounts
) -> None:
    first, second = accounts.admit(ASK, AT), accounts.admit(ASK, AT)
    assert isinstance(first, Ticket)
    assert isinstance(second, Ticket)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"accounts\.db is locked by another process"):
            accounts.admit(ASK, AT)
        assert accounts.settle(first, SPENT, AT) == ()
        assert accounts.settle(first, SPENT, AT) == ()
        other.execute("ROLLBACK")
    accounts.settle(second, Spent(0, None), AT)
    assert not accounts._due
    assert not accounts._scopes
    accounts.settle(first, SPENT, AT)
    assert state(accounts) == (0, Decimal("0.02"), Decimal(0))


def test_a_crossing_that_was_settled_late_is_reported_with_the_next(
    path: Path, accounts: SqliteAccounts
) -> None:
    first, second = accounts.admit(ASK, AT), accounts.admit(ASK, AT)
    assert isinstance(first, Ticket)
    assert isinstance(second, Ticket)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert accounts.settle(first, Spent(0, Decimal(6)), AT) == ()
        other.execute("ROLLBACK")
    assert isinstance(accounts.admit(ASK, AT), Refusal)
    crossing = Crossing(ONE.id, ONE.limits.budgets[0], Decimal(6))
    assert accounts.settle(second, SPENT, AT) == (crossing,)


def test_what_is_due_is_written_at_the_end(path: Path) -> None:
    with closing(SqliteAccounts.open(path, lease_s=LEASE_S, busy_s=0.01)) as accounts:
        ticket = accounts.admit(ASK, AT)
        assert isinstance(ticket, Ticket)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            accounts.settle(ticket, SPENT, AT)
            other.execute("ROLLBACK")
    with closing(SqliteAccounts.open(path, lease_s=LEASE_S)) as again:
        assert state(again) == (0, Decimal("0.01"), Decimal(0))


def test_reopening_keeps_what_was_spent_and_what_is_open(path: Path, accounts: SqliteAccounts) -> None:
    ticket = accounts.admit(ASK, AT)
    assert isinstance(ticket, Ticket)
    with closing(SqliteAccounts.open(path, lease_s=LEASE_S)) as other:
        assert state(other) == (1, Decimal(0), Decimal("0.01"))
        other.settle(ticket, SPENT, AT)
        assert state(other) == (0, Decimal("0.01"), Decimal(0)), "any process may settle"


def test_many_dead_leases_are_released_bit_by_bit(accounts: SqliteAccounts) -> None:
    wide = Scope(ScopeId("key:wide"), Limits(budgets=ONE.limits.budgets))
    for _ in range(250):
        assert isinstance(accounts.admit(Ask(KeyId("k"), None, (wide,), 0, Decimal("0.001")), AT), Ticket)
    left = [accounts.standing(wide, AT + LEASE_S).parallel for _ in range(4)]
    assert left == [150, 50, 0, 0]


def test_hours_of_long_ago_are_let_go(path: Path, accounts: SqliteAccounts) -> None:
    hourly = Scope(ScopeId("key:h"), Limits(budgets=(Budget(Decimal(5), Window.HOUR),)))
    for hour in range(40 * 24):
        ticket = accounts.admit(Ask(KeyId("k"), None, (hourly,), 0, Decimal("0.001")), AT + hour * 3600.0)
        assert isinstance(ticket, Ticket)
        accounts.settle(ticket, SPENT, AT + hour * 3600.0)
    with closing(sqlite3.connect(path)) as other:
        (rows,) = other.execute("SELECT count(*) FROM accounts").fetchone()
    assert rows == 35 * 24 + 1


def test_the_file_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match=r"accounts\.db holds no accounts of this version"):
        SqliteAccounts.open(path)
    assert path.read_bytes() == before


def test_a_damaged_file_says_what_to_do(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreCorrupt, match="Stop all gateways and delete it"):
        SqliteAccounts.open(path)


def test_a_file_that_cannot_be_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"nowhere.accounts\.db cannot be used"):
        SqliteAccounts.open(tmp_path / "nowhere" / "accounts.db")
