"""LiteLLM configurations become ones that load, and every part of them is spoken of."""

import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreroute.core.errors import ConfigError
from foreroute.settings import Settings, parse_settings
from foreroute.settings.litellm import Imported, import_litellm
from foreroute.settings.litellm_notes import Fate

FULL = Path(__file__).parents[2] / "data/litellm/full.yaml"


def take(text: str) -> Imported:
    return import_litellm(textwrap.dedent(text).encode(), "config.yaml")


def loaded(found: Imported, **environment: str) -> Settings:
    values = dict.fromkeys(found.variables, "sk-something") | environment
    return parse_settings(found.text.encode(), name="result", environment=values)


def said(found: Imported, fate: Fate) -> str:
    return "\n".join(str(note) for note in found.notes if note.fate is fate)


def one(model: str, **params: Any) -> Settings:
    entry = {"model_name": "m", "litellm_params": {"model": model, **params}}
    found = take(yaml.safe_dump({"model_list": [entry]}))
    return loaded(found, **dict.fromkeys(found.variables, "https://from.example"))


def test_a_plain_configuration() -> None:
    found = take("""
        model_list:
          - model_name: gpt-4o
            litellm_params: {model: openai/gpt-4o, api_key: os.environ/MY_KEY, rpm: 100, tpm: 5000}
          - model_name: gpt-4o
            litellm_params:
              model: azure/my-deployment
              api_base: https://eu.openai.azure.com/
              api_key: os.environ/AZURE_KEY
              api_version: "2024-10-21"
              rpm: 300
    """)
    assert found.variables == ("AZURE_KEY", "MY_KEY")
    result = loaded(found)
    first, second = result.channels
    assert (first.model, first.base_url, first.provider) == ("gpt-4o", "https://api.openai.com/v1", "openai")
    assert (first.limits.requests_per_minute, first.limits.tokens_per_minute) == (100, 5000)
    assert (second.model, second.base_url) == ("my-deployment", "https://eu.openai.azure.com/openai/v1")
    (route,) = result.routes
    assert [(target.channel, target.weight) for target in route.targets] == [
        (first.id, 100),
        (second.id, 300),
    ]
    assert "api_version: the v1 API that is used needs none" in said(found, Fate.ABSENT)


@pytest.mark.parametrize(
    ("model", "provider", "name", "url", "dialect"),
    [
        ("gpt-4o", "openai", "gpt-4o", "https://api.openai.com/v1", "openai"),
        ("claude-3-opus", "anthropic", "claude-3-opus", "https://api.anthropic.com/v1", "anthropic"),
        ("anthropic/claude-x", "anthropic", "claude-x", "https://api.anthropic.com/v1", "anthropic"),
        ("groq/llama-3", "groq", "llama-3", "https://api.groq.com/openai/v1", "openai"),
        ("together_ai/a/b", "together", "a/b", "https://api.together.xyz/v1", "openai"),
        ("deepseek/deepseek-chat", "deepseek", "deepseek-chat", "https://api.deepseek.com/v1", "openai"),
        ("mistral/small", "mistral", "small", "https://api.mistral.ai/v1", "openai"),
        ("openrouter/openai/gpt-4o", "openrouter", "openai/gpt-4o", "https://openrouter.ai/api/v1", "openai"),
        ("xai/grok", "x-ai", "grok", "https://api.x.ai/v1", "openai"),
        (
            "fireworks_ai/llama",
            "fireworks",
            "accounts/fireworks/models/llama",
            "https://api.fireworks.ai/inference/v1",
            "openai",
        ),
        (
            "gemini/flash",
            "google",
            "flash",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "openai",
        ),
        ("perplexity/sonar", "perplexity", "sonar", "https://api.perplexity.ai", "openai"),
        ("cerebras/llama", "cerebras", "llama", "https://api.cerebras.ai/v1", "openai"),
        ("nvidia_nim/meta/x", "nvidia", "meta/x", "https://integrate.api.nvidia.com/v1", "openai"),
        ("ollama/llama3:8b", "ollama", "llama3:8b", "http://127.0.0.1:11434/v1", "openai"),
        ("ollama_chat/llama3", "ollama", "llama3", "http://127.0.0.1:11434/v1", "openai"),
        ("lm_studio/qwen", "lm-studio", "qwen", "http://127.0.0.1:1234/v1", "openai"),
    ],
)
def test_known_providers(model: str, provider: str, name: str, url: str, dialect: str) -> None:
    (channel,) = one(model).channels
    assert (channel.provider, channel.model, channel.base_url, channel.dialect.value) == (
        provider,
        name,
        url,
        dialect,
    )


@pytest.mark.parametrize(
    ("params", "url"),
    [
        ({"model": "openai/x", "api_base": "http://10.0.0.5:9/v1/"}, "http://10.0.0.5:9/v1"),
        ({"model": "hosted_vllm/x", "api_base": "http://10.0.0.5:9/v1"}, "http://10.0.0.5:9/v1"),
        ({"model": "anthropic/x", "api_base": "https://a.example"}, "https://a.example/v1"),
        ({"model": "ollama/x", "api_base": "http://o:11434"}, "http://o:11434/v1"),
        ({"model": "azure/x", "api_base": "os.environ/AZURE_URL"}, "https://from.example/openai/v1"),
        ({"model": "openai/x", "api_base": "os.environ/URL"}, "https://from.example"),
        (
            {"model": "azure/x", "api_base": "https://a.example/openai/deployments/x?api-version=1"},
            "https://a.example/openai/v1",
        ),
        (
            {"model": "x", "custom_llm_provider": "openai", "base_url": "https://b.example/v1"},
            "https://b.example/v1",
        ),
    ],
)
def test_addresses(params: dict[str, Any], url: str) -> None:
    assert one(**params).channels[0].base_url == url


def test_a_host_of_ones_own_is_not_handed_a_providers_key() -> None:
    assert one("openai/x", api_base="https://mine.example/v1").channels[0].api_key is None
    assert one("hosted_vllm/x", api_base="http://127.0.0.1:9/v1", api_key="none").channels[0].api_key is None


def test_keys_that_stand_in_the_file_are_copied_nowhere() -> None:
    found = take("""
        model_list:
          - {model_name: a, litellm_params: {model: openai/a, api_key: sk-hush-one}}
          - {model_name: b, litellm_params: {model: openai/b, api_key: sk-hush-two}}
          - {model_name: c, litellm_params: {model: openai/c, api_key: sk-hush-one}}
          - {model_name: d, litellm_params: {model: openai/d}}
        general_settings: {master_key: sk-hush-master, database_url: "postgresql://u:hush@db/x"}
        environment_variables: {SOME: hush}
    """)
    assert "hush" not in found.text + "".join(map(str, found.notes))
    written = [line.split()[-1] for line in found.text.splitlines() if " api_key:" in line]
    keys = dict(zip("abcd", written, strict=True))
    assert keys["d"] == "${OPENAI_API_KEY}"
    assert keys["a"] == keys["c"]
    assert len(set(keys.values())) == 3
    result = loaded(found, FOREROUTE_KEY="sk-front")
    assert [key.get_secret_value() for key in result.gateway.api_keys] == ["sk-front"]
    assert "environment_variables.SOME" in said(found, Fate.BY_HAND)


def test_weights_order_prices_and_times() -> None:
    found = take("""
        model_list:
          - model_name: m
            litellm_params:
              {model: openai/a, weight: 3, order: 2, timeout: 45, stream_timeout: 7.5, input_cost_per_token: 1e-6}
            model_info: {id: first, output_cost_per_token: 0.0000025, cache_read_input_token_cost: 1.0e-07}
          - {model_name: m, litellm_params: {model: openai/b, order: 1, input_cost_per_token: 1e-6}}
          - {model_name: m, litellm_params: {model: openai/c, region_name: eu-west}}
        router_settings: {timeout: 90, allowed_fails: 2, cooldown_time: 300, num_retries: 1}
    """)
    result = loaded(found)
    first, second, third = result.channels
    assert first.id == "first"
    assert first.price is not None
    assert (str(first.price.input_usd_per_mtok), str(first.price.output_usd_per_mtok)) == ("1", "2.5")
    assert str(first.price.cached_input_usd_per_mtok) == "0.1"
    assert second.price is None
    assert "needs both input and output" in said(found, Fate.BY_HAND)
    assert first.timeouts is not None
    assert (first.timeouts.total, first.timeouts.first_chunk) == (45.0, 7.5)
    assert third.region == "eu-west"
    (route,) = result.routes
    assert [(t.weight, t.priority) for t in route.targets] == [(3, 1), (0, 0), (0, 2)]
    assert route.attempts_max == 2
    assert result.timeouts.total == 90.0
    assert (result.breaker.consecutive_failures_max, result.breaker.open, result.breaker.open_max) == (
        3,
        300,
        300,
    )


def test_fallbacks_aliases_and_defaults() -> None:
    found = take("""
        model_list:
          - {model_name: a, litellm_params: {model: openai/a}}
          - {model_name: b, litellm_params: {model: openai/b}}
          - {model_name: c, litellm_params: {model: openai/c}}
        router_settings:
          fallbacks: [{a: [b, nowhere, a]}, {"*": [c]}, nonsense]
          model_group_alias: {old: a, b: a, older: {model: c, hidden: true}, lost: nowhere}
          content_policy_fallbacks: [{a: [b]}]
    """)
    routes = {route.model: route for route in loaded(found).routes}
    assert {name: route.fallbacks for name, route in routes.items()} == {
        "a": ("b",),
        "b": ("c",),
        "c": (),
        "old": ("b",),
        "older": (),
    }
    assert routes["old"].targets == routes["a"].targets
    hand = said(found, Fate.BY_HAND)
    for words in (
        "'nowhere' is left out",
        "fallbacks[2]",
        "alias.b:",
        "alias.lost:",
        "content_policy_fallbacks",
    ):
        assert words in hand


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{model_name: '*', litellm_params: {model: openai/x}}", "no wildcards"),
        ("{model_name: m, litellm_params: {model: 'openai/*'}}", "no wildcards"),
        ("{model_name: m, litellm_params: {model: bedrock/x}}", "account: NAME"),
        ("{model_name: m, litellm_params: {model: vertex_ai/x}}", "account: NAME"),
        ("{model_name: m, litellm_params: {model: cohere/x}}", "not known here"),
        ("{model_name: m, litellm_params: {model: mystery}}", "write the provider before it"),
        ("{model_name: m, litellm_params: {model: azure/x}}", "write it into api_base"),
        ("{model_name: m, litellm_params: {model: openai/x, api_base: 'ftp://x'}}", "not an http"),
        (
            "{model_name: m, litellm_params: {model: openai/x, api_base: 'http://u:hush@x/v1'}}",
            "holds a user",
        ),
        ("{model_name: m, litellm_params: {model: openai/x, litellm_credential_name: c}}", "credential_list"),
        ("{model_name: 3, litellm_params: {model: openai/x}}", "must both be names"),
        ("{model_name: m}", "no litellm_params"),
        ("just text", "no litellm_params"),
    ],
)
def test_what_cannot_be_a_channel_is_left_out_and_named(entry: str, words: str) -> None:
    found = take(f"""
        model_list:
          - {entry}
          - {{model_name: good, litellm_params: {{model: openai/gpt-4o}}}}
    """)
    assert [route.model for route in loaded(found).routes] == ["good"]
    assert words in said(found, Fate.BY_HAND)
    assert "hush" not in said(found, Fate.BY_HAND)
    alone = f"model_list:\n  - {entry}\n"
    with pytest.raises(
        ConfigError, match=r"config.yaml:1: model_list: has no model that can be served"
    ) as refused:
        take(alone)
    assert words in str(refused.value)


def test_names_that_are_not_allowed_are_changed_and_said() -> None:
    found = take("""
        model_list:
          - {model_name: "my model (fast)", litellm_params: {model: openai/x}, model_info: {id: "my id"}}
          - {model_name: "true", litellm_params: {model: "openai/yes"}}
    """)
    result = loaded(found)
    assert [route.model for route in result.routes] == ["my-model-fast", "true"]
    assert result.channels[0].id == "openai-x"
    assert "'my model (fast)' is called 'my-model-fast'" in said(found, Fate.BY_HAND)
    assert "model_info.id: is no name" in said(found, Fate.BY_HAND)


def test_anchors_merges_and_credentials_are_resolved() -> None:
    found = take("""
        common: &common {rpm: 7, api_key: "${SHARED_KEY}"}
        model_list:
          - {model_name: m, litellm_params: {<<: *common, model: openai/a, rpm: 9}}
          - {model_name: m, litellm_params: {model: hosted_vllm/b, litellm_credential_name: lab}}
        credential_list:
          - {credential_name: lab, credential_values: {api_base: "https://${LAB:-x}/v1", api_key: os.environ/LAB_KEY}}
    """)
    assert found.variables == ("LAB", "LAB_KEY", "SHARED_KEY")
    first, second = loaded(found, LAB="lab.example").channels
    assert first.limits.requests_per_minute == 9
    assert second.base_url == "https://lab.example/v1"
    assert "default of ${LAB} is not taken over" in said(found, Fate.BY_HAND)


def test_the_configuration_with_everything() -> None:
    found = import_litellm(FULL.read_bytes(), "full.yaml")
    result = loaded(found)
    assert len(result.channels) == 7
    assert len(result.routes) == 7
    assert result.log.format.value == "json"
    assert str(result.budgets[0].limit_usd) == "100"
    assert "router_settings.something_new: this import does not know it" in said(found, Fate.ABSENT)
    assert "full.yaml:7: model_list[0].litellm_params.rpm" in said(found, Fate.MAPPED)
    assert "serves /v1/messages alone" in said(found, Fate.BY_HAND)
    for secret in ("sk-literal", "AKIASECRET", "dbpass", "sk-1234", "secret-host"):
        assert secret not in found.text + "".join(map(str, found.notes))
    assert silent(yaml.safe_load(FULL.read_text()), found) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "file is empty"),
        ("- a", "mapping"),
        ("model_list: []", "config.yaml:1: model_list: is missing or empty"),
        ("router_settings: {}", "is missing or empty"),
        ("model_list: {a: b}", "must be a list"),
        ("a: 1\na: 2", "config.yaml:2: a: stands twice"),
        ("a: [1", "config.yaml:1"),
        (
            "a: !!python/object/apply:os.system [ls]",
            "could not determine a constructor|cannot be read|is missing",
        ),
        ("a: " + "[" * 5000, "nested too deeply|not valid YAML"),
        ("b: &b [" + "1," * 500 + "]\na: [" + "*b," * 500 + "]", "values"),
        ("#" * 4_000_001, "too many"),
    ],
)
def test_files_that_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        import_litellm(text.encode(), "config.yaml")


# Whatever LiteLLM would take, and a good deal that it would not.

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**12),
    st.floats(allow_nan=True),
    st.sampled_from(
        ["os.environ/SOME_KEY", "${OTHER}", "1e-6", "30d", "", "*", "simple-shuffle", "none", "ä\u2028b"]
    ),
    st.text(max_size=8),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["gpt-4o", "claude", "my model", "*", "null", "1", "a" * 200, "ü", "x/y:z"])
MODELS = st.sampled_from(
    ["openai/gpt-4o", "azure/dep", "anthropic/claude", "gemini/f", "ollama/l:8b", "bedrock/x", "gpt-4", "odd", "openai/${M}", "openai/*",
     "hosted_vllm/a b", "openai/ü'\"#: {", "openai/" + "m" * 300]
)  # fmt: skip
BASES = st.sampled_from(
    ["https://a.example", "http://127.0.0.1:9/v1", "os.environ/BASE", "https://${H}/v1", "nowhere", "http://u:p@h", "http://[::", "http://h:x"]
)  # fmt: skip


def often(normal: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 11).flatmap(lambda n: normal if n else ANYTHING)


NUMBERS = often(st.one_of(st.integers(0, 1000), st.floats(0, 1000)))
PARAMS = st.fixed_dictionaries(
    {"model": often(MODELS)},
    optional={
        "api_base": often(BASES),
        "api_key": often(st.sampled_from(["os.environ/K", "sk-abc", "none"])),
        **dict.fromkeys(
            ("rpm", "tpm", "weight", "order", "timeout", "stream_timeout", "max_parallel_requests"), NUMBERS
        ),
        "input_cost_per_token": often(st.floats(0, 1e-3)),
        "output_cost_per_token": often(st.sampled_from(["1e-6", 0, 2.5e-6])),
        "region_name": often(st.sampled_from(["eu-west", "os.environ/REGION", "eu west"])),
        "custom_llm_provider": often(st.sampled_from(["openai", "azure"])),
        "tags": ANYTHING,
        "surprise": ANYTHING,
    },
)
ENTRIES = st.fixed_dictionaries(
    {"model_name": often(NAMES), "litellm_params": often(PARAMS)},
    optional={
        "model_info": often(
            st.fixed_dictionaries(
                {}, optional={"id": often(NAMES), "base_model": NAMES, "input_cost_per_token": ANYTHING}
            )
        )
    },
)
GOOD = {"model_name": "gpt-4o", "litellm_params": {"model": "openai/gpt-4o"}}
PAIRS = often(
    st.lists(often(st.dictionaries(NAMES, often(st.lists(NAMES, max_size=3)), max_size=2)), max_size=3)
)
FILES = st.fixed_dictionaries(
    {"model_list": often(st.lists(often(ENTRIES), max_size=4).map(lambda entries: [*entries, GOOD]))},
    optional={
        "router_settings": often(
            st.fixed_dictionaries(
                {},
                optional={
                    "num_retries": NUMBERS, "timeout": NUMBERS, "allowed_fails": NUMBERS, "cooldown_time": NUMBERS,
                    "fallbacks": PAIRS, "default_fallbacks": often(st.lists(NAMES)), "routing_strategy": often(st.just("least-busy")),
                    "model_group_alias": often(st.dictionaries(NAMES, often(NAMES), max_size=3)), "new": ANYTHING,
                },
            )
        ),
        "litellm_settings": often(
            st.fixed_dictionaries(
                {},
                optional={
                    "num_retries": NUMBERS, "request_timeout": NUMBERS, "fallbacks": PAIRS, "max_budget": NUMBERS,
                    "budget_duration": often(st.just("30d")), "callbacks": often(st.just(["prometheus"])), "json_logs": ANYTHING,
                },
            )
        ),
        "general_settings": often(st.fixed_dictionaries({}, optional={"master_key": often(st.just("os.environ/MASTER")), "database_url": ANYTHING})),
        "environment_variables": ANYTHING,
        "credential_list": ANYTHING,
        "else": ANYTHING,
    },
)  # fmt: skip


def silent(value: Any, found: Imported, path: str = "") -> list[str]:
    """The leaves that no note speaks of, neither of them nor of what holds them."""
    noted = {note.where.partition(": ")[2] for note in found.notes}
    if path in noted and path:
        return []
    if isinstance(value, dict) and value:
        inner = [(f"{path}.{key}" if path else str(key), one) for key, one in value.items()]
    elif isinstance(value, list) and value:
        inner = [(f"{path}[{index}]", one) for index, one in enumerate(value)]
    else:
        return [path]
    return [leaf for name, one in inner for leaf in silent(one, found, name)]


@given(FILES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_it_is_the_result_loads_or_the_error_is_clear(data: dict[str, Any]) -> None:
    raw = yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass")
    try:
        found = import_litellm(raw, "config.yaml")
    except ConfigError as error:
        refusal = str(error)
    else:
        environment = dict.fromkeys(found.variables, "https://value.example")
        parse_settings(found.text.encode(), name="result", environment=environment)
        assert silent(yaml.safe_load(raw), found) == [], (
            "as YAML reads it: some characters do not survive writing"
        )
        return
    assert refusal.startswith("config.yaml")
    assert "cannot be made into" not in refusal, "what is made must load"
