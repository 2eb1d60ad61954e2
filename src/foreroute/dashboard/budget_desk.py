"""Where budgets are set and removed at run time. One change at a time; each is on record: what, when, and by whom."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from foreroute.control.budgets import in_force
from foreroute.control.decision_log import audit_record
from foreroute.core.budget_json import budget_from_dict, budget_to_dict
from foreroute.core.budgets import BudgetScope, ScopedBudget
from foreroute.core.fields import BadField
from foreroute.core.ports import BudgetStore, Clock, KeyStore, RecordStore
from foreroute.dashboard.answers import Refusal

Row = dict[str, Any]
_BY_MAX: Final = 100
_BUDGETS_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSources:
    of_file: tuple[ScopedBudget, ...]
    known: Mapping[BudgetScope, Sequence[str]]
    """The routes, channels and providers that there are."""
    time_zone: str
    """Of a budget that names none."""
    store: BudgetStore
    keys: KeyStore | None
    records: RecordStore
    clock: Clock


class BudgetDesk:
    """Raises BadField for a field that makes no sense, Refusal for what does not exist or stands in the way."""

    def __init__(self, sources: DeskSources) -> None:
        self._sources = sources
        self._turn = asyncio.Lock()

    async def listed(self) -> list[tuple[ScopedBudget, bool]]:
        """All, those of the file first, each with whether it is in force: one that the file has as well is not."""
        stored = await self._sources.store.read()
        held = set(in_force(self._sources.of_file, stored))
        return [(one, one in held) for one in (*self._sources.of_file, *stored)]

    async def set(self, name: str, fields: Row, *, by: str = "") -> ScopedBudget:
        """A new budget, or what is given of one that was set before in place of what it had."""
        async with self._turn:
            stored = {one.name: one for one in await self._sources.store.read()}
            self._refuse_file(name)
            if name not in stored and len(stored) >= _BUDGETS_MAX:
                raise Refusal(409, f"there are {_BUDGETS_MAX} budgets already", "remove one")
            before = (
                budget_to_dict(stored[name]) if name in stored else {"time_zone": self._sources.time_zone}
            )
            budget = budget_from_dict(before | fields | {"name": name})
            await self._check(budget, [one for one in stored.values() if one.name != name])
            await self._sources.store.put(budget)
            given = " ".join(f"{field}={fields[field]}" for field in sorted(fields))
            await self._note("budget_set", f"{name} {given}", by)
            return budget

    async def remove(self, name: str, *, by: str = "") -> None:
        async with self._turn:
            stored = [one.name for one in await self._sources.store.read()]
            if name not in stored:
                self._refuse_file(name)
                known = ", ".join(stored) or "none"
                raise Refusal(404, f"there is no budget {name[:100]!r}", f"set at run time: {known}")
            await self._sources.store.remove(name)
            await self._note("budget_rm", name, by)

    def _refuse_file(self, name: str) -> None:
        if name in {one.name for one in self._sources.of_file}:
            hint = "change it there; a running service takes the file up again with a reload"
            raise Refusal(409, f"the budget {name!r} is in the configuration file", hint)

    async def _check(self, budget: ScopedBudget, others: Sequence[ScopedBudget]) -> None:
        for one in (*self._sources.of_file, *others):
            if one.counted == budget.counted:
                raise Refusal(
                    409,
                    f"the budget {one.name!r} counts the same: {one.whose}, a {one.window}",
                    "change or remove that one; one budget has both a limit_usd and a hard_limit_usd",
                )
        known = await self._known(budget.scope)
        if known is not None and budget.of not in known:
            shown = ", ".join(known[:20]) or "none yet"
            raise BadField("of", f"there is no {budget.scope} {budget.of!r}", f"known: {shown}")

    async def _known(self, scope: BudgetScope) -> Sequence[str] | None:
        """None: any name may be meant."""
        sources = self._sources
        if scope not in (BudgetScope.TEAM, BudgetScope.KEY) or sources.keys is None:
            return sources.known.get(scope)
        book = await sources.keys.read()
        if scope is BudgetScope.TEAM:
            return [team.id for team in book.teams if team.deleted_at is None]
        return None if not book.keys else [key.id for key in book.keys if key.deleted_at is None]

    async def _note(self, action: str, detail: str, by: str) -> None:
        who = f" by {by[:_BY_MAX]}" if by else ""
        at = self._sources.clock.now()
        await self._sources.records.append([audit_record(at=at, action=action, detail=f"{detail}{who}")])
