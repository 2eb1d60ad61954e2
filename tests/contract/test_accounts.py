"""One suite for every back end of the accounts, and a machine that tries to overdraw them."""

import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.redis_house import InStep, RedisServer, redis_server

from foreroute.core.accounts import LATE_S, AccountBooks, Ask, Crossing, Gauge, Refusal, Spent, Ticket
from foreroute.core.ids import KeyId
from foreroute.core.keys import Budget, Limits, Scope, ScopeId, TeamId
from foreroute.core.windows import Window, window_end, window_start
from foreroute.gateway.accounts import MemoryAccounts
from foreroute.store.sqlite_accounts import SqliteAccounts

AT = 1_772_442_000.0
"""Monday 2026-03-02 09:00 UTC."""
LEASE_S = 900.0
FREE = Spent(0, Decimal(0))


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=pytest.mark.service("redis"))])
def accounts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountBooks]:
    if request.param == "memory":
        yield MemoryAccounts(lease_s=LEASE_S)
        return
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis")
        server.say("FLUSHALL")
        shared = InStep(server.url, prefix="suite", lease_s=LEASE_S)
        yield shared
        shared.close()
        return
    opened = SqliteAccounts.open(tmp_path / "accounts.db", lease_s=LEASE_S)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


def scope(name: str = "key:k", *budgets: Budget, **limits: object) -> Scope:
    return Scope(ScopeId(name), Limits(budgets=budgets, **limits))  # type: ignore[arg-type]


def ask(*scopes: Scope, tokens: int = 0, cost: str | None = "0") -> Ask:
    return Ask(KeyId("k"), TeamId("t"), scopes, tokens, None if cost is None else Decimal(cost))


def day(limit: str, *, hard: bool = True) -> Budget:
    return Budget(Decimal(limit), Window.DAY, hard)


def admitted(answer: Ticket | Refusal) -> Ticket:
    assert isinstance(answer, Ticket), answer
    return answer


def refused(answer: Ticket | Refusal) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


def balance(
    accounts: AccountBooks, one: Scope, at: float = AT, window: Window = Window.DAY
) -> tuple[str, str]:
    found = accounts.standing(one, at).balances[window]
    return f"{found.spent_usd.normalize():f}", f"{found.reserved_usd.normalize():f}"


# Money -----------------------------------------------------------------------------------------------------------


def test_what_is_reserved_counts_until_what_was_spent_does(accounts: AccountBooks) -> None:
    one = scope("key:k", day("1"))
    first = admitted(accounts.admit(ask(one, cost="0.6"), AT))
    assert balance(accounts, one) == ("0", "0.6")
    answer = refused(accounts.admit(ask(one, cost="0.41"), AT))
    assert (answer.code, answer.scope, answer.limit, answer.retry_after_s) == (
        "budget",
        "key:k",
        Decimal(1),
        1.0,
    )
    accounts.settle(first, Spent(10, Decimal("0.2")), AT)
    assert balance(accounts, one) == ("0.2", "0")
    admitted(accounts.admit(ask(one, cost="0.8"), AT))
    assert refused(accounts.admit(ask(one, cost="0.000000000001"), AT)).code == "budget"


def test_settling_again_changes_nothing(accounts: AccountBooks) -> None:
    one = scope("key:k", day("1"), tokens_per_minute=100, parallel_max=1)
    ticket = admitted(accounts.admit(ask(one, tokens=50, cost="0.5"), AT))
    for _ in range(3):
        accounts.settle(ticket, Spent(30, Decimal("0.3")), AT)
    assert balance(accounts, one) == ("0.3", "0")
    standing = accounts.standing(one, AT)
    assert standing.parallel == 0
    assert standing.tokens_left is not None
    assert standing.tokens_left.remaining(AT) == 70


def test_a_budget_begins_anew_with_its_window(accounts: AccountBooks) -> None:
    one = scope("key:k", day("1"))
    ticket = admitted(accounts.admit(ask(one, cost="0.9"), AT))
    accounts.settle(ticket, Spent(0, Decimal("1.2")), AT)
    answer = refused(accounts.admit(ask(one, cost="0.1"), AT))
    assert answer.retry_after_s == 15 * 3600.0
    assert "budget of 1 US dollars a day" in answer.message
    assert "begins 2026-03-03T00:00:00Z" in answer.message
    tomorrow = AT + 15 * 3600.0
    assert refused(accounts.admit(ask(one, cost="0.1"), tomorrow - 0.001)).code == "budget"
    admitted(accounts.admit(ask(one, cost="1"), tomorrow))
    assert balance(accounts, one, tomorrow) == ("0", "1")


def test_a_request_over_midnight_is_paid_by_the_day_it_was_admitted_in(accounts: AccountBooks) -> None:
    one = scope("key:k", day("1"))
    midnight = window_end(Window.DAY, AT)
    ticket = admitted(accounts.admit(ask(one, cost="0.9"), midnight - 1.0))
    assert balance(accounts, one, midnight) == ("0", "0")
    assert not accounts.extend(ticket, Decimal("0.2"), midnight), "its own day allows no more"
    assert accounts.extend(ticket, Decimal("0.1"), midnight)
    assert accounts.settle(ticket, Spent(0, Decimal(5)), midnight + 1.0) == (
        Crossing(one.id, one.limits.budgets[0], Decimal(5)),
    )
    assert balance(accounts, one, midnight) == ("0", "0")


def test_a_budget_begins_anew_at_midnight_of_its_own_place(accounts: AccountBooks) -> None:
    one = scope("budget:seoul|global", Budget(Decimal(1), Window.DAY, zone="Asia/Seoul"))
    accounts.settle(admitted(accounts.admit(ask(one, cost="1"), AT)), Spent(0, Decimal(1)), AT)
    midnight = AT + 6 * 3600.0  # 18:00 there
    answer = refused(accounts.admit(ask(one, cost="0.1"), AT))
    assert answer.retry_after_s == 6 * 3600.0
    assert answer.message.startswith("The budget seoul has")
    assert refused(accounts.admit(ask(one, cost="0.1"), midnight - 0.001)).code == "budget"
    ticket = admitted(accounts.admit(ask(one, cost="0.4"), midnight))
    accounts.restore(one.id, Window.DAY, midnight, Decimal("0.3"), "Asia/Seoul")
    assert balance(accounts, one, midnight) == ("0.3", "0.4")
    accounts.settle(ticket, Spent(0, Decimal("0.5")), midnight + 1.0)
    assert balance(accounts, one, midnight + 1.0) == ("0.8", "0")


def test_a_total_budget_never_begins_anew(accounts: AccountBooks) -> None:
    one = scope("key:k", Budget(Decimal(1), Window.TOTAL))
    accounts.settle(admitted(accounts.admit(ask(one, cost="1"), AT)), Spent(0, Decimal(1)), AT)
    assert refused(accounts.admit(ask(one, cost="0.1"), AT + 1e8)).retry_after_s is None


def test_a_soft_budget_lets_pass_and_says_once_that_it_is_crossed(accounts: AccountBooks) -> None:
    one = scope("key:k", day("1", hard=False), day("2"))
    crossings = []
    for _ in range(4):
        ticket = admitted(accounts.admit(ask(one, cost="0.4"), AT))
        crossings += [accounts.settle(ticket, Spent(0, Decimal("0.4")), AT)]
    assert crossings == [(), (), (Crossing(one.id, one.limits.budgets[0], Decimal("1.2")),), ()]
    assert balance(accounts, one) == ("1.6", "0"), "two budgets of one window are one account"


def test_every_budget_of_every_scope_must_agree_and_a_refusal_leaves_no_trace(accounts: AccountBooks) -> None:
    key = scope("key:k", day("5"), Budget(Decimal(1), Window.HOUR), requests_per_minute=10, parallel_max=10)
    team = scope("team:t", Budget(Decimal("1.5"), Window.MONTH))
    admitted(accounts.admit(ask(key, team, cost="0.9"), AT))
    before = accounts.standing(key, AT), accounts.standing(team, AT)
    assert refused(accounts.admit(ask(key, team, cost="0.2"), AT)).scope == "key:k"
    other = scope("key:other")
    assert refused(accounts.admit(ask(other, team, cost="0.7"), AT)).scope == "team:t"
    assert (accounts.standing(key, AT), accounts.standing(team, AT)) == before
    assert accounts.standing(other, AT).parallel == 0


def test_a_price_that_is_not_known_is_refused_under_a_hard_budget_only(accounts: AccountBooks) -> None:
    answer = refused(accounts.admit(ask(scope("key:k", day("1")), cost=None), AT))
    assert (answer.code, answer.retry_after_s) == ("unpriced", None)
    for other in (
        scope("key:a", day("1", hard=False)),
        scope("key:b", requests_per_minute=1),
        scope("key:c", day("1"), allow_unpriced=True),
    ):
        ticket = admitted(accounts.admit(ask(other, cost=None), AT))
        accounts.settle(ticket, Spent(5, None), AT)
    assert balance(accounts, scope("key:c", day("1"))) == ("0", "0")


def test_a_cost_that_stays_unknown_is_what_was_reserved(accounts: AccountBooks) -> None:
    one = scope("key:k", day("1"))
    ticket = admitted(accounts.admit(ask(one, cost="0.25"), AT))
    assert accounts.extend(ticket, Decimal("0.25"), AT)
    accounts.settle(ticket, Spent(5, None), AT)
    assert balance(accounts, one) == ("0.5", "0")


def test_a_stream_may_outgrow_its_reservation_as_far_as_its_budgets_allow(accounts: AccountBooks) -> None:
    one = scope("key:k", day("1"), Budget(Decimal("0.1"), Window.HOUR, hard=False))
    ticket = admitted(accounts.admit(ask(one, cost="0.4"), AT))
    assert accounts.extend(ticket, Decimal("0.6"), AT)
    assert not accounts.extend(ticket, Decimal("0.000000000001"), AT)
    assert balance(accounts, one) == ("0", "1")
    accounts.settle(ticket, FREE, AT)
    assert not accounts.extend(ticket, Decimal("0.1"), AT), "it is over"
    assert balance(accounts, one) == ("0", "0")


def test_two_hundred_at_once_get_what_the_budget_holds(accounts: AccountBooks) -> None:
    one = scope("key:k", day("1"))
    rng = Random(7)
    open_tickets: list[Ticket] = []
    served = 0
    for number in range(200):
        answer = accounts.admit(ask(one, cost="0.03"), AT + number * 0.01)
        if isinstance(answer, Ticket):
            open_tickets.append(answer)
            served += 1
        if open_tickets and rng.random() < 0.3:
            accounts.settle(open_tickets.pop(rng.randrange(len(open_tickets))), Spent(0, Decimal("0.03")), AT)
        found = accounts.standing(one, AT).balances[Window.DAY]
        assert found.spent_usd + found.reserved_usd <= 1
    assert served == 33
    for ticket in open_tickets:
        accounts.settle(ticket, Spent(0, Decimal("0.03")), AT)
    assert balance(accounts, one) == ("0.99", "0")


def test_the_ledgers_word_is_the_least_that_was_spent(accounts: AccountBooks) -> None:
    one = scope("key:k", day("1"), Budget(Decimal(50), Window.MONTH))
    start = window_start(Window.DAY, AT)
    accounts.restore(one.id, Window.DAY, start, Decimal("0.75"))
    accounts.restore(one.id, Window.MONTH, window_start(Window.MONTH, AT), Decimal(20))
    accounts.restore(one.id, Window.DAY, start - 86_400.0, Decimal(99))
    assert balance(accounts, one) == ("0.75", "0")
    assert refused(accounts.admit(ask(one, cost="0.3"), AT)).code == "budget"
    accounts.settle(admitted(accounts.admit(ask(one, cost="0.2"), AT)), Spent(0, Decimal("0.2")), AT)
    accounts.restore(one.id, Window.DAY, start, Decimal("0.8"))
    assert balance(accounts, one) == ("0.95", "0"), "the ledger is behind"
    assert balance(accounts, one, window=Window.MONTH) == ("20.2", "0")


def test_sums_are_exact(accounts: AccountBooks) -> None:
    one = scope("key:k", Budget(Decimal(10) ** 9, Window.TOTAL))
    for cost in ("900000000.000000000001", "0.1", "0.2"):
        accounts.settle(admitted(accounts.admit(ask(one, cost=cost), AT)), Spent(0, Decimal(cost)), AT)
    assert balance(accounts, one, window=Window.TOTAL) == ("900000000.300000000001", "0")


# Rates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1, 7, 60, 1000])
def test_a_minutes_requests_may_come_at_once_then_evenly(accounts: AccountBooks, rate: int) -> None:
    one = scope("key:k", requests_per_minute=rate)
    for left in range(rate - 1, -1, -1):
        ticket = admitted(accounts.admit(ask(one), AT))
        assert ticket.requests_left is not None
        assert ticket.requests_left.remaining(AT) == left
        accounts.settle(ticket, FREE, AT)
    answer = refused(accounts.admit(ask(one), AT))
    assert (answer.code, answer.limit) == ("requests", rate)
    assert answer.retry_after_s == pytest.approx(60.0 / rate)
    assert refused(accounts.admit(ask(one), AT + 59.0 / rate)).code == "requests"
    admitted(accounts.admit(ask(one), AT + 60.0 / rate + 1e-3))


def test_tokens_are_taken_as_reserved_and_corrected_as_used(accounts: AccountBooks) -> None:
    one = scope("key:k", tokens_per_minute=600)
    ticket = admitted(accounts.admit(ask(one, tokens=600), AT))
    answer = refused(accounts.admit(ask(one, tokens=100), AT))
    assert answer.code == "tokens"
    assert answer.retry_after_s == pytest.approx(10.0)
    accounts.settle(ticket, Spent(550, Decimal(0)), AT)
    admitted(accounts.admit(ask(one, tokens=50), AT))
    debtor = admitted(accounts.admit(ask(one, tokens=10), AT + 1.0))
    accounts.settle(debtor, Spent(610, Decimal(0)), AT + 1.0)
    assert refused(accounts.admit(ask(one, tokens=1), AT + 60.0)).code == "tokens", "a debt is paid first"
    admitted(accounts.admit(ask(one, tokens=1), AT + 61.2))


def test_what_can_never_fit_is_not_told_to_wait(accounts: AccountBooks) -> None:
    answer = refused(accounts.admit(ask(scope("key:k", tokens_per_minute=600), tokens=601), AT))
    assert (answer.code, answer.retry_after_s) == ("tokens", None)


def test_a_clock_that_goes_back_fills_no_bucket(accounts: AccountBooks) -> None:
    one = scope("key:k", requests_per_minute=1)
    admitted(accounts.admit(ask(one), AT))
    assert refused(accounts.admit(ask(one), AT - 500.0)).code == "requests"
    assert refused(accounts.admit(ask(one), AT + 59.0)).code == "requests"
    admitted(accounts.admit(ask(one), AT + 60.0))


def test_a_clock_that_went_back_and_forth_gives_nothing_twice(accounts: AccountBooks) -> None:
    admitted(accounts.admit(ask(scope("key:k", parallel_max=9)), AT))
    one = scope("key:k", requests_per_minute=1)
    admitted(accounts.admit(ask(one), AT - 60.0))
    assert refused(accounts.admit(ask(one), AT)).code == "requests"


def test_parallel_requests_are_counted_until_they_end(accounts: AccountBooks) -> None:
    one = scope("key:k", parallel_max=2)
    first, _ = admitted(accounts.admit(ask(one), AT)), admitted(accounts.admit(ask(one), AT))
    answer = refused(accounts.admit(ask(one), AT))
    assert (answer.code, answer.limit, answer.retry_after_s) == ("parallel", 2, None)
    accounts.settle(first, FREE, AT)
    admitted(accounts.admit(ask(one), AT))


def test_money_is_named_before_rates(accounts: AccountBooks) -> None:
    key, team = scope("key:k", requests_per_minute=1), scope("team:t", day("0"))
    admitted(accounts.admit(ask(key, cost="1"), AT))
    assert refused(accounts.admit(ask(key, team, cost="1"), AT)).scope == "team:t"


def test_the_gauges_are_those_of_the_tightest_scope_and_come_with_a_refusal_too(
    accounts: AccountBooks,
) -> None:
    key, team = (
        scope("key:k", requests_per_minute=10),
        scope("team:t", requests_per_minute=3, tokens_per_minute=5),
    )
    ticket = admitted(accounts.admit(ask(key, team, tokens=5), AT))
    assert ticket.requests_left is not None
    assert (ticket.requests_left.limit, ticket.requests_left.remaining(AT)) == (3, 2)
    answer = refused(accounts.admit(ask(team, key, tokens=5), AT))
    assert answer.requests_left is not None
    assert answer.requests_left.limit == 3
    assert answer.tokens_left is not None
    assert (answer.tokens_left.remaining(AT), answer.tokens_left.reset_s(AT)) == (0, 60.0)
    assert answer.tokens_left.remaining(AT + 24.0) == 2


def test_limits_may_change_while_requests_are_under_way(accounts: AccountBooks) -> None:
    before = scope("key:k", day("1"), tokens_per_minute=100)
    ticket = admitted(accounts.admit(ask(before, tokens=100, cost="0.5"), AT))
    after = scope("key:k", Budget(Decimal(3), Window.MONTH), requests_per_minute=5)
    other = admitted(accounts.admit(ask(after, tokens=100, cost="2"), AT))
    accounts.settle(ticket, Spent(50, Decimal("0.4")), AT)
    accounts.settle(other, Spent(50, Decimal("1.5")), AT)
    assert balance(accounts, before) == ("0.4", "0")
    assert balance(accounts, after, window=Window.MONTH) == ("1.5", "0")
    assert accounts.standing(after, AT).parallel == 0


# Leases ----------------------------------------------------------------------------------------------------------


def test_a_reservation_of_which_nobody_hears_is_released(accounts: AccountBooks) -> None:
    one = scope("key:k", day("1"), parallel_max=1)
    ticket = admitted(accounts.admit(ask(one, cost="1"), AT))
    assert isinstance(accounts.admit(ask(one, cost="1"), AT + LEASE_S - 0.1), Refusal)
    second = admitted(accounts.admit(ask(one, cost="1"), AT + LEASE_S))
    assert not accounts.extend(ticket, Decimal(0), AT + LEASE_S)
    accounts.settle(second, FREE, AT + LEASE_S)
    assert accounts.standing(one, AT + LEASE_S).parallel == 0


def test_what_comes_in_after_the_lease_is_spent_all_the_same_once_and_for_a_day(
    accounts: AccountBooks,
) -> None:
    one = scope("key:k", Budget(Decimal(1), Window.TOTAL), parallel_max=2)
    late, lost = (admitted(accounts.admit(ask(one, cost="0.1"), AT)) for _ in range(2))
    for _ in range(2):
        accounts.settle(late, Spent(0, Decimal("0.3")), AT + LEASE_S + 5.0)
    assert balance(accounts, one, AT + LEASE_S + 5.0, Window.TOTAL) == ("0.3", "0")
    assert accounts.standing(one, AT + LEASE_S + 5.0).parallel == 0
    gone = AT + 2 * LATE_S
    for at in (gone, gone + LEASE_S + 1.0):  # a lease that runs out takes those with it that did a day ago
        admitted(accounts.admit(ask(scope("key:other"), cost="0"), at))
    accounts.settle(lost, Spent(0, Decimal("0.5")), gone + LEASE_S + 1.0)
    assert balance(accounts, one, gone + LEASE_S + 1.0, Window.TOTAL) == ("0.3", "0")


@pytest.mark.parametrize(("after_s", "spent"), [(LATE_S - 0.1, "0.3"), (LATE_S, "0")])
def test_after_a_day_a_reservation_is_forgotten(accounts: AccountBooks, after_s: float, spent: str) -> None:
    one = scope("key:k", Budget(Decimal(1), Window.TOTAL))
    ticket = admitted(accounts.admit(ask(one, cost="0.1"), AT))
    assert accounts.standing(one, AT + LEASE_S).parallel == 0
    accounts.settle(ticket, Spent(0, Decimal("0.3")), AT + LEASE_S + after_s)
    assert balance(accounts, one, AT + LEASE_S + after_s, Window.TOTAL) == (spent, "0")


def test_extending_renews_the_lease(accounts: AccountBooks) -> None:
    one = scope("key:k", parallel_max=1)
    ticket = admitted(accounts.admit(ask(one), AT))
    for step in range(1, 4):
        assert accounts.extend(ticket, Decimal(0), AT + step * (LEASE_S - 1.0))
    assert isinstance(accounts.admit(ask(one), AT + 3 * (LEASE_S - 1.0) + LEASE_S - 0.5), Refusal)


# Whatever happens ------------------------------------------------------------------------------------------------

COSTS = st.decimals(min_value=0, max_value=3, places=3)


def assert_like(one: Gauge | None, other: Gauge | None) -> None:
    """Buckets that were looked at in other steps differ in the last bits."""
    if one is None or other is None:
        assert one is other
        return
    assert one.limit == other.limit
    assert one.used - (other.at - one.at) * one.limit / 60.0 == pytest.approx(other.used, abs=1e-6) or (
        one.reset_s(other.at) == other.reset_s(other.at) == 0.0
    )


class Overdraw(RuleBasedStateMachine):
    """Key and team with budgets of three windows; time goes on; whatever is asked, no admission overdraws."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.accounts: tuple[AccountBooks, ...] = (
            MemoryAccounts(lease_s=LEASE_S),
            self.store(Path(self.folder.name)),
        )
        self.scopes = (
            scope(
                "key:k",
                day("5"),
                Budget(Decimal(2), Window.HOUR, hard=False),
                parallel_max=4,
                requests_per_minute=9,
            ),
            scope(
                "team:t",
                Budget(Decimal(7), Window.DAY),
                Budget(Decimal(9), Window.WEEK),
                tokens_per_minute=100,
            ),
        )
        self.at = AT
        self.open: list[tuple[Ticket, ...]] = []

    def store(self, folder: Path) -> SqliteAccounts | InStep:
        return SqliteAccounts.open(folder / "a.db", lease_s=LEASE_S)

    def teardown(self) -> None:
        for tickets in self.open:
            self.settle_all(tickets, Spent(0, Decimal(0)))
        for accounts in self.accounts:
            for one in self.scopes:
                found = accounts.standing(one, self.at)
                assert found.parallel == 0
                assert all(balance.reserved_usd == 0 for balance in found.balances.values())
        store = self.accounts[1]
        assert isinstance(store, SqliteAccounts | InStep)
        store.close()
        self.folder.cleanup()

    def settle_all(self, tickets: tuple[Ticket, ...], spent: Spent) -> None:
        answers = [
            accounts.settle(ticket, spent, self.at)
            for accounts, ticket in zip(self.accounts, tickets, strict=True)
        ]
        assert answers[0] == answers[1]

    @rule(cost=COSTS, tokens=st.integers(0, 60), alone=st.booleans())
    def admit(self, cost: Decimal, tokens: int, alone: bool) -> None:
        asked = ask(*self.scopes[: 1 if alone else 2], tokens=tokens, cost=str(cost))
        answers = [accounts.admit(asked, self.at) for accounts in self.accounts]
        if isinstance(answers[0], Refusal):
            other = refused(answers[1])
            assert (answers[0].code, answers[0].scope) == (other.code, other.scope)
            assert answers[0].retry_after_s == pytest.approx(other.retry_after_s)
            return
        tickets = tuple(admitted(answer) for answer in answers)
        assert_like(tickets[0].requests_left, tickets[1].requests_left)
        assert_like(tickets[0].tokens_left, tickets[1].tokens_left)
        self.open.append(tickets)
        for one in asked.scopes:
            found = self.accounts[0].standing(one, self.at)
            for budget in one.limits.budgets:
                money = found.balances[budget.window]
                assert not budget.hard or money.spent_usd + money.reserved_usd <= budget.limit_usd

    @precondition(lambda self: self.open)
    @rule(data=st.data(), cost=COSTS, tokens=st.integers(0, 200), forget=st.booleans())
    def settle(self, data: st.DataObject, cost: Decimal, tokens: int, forget: bool) -> None:
        number = data.draw(st.integers(0, len(self.open) - 1))
        self.settle_all(self.open[number], Spent(tokens, cost))
        if forget:
            self.open.pop(number)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), cost=COSTS)
    def extend(self, data: st.DataObject, cost: Decimal) -> None:
        tickets = data.draw(st.sampled_from(self.open))
        both = [
            accounts.extend(ticket, cost, self.at)
            for accounts, ticket in zip(self.accounts, tickets, strict=True)
        ]
        assert both[0] == both[1]

    @rule(passed=st.sampled_from([0.0, 0.5, 7.0, 61.0, 899.0, 3600.0, 43_200.0]))
    def wait(self, passed: float) -> None:
        self.at += passed

    @invariant()
    def both_back_ends_agree_and_nothing_is_negative(self) -> None:
        for one in self.scopes:
            memory, store = (accounts.standing(one, self.at) for accounts in self.accounts)
            assert (memory.parallel, memory.balances) == (store.parallel, store.balances)
            assert_like(memory.requests_left, store.requests_left)
            assert_like(memory.tokens_left, store.tokens_left)
            assert memory.parallel >= 0
            assert all(money.reserved_usd >= 0 for money in memory.balances.values())


Overdraw.TestCase.settings = profile(max_examples=150, stateful_step_count=40, deadline=None)
TestOverdraw = Overdraw.TestCase


class SharedOverdraw(Overdraw):
    """The same with a Redis of its own."""

    def store(self, folder: Path) -> SqliteAccounts | InStep:
        self.server = RedisServer(folder)
        self.server.start()
        return InStep(self.server.url, prefix="overdraw", lease_s=LEASE_S)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.server.kill()


SharedOverdraw.TestCase.settings = profile(max_examples=20, stateful_step_count=40, deadline=None)
TestSharedOverdraw = pytest.mark.service("redis")(SharedOverdraw.TestCase)
