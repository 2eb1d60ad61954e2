"""What accounts say on the wire. What they do is in the contract that all back ends share."""

from dataclasses import replace
from decimal import Decimal

import pytest

from foreroute.core.accounts import Ask, Gauge, Refusal, Ticket, TicketId
from foreroute.core.ids import KeyId
from foreroute.core.keys import (
    Budget,
    KeyBook,
    Limits,
    Scope,
    ScopeId,
    Team,
    TeamId,
    VirtualKey,
    key_scope,
    team_scope,
)
from foreroute.core.windows import Window
from foreroute.gateway.account_headers import limit_headers
from foreroute.gateway.account_seed import seed, windows_of
from foreroute.gateway.accounts import MemoryAccounts

AT = 1_772_442_000.0


def ticket(requests: Gauge | None = None, tokens: Gauge | None = None) -> Ticket:
    return Ticket(TicketId(1), 0, Decimal(0), requests, tokens)


def test_headers_in_the_form_of_openai() -> None:
    found = limit_headers(ticket(Gauge(60, 3.0, AT), Gauge(40_000, 20_000.0, AT)), AT)
    assert found == [
        (b"x-ratelimit-limit-requests", b"60"),
        (b"x-ratelimit-remaining-requests", b"57"),
        (b"x-ratelimit-reset-requests", b"3s"),
        (b"x-ratelimit-limit-tokens", b"40000"),
        (b"x-ratelimit-remaining-tokens", b"20000"),
        (b"x-ratelimit-reset-tokens", b"30s"),
    ]


def test_headers_in_the_form_of_anthropic() -> None:
    found = limit_headers(ticket(Gauge(60, 3.2, AT), Gauge(40_000, 20_000.0, AT)), AT, anthropic=True)
    assert found == [
        (b"anthropic-ratelimit-requests-limit", b"60"),
        (b"anthropic-ratelimit-requests-remaining", b"56"),
        (b"anthropic-ratelimit-requests-reset", b"2026-03-02T09:00:04Z"),
        (b"anthropic-ratelimit-tokens-limit", b"40000"),
        (b"anthropic-ratelimit-tokens-remaining", b"20000"),
        (b"anthropic-ratelimit-tokens-reset", b"2026-03-02T09:00:30Z"),
    ]


@pytest.mark.parametrize("anthropic", [False, True])
def test_nothing_is_said_of_what_is_not_limited(anthropic: bool) -> None:
    assert limit_headers(ticket(), AT, anthropic=anthropic) == []
    names = [name for name, _ in limit_headers(ticket(tokens=Gauge(5, 0.0, AT)), AT, anthropic=anthropic)]
    assert len(names) == 3
    assert all(b"tokens" in name for name in names)


@pytest.mark.parametrize(
    ("used", "said"),
    [(0.0, b"0ms"), (0.012, b"12ms"), (0.0001, b"1ms"), (0.9999, b"1000ms"), (1.0, b"1s"), (1.2, b"2s"), (60.0, b"1m0s"),
     (360.0, b"6m0s"), (3600.0, b"1h0m0s"), (7325.0, b"2h2m5s")],
)  # fmt: skip
def test_durations_are_written_as_openai_writes_them(used: float, said: bytes) -> None:
    assert limit_headers(ticket(Gauge(60, used, AT)), AT)[2] == (b"x-ratelimit-reset-requests", said)


def test_what_is_left_grows_as_time_goes_by() -> None:
    gauge = Gauge(60, 60.0, AT)
    assert [gauge.remaining(AT + wait) for wait in (0.0, 0.999, 1.0, 30.5, 60.0, 900.0)] == [
        0,
        0,
        1,
        30,
        60,
        60,
    ]
    assert gauge.remaining(AT - 100.0) == 0
    assert Gauge(60, 90.0, AT).remaining(AT) == 0
    assert Gauge(60, 90.0, AT).reset_s(AT) == 90.0


def test_a_refusal_has_headers_as_a_ticket_has() -> None:
    scope = Scope(ScopeId("key:k"), Limits(requests_per_minute=1))
    accounts, ask = MemoryAccounts(), Ask(KeyId("k"), None, (scope,), 0, Decimal(0))
    given, refused = accounts.admit(ask, AT), accounts.admit(ask, AT + 15.0)
    assert isinstance(given, Ticket)
    assert isinstance(refused, Refusal)
    assert limit_headers(given, AT)[1:] == [
        (b"x-ratelimit-remaining-requests", b"0"),
        (b"x-ratelimit-reset-requests", b"1m0s"),
    ]
    assert limit_headers(refused, AT + 15.0)[2] == (b"x-ratelimit-reset-requests", b"45s")


def test_refusals_are_sentences_for_the_caller() -> None:
    limits = Limits(
        requests_per_minute=1,
        tokens_per_minute=10,
        parallel_max=1,
        budgets=(Budget(Decimal(0), Window.TOTAL),),
    )
    scope = Scope(ScopeId("team:red"), limits)

    def said(tokens: int, cost: str | None) -> str:
        accounts = MemoryAccounts()
        for _ in range(2):
            ask = Ask(KeyId("k"), None, (scope,), tokens, None if cost is None else Decimal(cost))
            answer = accounts.admit(ask, AT)
            if isinstance(answer, Refusal):
                return answer.message
        raise AssertionError

    assert said(0, "0.5") == (
        "The team red has a budget of 0 US dollars in all: 0 are spent and 0 reserved, and this request may cost 0.5."
    )
    assert said(0, None) == "The team red has a budget, and the price of this model is not known."
    assert said(0, "0") == "The team red has 1 requests under way, which is its limit."
    assert said(11, "0") == "The team red is at its limit of 10 tokens a minute; this request asks for 11."


@pytest.mark.parametrize("bad", [{"requests_per_minute": 0}, {"tokens_per_minute": -1}, {"parallel_max": 0}])
def test_a_limit_of_nothing_is_not_one(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Limits(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["-1", "NaN", "Infinity"])
def test_a_budget_is_an_amount(bad: str) -> None:
    with pytest.raises(ValueError, match="zero dollars or more"):
        Budget(Decimal(bad), Window.DAY)


def test_seeding_puts_in_what_the_ledger_knows_and_never_takes_away() -> None:
    day, month = Budget(Decimal(5), Window.DAY), Budget(Decimal(50), Window.MONTH)
    team = Team(id=TeamId("t"), name="t", limits=Limits(budgets=(month,)), created_at=0.0)
    one = VirtualKey(
        id=KeyId("a"), name="a", salt=b"", digest=b"x", hint="", team=team.id, limits=Limits(budgets=(day,)), created_at=0.0
    )  # fmt: skip
    gone = replace(one, id=KeyId("b"), deleted_at=1.0)
    free = replace(one, id=KeyId("c"), team=None, limits=Limits())
    book = KeyBook((one, gone, free), (team,))
    assert windows_of(book) == {Window.DAY, Window.MONTH}
    accounts = MemoryAccounts()
    spends = {
        Window.DAY: {KeyId("a"): Decimal(1), KeyId("b"): Decimal(2)},
        Window.MONTH: {KeyId("a"): Decimal(10), KeyId("b"): Decimal(20), KeyId("c"): Decimal(40)},
    }
    for _ in range(2):
        seed(accounts, book, spends, AT)
        assert accounts.standing(key_scope(one), AT).balances[Window.DAY].spent_usd == 1
        assert accounts.standing(team_scope(team), AT).balances[Window.MONTH].spent_usd == 30
    seed(accounts, book, {}, AT)
    assert accounts.standing(key_scope(one), AT).balances[Window.DAY].spent_usd == 1
    assert accounts.standing(key_scope(gone), AT).balances[Window.DAY].spent_usd == 0
