"""Which paths are served, and that nothing else a provider's key opens can be reached."""

from string import printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreroute.core.channel import Dialect
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.wire.paths import Call, Endpoint, ModelsCall, dialect_of, read_path

PASSED = GatewaySettings().passthrough
PREFIXES = ("", "/v1", "/openai", "/openai/v1", "/anthropic", "/anthropic/v1")
UNDERSTOOD = [endpoint for endpoint in Endpoint if endpoint is not Endpoint.OPAQUE]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("endpoint", UNDERSTOOD)
def test_every_endpoint_answers_under_every_prefix(prefix: str, endpoint: Endpoint) -> None:
    assert read_path(prefix + endpoint.value, PASSED) == Call(endpoint, endpoint.value)
    assert read_path(prefix + endpoint.value, ()) == Call(endpoint, endpoint.value), (
        "not passed through: served"
    )


@pytest.mark.parametrize("prefix", PREFIXES)
def test_models_and_one_model(prefix: str) -> None:
    assert read_path(f"{prefix}/models", ()) == ModelsCall(None)
    assert read_path(f"{prefix}/models/meta/llama-3", ()) == ModelsCall("meta/llama-3")  # type: ignore[arg-type]


@pytest.mark.parametrize("endpoint", [Endpoint.CHAT, Endpoint.COMPLETIONS, Endpoint.EMBEDDINGS])
def test_azures_path_names_the_model(endpoint: Endpoint) -> None:
    call = read_path(f"/openai/deployments/gpt-4o{endpoint.value}", PASSED)
    assert call == Call(endpoint, endpoint.value, "gpt-4o")  # type: ignore[arg-type]


def test_azures_path_names_the_model_of_what_is_passed_through_too() -> None:
    assert read_path("/openai/deployments/whisper/audio/transcriptions", PASSED) == Call(
        Endpoint.OPAQUE,
        "/audio/transcriptions",
        "whisper",  # type: ignore[arg-type]
    )
    assert read_path("/openai/deployments/whisper/models", PASSED) is None
    assert read_path("/openai/deployments/whisper/organization/users", PASSED) is None


@pytest.mark.parametrize("name", sorted(PASSED))
@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_is_passed_through(prefix: str, name: str) -> None:
    for rest in ("", "/one", "/one/content", "/a-b_c.d:e~f/1"):
        assert read_path(f"{prefix}/{name}{rest}", PASSED) in {
            Call(Endpoint.OPAQUE, f"/{name}{rest}"),
            Call(Endpoint.RESPONSES, "/responses"),
        }


def test_the_list_of_what_is_passed_through_is_the_operators() -> None:
    assert read_path("/v1/files", {"audio"}) is None
    assert read_path("/v1/fine_tuning/jobs", {"fine_tuning"}) == Call(Endpoint.OPAQUE, "/fine_tuning/jobs")
    assert read_path("/v1/responses/resp_1", {"audio"}) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1",
        "/v1/",
        "//",
        "v1/files",
        "/v1//files",
        "/v1/files/",
        "/v1/files//a",
        "/v1/files/.",
        "/v1/files/..",
        "/v1/files/../organization/users",
        "/v1/files/./../assistants",
        "/v1/files/.hidden",
        "/v1/../v1/files",
        "/v1/v1/files",
        "/v1/files/%2e%2e/organization",
        "/v1/files/a%2Fb",
        "/v1/files/a b",
        "/v1/files/a?b",
        "/v1/files/a#b",
        "/v1/files/a\\..\\b",
        "/v1/files/a\n",
        "/v1/files\n",
        "/v1/files/\x00",
        "/v1/files/ü",
        "/v1/files/a;b",
        "/v1/files/a@b",
        "/v1/organization/users",
        "/v1/organization/admin_api_keys",
        "/v1/organization/costs",
        "/organization/users",
        "/openai/v1/organization/users",
        "/openai/deployments/gpt/organization/users",
        "/anthropic/v1/organizations/me",
        "/v1/fine_tuning/jobs",
        "/v1/assistants",
        "/v1/threads/t/runs",
        "/v1/filesystem",
        "/v1/FILES",
        "/V1/files",
        "/v2/files",
        "/v1/chat/completions/",
        "/v1/chat/completions/abc",
        "/v1/chat/completions\n",
        "/v1/messages/batches",
        "/openai/deployments//chat/completions",
        "/openai/deployments/gpt/../chat/completions",
        "/openai/deployments/a/b/chat/completions",
    ],
)  # fmt: skip
def test_there_is_no_such_path(path: str) -> None:
    assert read_path(path, PASSED) is None


SEGMENTS = st.sampled_from(
    [*sorted(PASSED), "..", ".", "", "%2e%2e", "v1", "openai", "organization", "a.b", ".a"]
)


@given(st.lists(SEGMENTS, max_size=6) | st.text(printable, max_size=30).map(lambda text: [text]))
def test_what_is_passed_through_stays_below_a_listed_name(segments: list[str]) -> None:
    call = read_path("/" + "/".join(segments), PASSED)
    if isinstance(call, Call) and call.endpoint is Endpoint.OPAQUE:
        first, *rest = call.path.removeprefix("/").split("/")
        assert first in PASSED
        assert all(part and not part.startswith(".") and "%" not in part for part in rest)


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/nothing", Dialect.OPENAI),
        ("/v1/organization/users", Dialect.OPENAI),
        ("/v1/messages/batches", Dialect.ANTHROPIC),
        ("/messages/nothing", Dialect.ANTHROPIC),
        ("/anthropic/v1/organizations", Dialect.ANTHROPIC),
        ("/anthropical", Dialect.OPENAI),
    ],
)
def test_errors_are_in_the_dialect_of_the_path(path: str, dialect: Dialect) -> None:
    assert dialect_of(path) is dialect


def test_endpoints_know_their_dialect() -> None:
    anthropic = {endpoint for endpoint in Endpoint if endpoint.dialect is Dialect.ANTHROPIC}
    assert anthropic == {Endpoint.MESSAGES, Endpoint.COUNT_TOKENS}
