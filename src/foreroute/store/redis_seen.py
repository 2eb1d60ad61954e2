"""What this gateway has last heard of shared money: to go by while nobody can be asked, and to tell a server that forgot."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from foreroute.core.accounts import Balance
from foreroute.core.meters import NOTHING, Held
from foreroute.store.redis_counters import account_name

_SEEN_MAX: Final = 20_000


class Seen:
    """By the names of accounts. Those that were not heard of for longest are forgotten first."""

    def __init__(self) -> None:
        self._balances: OrderedDict[str, Balance] = OrderedDict()

    def note(self, held: Sequence[Held]) -> None:
        for one in held:
            for window, account in one.accounts.items():
                name = account_name(one.scope.id, window, account.start_at)
                self.put(name, Balance(account.spent_usd, account.reserved_usd))

    def put(self, name: str, balance: Balance) -> None:
        self._balances[name] = balance
        self._balances.move_to_end(name)
        if len(self._balances) > _SEEN_MAX:
            self._balances.popitem(last=False)

    def at_least(self, name: str, spent_usd: Decimal) -> None:
        """The ledger's word."""
        known = self.of(name)
        self.put(name, Balance(max(spent_usd, known.spent_usd), known.reserved_usd))

    def of(self, name: str) -> Balance:
        return self._balances.get(name, Balance(NOTHING, NOTHING))

    def spent(self) -> Iterator[tuple[str, Decimal]]:
        for name, balance in list(self._balances.items()):
            if balance.spent_usd:
                yield name, balance.spent_usd
