import json

import pytest
from bench.faults.catalogue import FAULTS, Fault, Kind
from bench.faults.grade import Attempt, Cell, Grade, cell_of, texts

from foreroute.chaos.answer import Answer
from foreroute.chaos.words import TEXT

ERROR = json.dumps({"error": {"message": "no", "type": "t", "param": None, "code": None}}).encode()
WHOLE = json.dumps({"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}]}).encode()
HOLLOW = b'{"choices": []}'


def complete(seconds: float = 0.1) -> Answer:
    return Answer(status=200, body=WHOLE, seconds=seconds)


def refused(status: int = 503, seconds: float = 0.1, body: bytes = ERROR, **headers: str) -> Answer:
    return Answer(
        status=status,
        body=body,
        seconds=seconds,
        headers={k.replace("_", "-"): v for k, v in headers.items()},
    )


def told(seconds: float = 0.1) -> Answer:
    return Answer(status=200, body=b"data: " + ERROR + b"\n\n", seconds=seconds)


def cell(kind: Kind, *answers: Answer, attempts: int = 1) -> Cell:
    fault = Fault(id="f", what="", kind=kind, stream=kind is Kind.BROKEN, requests=len(answers))
    return cell_of(fault, answers, [Attempt("bad", texts(fault)[-1])] * attempts, "bad")


@pytest.mark.parametrize(
    ("answers", "grade"),
    [
        ([complete()] * 20, Grade.GOOD),
        ([complete()] * 19 + [complete(2.0)], Grade.DEGRADED),
        ([complete()] * 18 + [refused()] * 2, Grade.DEGRADED),
        ([complete()] * 17 + [refused()] * 3, Grade.WRONG),
        ([complete()] * 19 + [refused(body=b"oops")], Grade.WRONG),
        ([complete()] * 19 + [Answer(status=200, body=HOLLOW)], Grade.WRONG),
        ([complete()] * 19 + [Answer(status=0, is_whole=False, gave_up=True)], Grade.WRONG),
    ],
)
def test_what_another_channel_could_serve_must_be_served_fast(answers: list[Answer], grade: Grade) -> None:
    assert cell(Kind.SERVABLE, *answers).grade is grade


@pytest.mark.parametrize(
    ("answer", "grade"),
    [
        (told(), Grade.GOOD),
        (told(10.0), Grade.DEGRADED),
        (refused(), Grade.DEGRADED),
        (Answer(status=200, body=b"", is_whole=False), Grade.DEGRADED),
        (Answer(status=200, body=b""), Grade.WRONG),
        (Answer(status=200, body=b"", gave_up=True), Grade.WRONG),
    ],
)
def test_a_stream_that_broke_must_end_with_an_error(answer: Answer, grade: Grade) -> None:
    assert cell(Kind.BROKEN, told(), answer).grade is grade


@pytest.mark.parametrize(
    ("answer", "grade"),
    [
        (refused(429, retry_after="7"), Grade.GOOD),
        (refused(429, retry_after="1.5"), Grade.GOOD),
        (refused(429, retry_after="8"), Grade.DEGRADED),
        (refused(429, retry_after="soon"), Grade.DEGRADED),
        (refused(429), Grade.DEGRADED),
        (refused(429, 1.0, retry_after="7"), Grade.DEGRADED),
        (refused(503, retry_after="7"), Grade.DEGRADED),
        (refused(500), Grade.WRONG),
        (complete(), Grade.WRONG),
        (Answer(status=429, gave_up=True), Grade.WRONG),
    ],
)
def test_when_all_ask_for_a_pause_the_client_is_told_how_long(answer: Answer, grade: Grade) -> None:
    assert cell(Kind.LIMITED, refused(429, retry_after="7"), answer).grade is grade


@pytest.mark.parametrize(
    ("answer", "grade"),
    [
        (refused(503), Grade.GOOD),
        (refused(502, 2.0), Grade.DEGRADED),
        (refused(503, body=b"no"), Grade.DEGRADED),
        (refused(429), Grade.WRONG),
        (Answer(status=200, body=HOLLOW), Grade.WRONG),
    ],
)
def test_when_all_fail_the_client_is_told(answer: Answer, grade: Grade) -> None:
    assert cell(Kind.DOWN, refused(), answer).grade is grade


def test_a_fault_that_was_never_met_is_not_graded() -> None:
    assert cell(Kind.SERVABLE, complete(), attempts=0).grade is Grade.UNTESTED


def test_a_cell_counts_attempts_and_those_on_the_faulty_channel_near_the_end() -> None:
    fault = Fault(id="f", what="", requests=4)
    asked = texts(fault)
    attempts = [Attempt("bad", asked[0]), Attempt("good", asked[0]), Attempt("good", asked[2])]
    attempts += [Attempt("bad", asked[3]), Attempt("good", asked[3])]
    found = cell_of(
        fault,
        [complete(1.0), complete(3.0), refused(429, 5.0, retry_after="3"), complete(7.0)],
        attempts,
        "bad",
    )
    assert (found.attempts_per_request, found.late_bad_attempts) == (1.25, 1)
    assert (found.p50_s, found.max_s, found.retry_after) == (4.0, 7.0, ["3"])
    assert found.verdicts == {"complete": 3, "told": 1}
    assert found.statuses == {"200": 3, "429": 1}
    assert (found.wrong, found.note[:4]) == (1, "429:")


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({fault.id for fault in FAULTS}) == len(FAULTS)
