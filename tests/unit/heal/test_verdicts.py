import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureEvidence, Phase
from foreroute.heal.classify import CauseClassifier, RuleBook, default_classifier
from foreroute.heal.records import LINE_BYTES_MAX, RecordFault, record_of
from foreroute.heal.reliability import Reliability
from foreroute.heal.text_model import TextModel, fields_of, model_of, tokens_of
from foreroute.heal.verdict import CONFIDENCE_MIN, Verdict, action_of

F = FailureClass
OWN = Path(__file__).parents[2] / "data" / "failures"


def rows(name: str) -> list[tuple[Any, bytes]]:
    return [(json.loads(line), line) for line in (OWN / name).read_bytes().splitlines()]


@pytest.mark.parametrize("name", ["measured.jsonl", "field.jsonl"])
def test_it_names_what_other_client_libraries_and_people_have_seen(name):
    found = [
        (fields["label"], default_classifier().verdict(record_of(line, 1).evidence))
        for fields, line in rows(name)
    ]
    right = sum(verdict.kind.value == label for label, verdict in found)
    assert right / len(found) >= 0.95
    assert all(0.0 <= verdict.confidence <= 1.0 for _, verdict in found)


def verdict(status=None, phase=Phase.HEADERS, **evidence) -> Verdict:
    return default_classifier().verdict(FailureEvidence(phase=phase, status=status, **evidence))


def test_what_nothing_names_is_unknown_and_not_guessed():
    found = verdict(message="qwrt zzyx plfg")
    assert found.kind is F.UNKNOWN
    assert found.confidence < CONFIDENCE_MIN
    advice = FAILURE_ADVICE[F.UNKNOWN]
    assert advice.failover
    assert not advice.counts_against_channel


@pytest.mark.parametrize(
    ("ground", "evidence"),
    [
        ("code", {"status": 429, "error_code": "insufficient_quota"}),
        ("said", {"status": 500, "message": "Overloaded"}),
        ("wire", {"message": "connection refused"}),
        ("status", {"status": 401}),
        ("phase", {"phase": Phase.DNS}),
        ("bare", {"status": 418}),
    ],
)
def test_a_verdict_says_what_it_rests_on(ground, evidence):
    found = verdict(**evidence)
    assert found.ground == ground
    assert found.confidence >= CONFIDENCE_MIN


def test_a_proxys_words_about_the_network_go_through_a_server_error():
    """Client libraries turn every transport failure into an internal server error."""
    assert (
        verdict(500, error_type="litellm.InternalServerError", message="dial tcp: actively refused it").kind
        is F.CONNECTION_REFUSED_OR_RESET
    )


@pytest.mark.parametrize(
    ("kind", "action"),
    [(F.RATE_LIMITED, "retry"), (F.AUTHENTICATION, "failover"), (F.CONTEXT_LENGTH_EXCEEDED, "failover"), (F.INVALID_REQUEST, "return"), (F.UNKNOWN, "retry")],
)  # fmt: skip
def test_an_action_follows_from_the_family(kind, action):
    assert action_of(kind) == action


MODEL = TextModel(
    kinds=(F.RATE_LIMITED, F.SERVER_ERROR),
    words={"slow": 0, "broken": 1},
    idf=(1.0, 2.0),
    weights=(100, -100, -100, 100),
    scales=(0.05, 0.05),
    bias=(0.0, 0.1),
    temperature=1.0,
)


def test_the_text_model_weighs_known_words():
    kind, sure = MODEL.best(["slow", "down"])
    assert kind is F.RATE_LIMITED
    assert sure > 0.99
    assert MODEL.best(["broken"])[0] is F.SERVER_ERROR
    assert MODEL.best([])[0] is F.SERVER_ERROR  # the prior


def test_a_model_is_the_same_after_it_was_written_down():
    again = model_of(json.loads(json.dumps(fields_of(MODEL))))
    for tokens in (["slow"], ["broken"], ["slow", "broken"], []):
        assert again.best(tokens) == MODEL.best(tokens)


def test_a_model_that_is_not_sure_enough_says_nothing():
    flat = TextModel(tuple(F), {}, (), (), (1.0,) * len(F), (0.0,) * len(F), 1.0)
    classifier = CauseClassifier(RuleBook(), flat, Reliability())
    assert classifier.verdict(FailureEvidence(phase=Phase.SEND, message="odd")).kind is F.UNKNOWN


def test_tokens_know_no_numbers_and_are_bounded():
    tokens = tokens_of("limit 30000 reached " * 500, 429, "headers")
    assert "30000" not in " ".join(tokens)
    assert len(tokens) <= 10


def test_few_cases_are_pulled_towards_all():
    reliability = Reliability(
        {"said": (90, 100), "said/overloaded_or_capacity": (2, 2), "said/server_error": (50, 100)}, 0.9
    )
    sure, unsure = reliability.of("said", F.OVERLOADED), reliability.of("said", F.SERVER_ERROR)
    assert 0.9 < sure < 1.0
    assert unsure == pytest.approx(0.5, abs=0.02)
    assert reliability.of("text", F.OVERLOADED) == pytest.approx(0.9)


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_reliability_is_a_share(right, wrong):
    counts = {"said": (right, right + wrong), "said/server_error": (right, right + wrong)}
    assert 0.0 <= Reliability(counts, 0.5).of("said", F.SERVER_ERROR) <= 1.0


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"nope", "not JSON"),
        (b"[1]", "a JSON object"),
        (b'{"id": "a"}', "nothing is said"),
        (b'{"message": {"a": 1}}', "`message` is not a text"),
        (b'{"message": "x", "http_status": "many"}', "`http_status`"),
        (b'{"message": "x", "phase": "lunch"}', "`phase`"),
        (b'{"message": "x", "id": true}', "`id`"),
        (b'"' + b"x" * LINE_BYTES_MAX + b'"', "bytes"),
    ],
)
def test_a_line_that_is_no_record_says_why(line, complaint):
    with pytest.raises(RecordFault, match=complaint):
        record_of(line, 3)


def test_a_record_has_its_id_or_the_number_of_its_line():
    assert record_of(b'{"id": 7, "message": "x"}', 3).id == 7
    assert record_of(b'{"message": "x", "status": "429", "phase": null}', 3).id == 3
    with pytest.raises(RecordFault) as caught:
        record_of(b'{"id": "a", "message": 1.5}', 3)
    assert caught.value.id == "a"


@given(st.binary(max_size=200))
def test_any_line_is_a_record_or_a_fault(line):
    try:
        found = record_of(line, 1)
    except RecordFault:
        return
    default_classifier().verdict(found.evidence)
