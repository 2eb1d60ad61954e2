import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.control.audit_trail import AuditTrail, Verdict, verify
from foreroute.control.decision_log import AUDIT, audit_record
from foreroute.core.errors import StoreUnavailable
from foreroute.core.ports import Record
from foreroute.store.memory import MemoryRecords

KEY = "an-audit-key"


async def written(count: int, key: str | None = None, records: MemoryRecords | None = None) -> list[Record]:
    store = MemoryRecords() if records is None else records
    trail = AuditTrail(store, key)
    for number in range(count):
        await trail.append([audit_record(at=100.0 + number, action="kill_switch", detail=str(number))])
    return await store.read(AUDIT)


async def test_what_was_written_holds() -> None:
    records = await written(5)
    verdict = verify(records)
    assert verdict == Verdict(records=5, keyed=0, before=0, first=1, head=verdict.head, broken=None)
    assert verify(records, head=verdict.head).broken is None
    assert [orjson.loads(one.body)["detail"] for one in records] == ["0", "1", "2", "3", "4"]


def edited(records: list[Record], at: int, **change: object) -> list[Record]:
    body = orjson.loads(records[at].body) | change
    return [*records[:at], replace(records[at], body=orjson.dumps(body)), *records[at + 1 :]]


Forgery = Callable[[list[Record]], list[Record]]
FORGERIES: dict[str, Forgery] = {
    "a text is changed": lambda all_: edited(all_, 2, detail="innocent"),
    "the time is changed": lambda all_: [*all_[:2], replace(all_[2], at=1.0), *all_[3:]],
    "the name is changed": lambda all_: [*all_[:2], replace(all_[2], id="x"), *all_[3:]],
    "one is removed": lambda all_: [*all_[:2], *all_[3:]],
    "the first is removed": lambda all_: all_[1:],
    "one stands twice": lambda all_: [*all_, replace(all_[2], id="again")],
    "two are exchanged": lambda all_: [
        *all_[:1],
        replace(all_[1], body=all_[2].body),
        replace(all_[2], body=all_[1].body),
        *all_[3:],
    ],
    "one is broken": lambda all_: [*all_[:2], replace(all_[2], body=b"{"), *all_[3:]],
}


@pytest.mark.parametrize("name", FORGERIES)
@pytest.mark.parametrize("key", [None, KEY])
async def test_a_forgery_shows(name: str, key: str | None) -> None:
    assert verify(FORGERIES[name](await written(5, key)), key=key).broken is not None


async def test_a_cut_off_end_shows_against_a_head_that_was_noted() -> None:
    records = await written(5)
    head = verify(records).head
    assert verify(records[:-1]).broken is None
    broken = verify(records[:-1], head=head).broken
    assert broken is not None
    assert head[:16] in broken


async def test_who_has_no_key_can_make_no_chain() -> None:
    """Everything written anew without the key, or with another one."""
    assert verify(await written(5), key=KEY).broken is not None
    assert verify(await written(5, "another"), key=KEY).broken is not None
    records = MemoryRecords()
    await written(3, KEY, records)
    forged = MemoryRecords()
    await forged.append(await records.read(AUDIT))
    await AuditTrail(forged).append([audit_record(at=500.0, action="undo", detail="forged")])
    assert verify(await forged.read(AUDIT), key=KEY).broken is not None


async def test_a_key_may_come_later() -> None:
    records = MemoryRecords()
    await written(2, None, records)
    await AuditTrail(records, KEY).append([audit_record(at=900.0, action="undo", detail="")])
    verdict = verify(await records.read(AUDIT), key=KEY)
    assert (verdict.broken, verdict.records, verdict.keyed) == (None, 3, 1)


async def test_the_chain_goes_on_after_a_restart_and_over_older_records() -> None:
    records = MemoryRecords()
    await records.append([audit_record(at=1.0, action="undo", detail="before there was a chain")])
    await written(2, None, records)
    await AuditTrail(records).append([audit_record(at=900.0, action="undo", detail="")])
    verdict = verify(await records.read(AUDIT))
    assert (verdict.broken, verdict.records, verdict.before) == (None, 3, 1)


async def test_pruning_is_written_down_and_holds() -> None:
    records = MemoryRecords()
    await written(5, None, records)
    assert await AuditTrail(records).prune(103.0) == 3
    left = await records.read(AUDIT)
    verdict = verify(left)
    assert (verdict.broken, verdict.first) == (None, 4)
    assert verify(left[1:]).broken is not None


async def test_nothing_old_means_nothing_to_write_down() -> None:
    records = MemoryRecords()
    await written(2, None, records)
    assert await AuditTrail(records).prune(50.0) == 0
    assert len(await records.read(AUDIT)) == 2


async def test_the_same_record_again_changes_nothing_and_another_under_its_name_is_kept_beside_it() -> None:
    records = MemoryRecords()
    trail = AuditTrail(records)
    one = audit_record(at=1.0, action="undo", detail="a")
    await trail.append([one])
    await trail.append([one])
    await trail.append([replace(one, body=orjson.dumps({"at": 1.0, "action": "undo", "detail": "b"}))])
    left = await records.read(AUDIT)
    assert [orjson.loads(each.body)["detail"] for each in left] == ["a", "b"]
    assert verify(left).broken is None


async def test_a_clock_that_steps_back_breaks_nothing() -> None:
    records = MemoryRecords()
    trail = AuditTrail(records)
    for at in (1000.0, 500.0, 1001.0):
        await trail.append([audit_record(at=at, action="undo", detail=str(at))])
    await trail.prune(900.0)
    left = await records.read(AUDIT)
    assert len(left) == 3
    assert verify(left).broken is None


class Failing(MemoryRecords):
    """Fails once, before or after it has written."""

    def __init__(self, *, late: bool) -> None:
        super().__init__()
        self.late, self.fails = late, True

    async def append(self, records: Sequence[Record]) -> None:
        if self.fails and not self.late:
            self.fails = False
            raise StoreUnavailable("not now")
        await super().append(records)
        if self.fails:
            self.fails = False
            raise StoreUnavailable("who knows")


@pytest.mark.parametrize("late", [True, False])
async def test_a_store_that_fails_leaves_one_chain(late: bool) -> None:
    records = Failing(late=late)
    trail = AuditTrail(records)
    one = audit_record(at=1.0, action="undo", detail="a")
    with pytest.raises(StoreUnavailable):
        await trail.append([one])
    await trail.append([one])
    await trail.append([audit_record(at=2.0, action="undo", detail="b")])
    verdict = verify(await records.read(AUDIT))
    assert (verdict.broken, verdict.records) == (None, 2)


async def test_others_at_the_same_time_make_one_chain() -> None:
    records = MemoryRecords()
    trail = AuditTrail(records)
    await asyncio.gather(
        *(trail.append([audit_record(at=float(n), action="undo", detail=str(n))]) for n in range(20))
    )
    assert verify(await records.read(AUDIT)).broken is None


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=12), st.integers(0, 11), st.integers(0, 2**31))
def test_any_flipped_bit_of_a_body_shows(times: list[float], which: int, bit: int) -> None:
    async def make() -> list[Record]:
        records = MemoryRecords()
        trail = AuditTrail(records, KEY)
        for number, at in enumerate(times):
            await trail.append([audit_record(at=at, action="undo", detail=f"d{number}")])
        return await records.read(AUDIT)

    all_ = asyncio.run(make())
    one = all_[which % len(all_)]
    body = bytearray(one.body)
    place = bit % (len(body) * 8)
    body[place // 8] ^= 1 << place % 8
    all_[which % len(all_)] = replace(one, body=bytes(body))
    before, after = orjson.loads(one.body), None
    with suppress(orjson.JSONDecodeError):
        after = orjson.loads(bytes(body))
    assert (verify(all_, key=KEY).broken is not None) == (before != after)
