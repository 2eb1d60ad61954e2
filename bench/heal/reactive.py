"""The reactive baseline: LiteLLM's retries and cooldowns (`simulate/policies/litellm.py`) over the same real channels.

It is given what its users would give it: simple-shuffle, two retries, then fallbacks to each channel that was not asked
yet, as in docs/faults.md, and the same timeouts as Foreroute. It sees what LiteLLM sees: a 200 that cannot be read is an error, one without choices is a success, and a stream that has begun is not asked
for again.
"""

from collections.abc import Iterable
from random import Random
from typing import Final

from bench.heal.injections import Ask
from foreroute.chaos.answer import Answer, Verdict, read_stream, verdict_of
from foreroute.chaos.client import ask as ask_channel
from foreroute.chaos.house import ROUTE, House
from foreroute.chaos.seen import Asked
from foreroute.core.attempt import Attempt, Outcome, PickReason
from foreroute.core.ids import ChannelId, RequestId, RouteName
from foreroute.simulate.policies.litellm import LiteLLM
from foreroute.simulate.policies.lowest_latency import LowestLatency
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Pick

_CONNECT_S: Final = 3.0
_FIRST_CHUNK_S: Final = 5.0
_TOTAL_S: Final = 20.0
_OK: Final = 200


class Shuffle(LowestLatency):
    """LiteLLM's default, simple-shuffle: any of them."""

    def choose(self, channels: Iterable[ChannelId], *, stream: bool, chance: Random, at: float) -> ChannelId:  # noqa: ARG002 - the seam
        return chance.choice(sorted(channels))


def reactive(house: House, seed: int) -> Ask:
    """Serves the users of this house in place of its gateway."""
    gateway = _Reactive(house, Random(seed))
    return gateway.ask


class _Reactive:
    def __init__(self, house: House, chance: Random) -> None:
        self._house = house
        self._chance = chance
        channels = {channel.id: channel for channel in house.data.channels}
        self._router = LiteLLM(channels, strategy=Shuffle())
        self._requests = 0
        self.attempts: list[Attempt] = []

    async def ask(self, text: str) -> None:
        """One user's request, kept in what is seen."""
        house, stream = self._house, self._house.fault.stream
        self._requests += 1
        began_at = house.now()
        request = Request(
            id=RequestId(f"r{self._requests}"),
            at=began_at,
            route=RouteName(ROUTE),
            input_tokens=10,
            output_tokens=14,
            stream=stream,
        )
        answer, verdict = await self._serve(request, text)
        seconds = house.now() - began_at
        told = Answer(status=answer.status or 503, headers={}, body=answer.body, seconds=seconds)
        house.seen.asked.append(Asked(began_at, told, verdict))
        house.seen.attempts = self.attempts

    async def _serve(self, request: Request, text: str) -> tuple[Answer, Verdict]:
        """A refusal is told, as LiteLLM's typed errors are; what it takes for a success is passed on as it is."""
        tried: list[ChannelId] = []
        failed: Attempt | None = None
        answer = Answer(status=503)
        while True:
            asking = Asking(
                request=request, at=self._house.now(), chance=self._chance, tried=tried, failed=failed
            )
            pick = self._router.pick(asking)
            channel = pick.channel if isinstance(pick, Pick) else self._fallback(tried)
            if channel is None:
                return answer, Verdict.TOLD
            tried.append(channel)
            answer, verdict, attempt = await self._attempt(channel, request, text, len(tried))
            self.attempts.append(attempt)
            self._router.ended(attempt, None)
            if attempt.outcome is Outcome.SUCCESS:
                return answer, verdict
            if _has_begun(answer, stream=request.stream):
                return answer, Verdict.TOLD
            failed = attempt

    def _fallback(self, tried: list[ChannelId]) -> ChannelId | None:
        """The next channel that this request has not asked: each is a group of its own, which never cools down."""
        left = [channel for channel in self._house.stations if channel not in tried]
        return self._chance.choice(left) if left else None

    async def _attempt(
        self, channel: ChannelId, request: Request, text: str, number: int
    ) -> tuple[Answer, Verdict, Attempt]:
        house = self._house
        at = house.now()
        answer = await ask_channel(
            house.stations[channel].port,
            "gpt-4o-mini",
            text,
            stream=request.stream,
            headers={},
            patience_s=_FIRST_CHUNK_S if request.stream else _TOTAL_S,
            connect_s=_CONNECT_S,
        )
        verdict = verdict_of(answer, stream=request.stream)
        attempt = Attempt(
            request_id=request.id,
            number=number,
            route=request.route,
            channel=channel,
            started_at=at,
            duration_s=house.now() - at,
            outcome=_outcome(answer, verdict),
            reason=PickReason.CONFIGURED if number == 1 else PickReason.FAILOVER,
            plan_version=0,
            stream=request.stream,
            status=_status(answer, verdict),
            retry_after_s=_seconds(answer.retry_after),
        )
        return answer, verdict, attempt


def _status(answer: Answer, verdict: Verdict) -> int | None:
    """As LiteLLM names it: what cannot be read or has no end is its 500, what takes too long its 408."""
    if answer.gave_up:
        return 408
    is_failure = _outcome(answer, verdict) is Outcome.FAILURE
    return 500 if is_failure and answer.status in {0, _OK} else answer.status


def _outcome(answer: Answer, verdict: Verdict) -> Outcome:
    if answer.gave_up:
        return Outcome.TIMEOUT
    passes = verdict in {Verdict.COMPLETE, Verdict.LIED} and answer.status == _OK
    return Outcome.SUCCESS if passes and _can_be_read(answer) else Outcome.FAILURE


def _can_be_read(answer: Answer) -> bool:
    """A page of HTML fails where the library parses it; an answer without choices does not."""
    return not answer.body.lstrip().startswith(b"<")


def _has_begun(answer: Answer, *, stream: bool) -> bool:
    return stream and answer.status == _OK and bool(read_stream(answer.body).text)


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
