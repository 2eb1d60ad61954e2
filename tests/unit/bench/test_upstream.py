"""The upstream itself, asked by the client directly: what a gateway would pass on if it did nothing about a fault."""

from collections.abc import Iterator

import pytest
from bench.faults.catalogue import FAULTS
from bench.faults.upstream import BAD, GOOD, Upstream, upstream

from foreroute.chaos.answer import Answer, Verdict, verdict_of
from foreroute.chaos.client import ask
from foreroute.chaos.words import TEXT

BY_ID = {fault.id: fault for fault in FAULTS}
PASSED_ON = {
    "permanent_503": (503, Verdict.TOLD),
    "429_retry_after": (429, Verdict.TOLD),
    "401_one_key": (401, Verdict.TOLD),
    "402_quota": (402, Verdict.TOLD),
    "403_region": (403, Verdict.TOLD),
    "connection_reset": (0, Verdict.NOTICED),
    "body_cut_short": (200, Verdict.NOTICED),
    "hollow_200": (200, Verdict.NOTICED),
    "empty_choices_200": (200, Verdict.LIED),
    "bad_gzip": (200, Verdict.NOTICED),
    "slow_headers": (0, Verdict.HUNG),
    "stall_12s": (0, Verdict.HUNG),
    "stream_cut_early": (200, Verdict.NOTICED),
    "error_event_first": (200, Verdict.TOLD),
    "stream_cut_midway": (200, Verdict.NOTICED),
    "stream_without_finish_reason": (200, Verdict.LIED),
    "malformed_event": (200, Verdict.NOTICED),
    "error_event_in_stream": (200, Verdict.TOLD),
    "stall_midway": (200, Verdict.HUNG),
    "all_429": (429, Verdict.TOLD),
    "all_503": (503, Verdict.TOLD),
}


@pytest.fixture(scope="module")
def source() -> Iterator[Upstream]:
    with upstream(FAULTS) as running:
        yield running


async def get(source: Upstream, fault: str, channel: str, text: str = "hi") -> Answer:
    is_silent = PASSED_ON.get(fault, (0, None))[1] is Verdict.HUNG and channel == BAD
    return await ask(
        source.ports[fault, channel],
        "m",
        text,
        stream=BY_ID[fault].stream,
        headers={},
        patience_s=0.3 if is_silent else 10.0,
    )


@pytest.mark.parametrize("fault", [fault.id for fault in FAULTS])
async def test_the_faulty_channel_does_what_the_catalogue_says(source: Upstream, fault: str) -> None:
    expected = PASSED_ON.get(fault, (200, Verdict.COMPLETE))
    if fault == "503_once":
        source.take(fault)
        assert (await get(source, fault, GOOD)).status == 503
    answer = await get(source, fault, BAD)
    assert (answer.status, verdict_of(answer, stream=BY_ID[fault].stream)) == expected


@pytest.mark.parametrize("fault", [fault.id for fault in FAULTS if not fault.everywhere])
async def test_the_other_channel_is_sound(source: Upstream, fault: str) -> None:
    if fault == "503_once":
        await get(source, fault, GOOD)
    answer = await get(source, fault, GOOD)
    assert verdict_of(answer, stream=BY_ID[fault].stream) is Verdict.COMPLETE
    assert TEXT.split()[-1].encode() in answer.body


async def test_it_counts_who_was_asked_for_what_and_then_forgets(source: Upstream) -> None:
    source.take("ok")
    await get(source, "ok", BAD, "one")
    await get(source, "ok", GOOD, "two")
    assert [(attempt.channel, attempt.text) for attempt in source.take("ok")] == [(BAD, "one"), (GOOD, "two")]
    assert source.take("ok") == []
