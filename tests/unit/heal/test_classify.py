import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.failure import FAILURE_ADVICE, FailureClass, FailureEvidence, Phase
from foreroute.core.ports import Classifier
from foreroute.heal.classify import default_classifier

F = FailureClass
LABELLED = Path(__file__).parents[4] / "shared" / "failures" / "failures.dev.jsonl"
CLASSIFIER: Classifier = default_classifier()


def name(phase: Phase = Phase.HEADERS, **evidence) -> FailureClass:
    return CLASSIFIER.classify(FailureEvidence(phase=phase, **evidence))


def raised(phase: Phase, *chain: tuple[str, str], message: str = "") -> FailureClass:
    return name(phase, exception_chain=chain, message=message or chain[0][1])


@pytest.mark.parametrize(
    ("cause", "phase", "chain"),
    [
        (F.DNS_FAILURE, Phase.DNS, ("ClientConnectorDNSError", "Cannot connect to host a.example:443 ssl:default")),
        (F.CONNECTION_REFUSED_OR_RESET, Phase.CONNECT, ("ClientConnectorError", "Cannot connect to host x:80 ssl:default [Connect call failed ('10.0.0.1', 80)]")),
        (F.CONNECTION_REFUSED_OR_RESET, Phase.HEADERS, ("ServerDisconnectedError", "Server disconnected")),
        (F.CONNECTION_REFUSED_OR_RESET, Phase.FIRST_CHUNK, ("ClientOSError", "[Errno 104] Connection reset by peer")),
        (F.STREAM_INTERRUPTED, Phase.STREAM, ("ClientOSError", "[Errno 104] Connection reset by peer")),
        (F.STREAM_INTERRUPTED, Phase.STREAM, ("ClientPayloadError", "Response payload is not completed")),
        (F.TLS_FAILURE, Phase.TLS, ("ClientConnectorCertificateError", "Cannot connect to host x:443 ssl:True")),
        (F.TIMEOUT_CONNECT, Phase.CONNECT, ("ConnectionTimeoutError", "Connection timeout to host http://x")),
        (F.TIMEOUT_CONNECT, Phase.TLS, ("ReadTimeoutError", "Read timed out")),
        (F.TIMEOUT_READ, Phase.HEADERS, ("TimeoutError", "")),
        (F.TIMEOUT_READ, Phase.STREAM, ("TimeoutError", "")),
        (F.MALFORMED_RESPONSE, Phase.HEADERS, ("BadHttpMessage", "400, message: Bad status line")),
        (F.NETWORK_UNSPECIFIED, Phase.HEADERS, ("APIConnectionError", "Connection error.")),
        (F.NETWORK_UNSPECIFIED, Phase.SEND, ("OSError", "something odd")),
    ],
)  # fmt: skip
def test_what_the_transport_says_is_read_in_the_light_of_the_phase(cause, phase, chain):
    assert raised(phase, chain) is cause


def test_a_cause_deep_in_the_chain_is_found():
    chain = (
        ("APIConnectionError", "Connection error."),
        ("ConnectError", "[Errno -2] Name or service not known"),
    )
    assert raised(Phase.SEND, *chain) is F.DNS_FAILURE


@pytest.mark.parametrize(
    ("cause", "status", "kind", "code", "message"),
    [
        (F.RATE_LIMITED, 429, "", "rate_limit_exceeded", "Rate limit reached for gpt-4o on tokens per min"),
        (F.QUOTA_EXHAUSTED, 429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota"),
        (F.QUOTA_EXHAUSTED, 400, "invalid_request_error", "", "You have reached your specified API usage limits"),
        (F.QUOTA_EXHAUSTED, 403, "", "", "Your team has no credits left"),
        (F.RATE_LIMITED, 429, "RESOURCE_EXHAUSTED", "429", "Quota exceeded for metric requests per minute"),
        (F.CONTEXT_LENGTH_EXCEEDED, 429, "tokens", "", "Request too large for gpt-4o on tokens per min (TPM)"),
        (F.AUTHENTICATION, 400, "INVALID_ARGUMENT", "400", "API key not valid. Reason: API_KEY_INVALID"),
        (F.MODEL_NOT_FOUND, 404, "invalid_request_error", "", "The model `x` does not exist or you do not have access to it."),
        (F.PERMISSION_OR_REGION_DENIED, 403, "", "unsupported_country_region_territory", "not supported"),
        (F.CONTENT_FILTERED, 400, "", "content_filter", "The response was filtered"),
        (F.OVERLOADED, 500, "api_error", "", "Overloaded"),
        (F.OVERLOADED, 429, "engine_overloaded_error", "", "The engine is currently overloaded"),
        (F.COLD_START, 503, "unavailable_error", "503", "Loading model"),
        (F.BACKEND_DEAD, 500, "", "", "CUDA out of memory"),
        (F.SERVER_ERROR, 500, "server_error", "", "The server had an error while processing your request"),
        (F.UNSUPPORTED_FEATURE, 400, "", "unsupported_parameter", "Unsupported parameter: 'max_tokens'"),
        (F.INVALID_REQUEST, 400, "invalid_request_error", "", "messages must not be empty"),
        (F.INVALID_REQUEST, 422, "", "", "field required"),
        (F.SERVER_ERROR, 599, "", "", ""),
    ],
)  # fmt: skip
def test_what_a_provider_says_beats_its_status(cause, status, kind, code, message):
    assert name(status=status, error_type=kind, error_code=code, message=message) is cause


@pytest.mark.parametrize(
    ("cause", "phase", "kind", "code", "message"),
    [
        (F.OVERLOADED, Phase.STREAM, "", "server_is_overloaded", "busy"),
        (F.RATE_LIMITED, Phase.STREAM, "rate_limit_error", "", "slow"),
        (F.SERVER_ERROR, Phase.STREAM, "server_error", "", "The server had an error"),
        (
            F.STREAM_INTERRUPTED,
            Phase.STREAM,
            "",
            "stream_interrupted",
            "the stream ended before the answer did",
        ),
        (F.MALFORMED_RESPONSE, Phase.FIRST_CHUNK, "", "malformed_response", "status 200 with empty body"),
        (F.MALFORMED_RESPONSE, Phase.FIRST_CHUNK, "", "", "an error inside the answer"),
    ],
)
def test_an_error_inside_a_200_is_an_error(cause, phase, kind, code, message):
    assert name(phase, status=200, error_type=kind, error_code=code, message=message) is cause


def test_a_proxys_page_is_read_without_its_tags():
    page = "<html><head><title>504 Gateway Time-out</title></head><body>nginx/1.22.1</body></html>"
    assert name(status=504, message="HTTP 504", body_head=page, content_type="text/html") is F.TIMEOUT_READ


def test_a_bare_404_is_about_the_channel_because_the_gateway_chose_path_and_model():
    assert name(status=404, message="HTTP 404", content_type="text/html") is F.MODEL_NOT_FOUND


def test_a_body_that_quotes_the_prompt_does_not_decide():
    quoted = '{"error":{"message":"field required"},"input":"my api key is invalid, rate limit reached"}'
    assert name(status=400, message="field required", body_head=quoted) is F.INVALID_REQUEST


@given(
    st.builds(
        FailureEvidence,
        phase=st.sampled_from(Phase),
        status=st.none() | st.integers(-1, 1000),
        error_type=st.text(),
        error_code=st.text(),
        message=st.text(),
        body_head=st.text(alphabet="<>abc ", max_size=3000),
        exception_chain=st.lists(st.tuples(st.text(), st.text()), max_size=4).map(tuple),
    )
)
def test_anything_gets_a_class(evidence):
    assert CLASSIFIER.classify(evidence) in FAILURE_ADVICE


_PHASES = {"body": Phase.STREAM, None: Phase.HEADERS}


def test_it_names_real_failures():
    """Real client libraries against real faults, and messages from the field; see the folder's own account."""
    if not LABELLED.exists():
        pytest.skip(f"the labelled failures are not beside this checkout ({LABELLED})")
    rows = [json.loads(line) for line in LABELLED.read_text().splitlines()]
    right = advice = 0
    for row in rows:
        found = name(
            _PHASES.get(row["phase"]) or Phase(row["phase"]),
            status=row["http_status"],
            error_type=row["error_type"] or "",
            message=row["message"],
        )
        label = FailureClass(row["label"])
        right += found is label
        advice += FAILURE_ADVICE[found] == FAILURE_ADVICE[label]
    assert right / len(rows) >= 0.96
    assert advice / len(rows) >= 0.98
