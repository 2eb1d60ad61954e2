"""The last hour of attempts in slots of ten seconds: what rollups are too coarse to tell.

When the first attempt failed, which requests another channel saved, and how fast traffic went elsewhere. Bounded: slots
are forgotten after `keep_s`, and of requests with more than one attempt only the newest are remembered.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.failure import FAILURE_ADVICE, FailureFamily
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.core.incident import Felt
from foreroute.core.plan import Objective
from foreroute.core.series import FIRST_CHUNK_METRICS

SLOT_S: Final = 10.0
_KEYS_MAX: Final = 100
_REQUESTS_MAX: Final = 20_000
_NO_REQUEST: Final = frozenset({PickReason.PROBE, PickReason.SHADOW})
_OWN_FAULT: Final = frozenset({FailureFamily.REQUEST_FAULT, FailureFamily.REQUEST_MISMATCH})
_OPEN: Final = "open"
_Cell = tuple[RouteName, ChannelId]


@dataclass(slots=True)
class Slot:
    """One channel on one route in ten seconds."""

    attempts: int = 0
    failed: int = 0
    late: int = 0
    lost: int = 0
    """Requests whose last attempt so far failed here."""
    rescued: int = 0
    waited_s: float = 0.0
    requests: int = 0
    """Requests that began here."""
    first_failed_at: float | None = None
    first_late_at: float | None = None
    keys: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Tens:
    """All routes of an incident in ten seconds, and its channels' part."""

    at: float
    requests: int
    lost: int
    late: int
    attempts: int
    attempts_there: int


@dataclass(slots=True)
class _Request:
    """One that needed more than one attempt: where and when its newest failure was counted."""

    slot: Slot | None
    began_at: float
    done: bool = False


class AttemptWatch:
    """Told of every attempt; asked about the last hour. Attempts may come in any order, each once."""

    def __init__(self, objectives: Mapping[RouteName, Objective], *, keep_s: float = 3600.0) -> None:
        self._objectives, self._keep_s = dict(objectives), keep_s
        self._slots: dict[int, dict[_Cell, Slot]] = {}
        self._requests: OrderedDict[RequestId, _Request] = OrderedDict()
        self._opened: dict[ChannelId, list[float]] = {}
        """When requests met the channel's open breaker, ten seconds apart at least."""

    def observe(self, attempts: Iterable[Attempt]) -> None:
        for attempt in attempts:
            if attempt.reason not in _NO_REQUEST and attempt.outcome is not Outcome.IGNORED:
                self._add(attempt)

    def forget(self, at: float) -> None:
        oldest = int((at - self._keep_s) // SLOT_S)
        for number in [number for number in self._slots if number < oldest]:
            del self._slots[number]
        for channel, times in list(self._opened.items()):
            kept = [one for one in times if one >= at - self._keep_s]
            self._opened[channel] = kept
            if not kept:
                del self._opened[channel]

    def reaches(self, start_at: float, at: float) -> bool:
        """Whether nothing since an instant is forgotten by now."""
        return start_at >= at - self._keep_s

    def first_bad_at(
        self, channels: Collection[ChannelId], *, since_at: float, slow: bool = False
    ) -> float | None:
        """The end of the first attempt that failed (or, with `slow`, failed or was late) since an instant.

        Of the slot that holds the instant only the first one is known: what came before it hides the others there.
        """
        found = []
        for number in sorted(self._slots):
            if (number + 1) * SLOT_S <= since_at:
                continue
            for (_, channel), slot in self._slots[number].items():
                if channel in channels:
                    found += [slot.first_failed_at, slot.first_late_at if slow else None]
            known = [at for at in found if at is not None and at >= since_at]
            if known:
                return min(known)
        return None

    def breaker_opened_at(self, channels: Collection[ChannelId], *, since_at: float) -> float | None:
        """The first request that found one of these breakers open since an instant."""
        times = [at for name in channels for at in self._opened.get(name, ()) if at >= since_at]
        return min(times, default=None)

    def tens(
        self,
        routes: Collection[RouteName],
        channels: Collection[ChannelId],
        *,
        start_at: float,
        end_at: float,
    ) -> list[Tens]:
        """Slots with start_at ≤ their start < end_at in which there was anything, oldest first."""
        first, last = int(start_at // SLOT_S), int(-(-end_at // SLOT_S))
        return [
            _tens(number, self._slots[number], routes, channels)
            for number in range(first, last)
            if number in self._slots and number * SLOT_S < end_at
        ]

    def felt(
        self,
        routes: Collection[RouteName],
        channels: Collection[ChannelId],
        *,
        start_at: float,
        end_at: float,
    ) -> Felt:
        """What users of the channels felt in the slots that start in this time."""
        total, keys = Felt(), set[str]()
        for number in range(int(start_at // SLOT_S), int(-(-end_at // SLOT_S))):
            for (route, channel), slot in self._slots.get(number, {}).items():
                if route not in routes:
                    continue
                mine = channel in channels
                total += Felt(
                    requests=slot.requests,
                    failed_attempts=slot.failed if mine else 0,
                    lost=slot.lost if mine else 0,
                    rescued=slot.rescued if mine else 0,
                    late=slot.late if mine else 0,
                    waited_s=slot.waited_s if mine else 0.0,
                )
                keys |= slot.keys if mine else set()
        return total + Felt(keys=tuple(sorted(keys)))

    # How --------------------------------------------------------------------------------------------------------

    def _add(self, attempt: Attempt) -> None:
        at = attempt.ended_at
        slots = self._slots.setdefault(int(at // SLOT_S), {})
        slot = slots.get((attempt.route, attempt.channel))
        if slot is None:
            slot = slots[attempt.route, attempt.channel] = Slot()
        slot.attempts += 1
        slot.requests += attempt.number == 1
        for other in attempt.candidates:
            if other.standing == _OPEN:
                self._note_open(other.channel, attempt.started_at)
        if attempt.outcome is Outcome.SUCCESS:
            self._answered(attempt, slot)
        elif not _is_own_fault(attempt):
            self._failed(attempt, slot, at)

    def _answered(self, attempt: Attempt, slot: Slot) -> None:
        began_at = attempt.started_at
        if attempt.number > 1 or attempt.hedge:
            request = self._request(attempt.request_id, attempt.started_at)
            request.done = True
            began_at = min(began_at, request.began_at)
            if (failed := request.slot) is not None:
                failed.lost -= 1
                failed.rescued += 1
                failed.waited_s += max(0.0, attempt.started_at - request.began_at)
                request.slot = None
        if self._is_late(attempt, began_at):
            slot.late += 1
            slot.first_late_at = min(attempt.ended_at, slot.first_late_at or attempt.ended_at)
            _note_key(slot, attempt)

    def _failed(self, attempt: Attempt, slot: Slot, at: float) -> None:
        if attempt.outcome is not Outcome.THROTTLED:
            slot.failed += 1
        slot.first_failed_at = min(at, slot.first_failed_at or at)
        _note_key(slot, attempt)
        request = self._request(attempt.request_id, attempt.started_at)
        if request.done:
            slot.rescued += 1
            return
        if request.slot is not None:
            request.slot.lost -= 1  # it is lost where it failed last
        slot.lost += 1
        request.slot, request.began_at = slot, min(request.began_at, attempt.started_at)

    def _request(self, name: RequestId, began_at: float) -> _Request:
        request = self._requests.get(name)
        if request is None:
            request = self._requests[name] = _Request(None, began_at)
            if len(self._requests) > _REQUESTS_MAX:
                self._requests.popitem(last=False)
        return request

    def _is_late(self, attempt: Attempt, began_at: float) -> bool:
        objective = self._objectives.get(attempt.route)
        if objective is None:
            return False
        if objective.metric in FIRST_CHUNK_METRICS:
            if attempt.time_to_first_chunk_s is None or not attempt.stream:
                return False
            return attempt.started_at - began_at + attempt.time_to_first_chunk_s > objective.limit_s
        return attempt.ended_at - began_at > objective.limit_s

    def _note_open(self, channel: ChannelId, at: float) -> None:
        times = self._opened.setdefault(channel, [])
        if not times or abs(at - times[-1]) >= SLOT_S:
            times.append(at)


def _tens(
    number: int,
    slots: Mapping[_Cell, Slot],
    routes: Collection[RouteName],
    channels: Collection[ChannelId],
) -> Tens:
    on = [(channel, slot) for (route, channel), slot in slots.items() if route in routes]
    mine: Sequence[Slot] = [slot for channel, slot in on if channel in channels]
    return Tens(
        at=number * SLOT_S,
        requests=sum(slot.requests for _, slot in on),
        lost=sum(slot.lost for slot in mine),
        late=sum(slot.late for slot in mine),
        attempts=sum(slot.attempts for _, slot in on),
        attempts_there=sum(slot.attempts for slot in mine),
    )


def _note_key(slot: Slot, attempt: Attempt) -> None:
    if attempt.key_id is not None and len(slot.keys) < _KEYS_MAX:
        slot.keys.add(attempt.key_id)


def _is_own_fault(attempt: Attempt) -> bool:
    """What the request itself got wrong says nothing about the channel."""
    kind = attempt.failure_class
    return kind is not None and FAILURE_ADVICE[kind].family in _OWN_FAULT
