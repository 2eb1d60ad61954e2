"""What a first configuration can be made of: keys in the environment, and model servers on this machine."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final

_ANSWER_S: Final = 1.0
_BYTES_MAX: Final = 1_000_000
_OURS: Final = "foreroute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One channel of the configuration to be."""

    id: str
    provider: str
    """Its name in the price book."""
    region: str
    model: str
    base_url: str
    key: str = ""
    """The environment variable that holds its key; empty: it needs none."""
    dialect: str = "openai"
    others: tuple[str, ...] = ()
    """Further models that answer at the same address."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider by name: where it is, in which variable its official client looks for a key, and a small model."""

    name: str
    key: str
    base_url: str
    model: str
    dialect: str = "openai"
    book: str = ""
    """Its name in the price book, where that differs."""


PROVIDERS: Final = (
    Provider("openai", "OPENAI_API_KEY", "https://api.openai.com/v1", "gpt-4o-mini"),
    Provider(
        "anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com/v1", "claude-haiku-4-5", "anthropic"
    ),
    Provider(
        "gemini",
        "GEMINI_API_KEY",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "gemini-2.5-flash",
        book="google",
    ),
    Provider("mistral", "MISTRAL_API_KEY", "https://api.mistral.ai/v1", "mistral-small-latest"),
    Provider("groq", "GROQ_API_KEY", "https://api.groq.com/openai/v1", "llama-3.1-8b-instant"),
    Provider("deepseek", "DEEPSEEK_API_KEY", "https://api.deepseek.com/v1", "deepseek-chat"),
    Provider("openrouter", "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1", "openai/gpt-4o-mini"),
    Provider("xai", "XAI_API_KEY", "https://api.x.ai/v1", "grok-3-mini", book="x-ai"),
    Provider("cerebras", "CEREBRAS_API_KEY", "https://api.cerebras.ai/v1", "llama3.1-8b"),
)
AZURE_KEY: Final = "AZURE_OPENAI_API_KEY"
AZURE_ADDRESS: Final = "AZURE_OPENAI_ENDPOINT"
_AZURE_MODEL: Final = "gpt-4o-mini"

SERVERS: Final[Mapping[int, str]] = {
    11434: "ollama",
    1234: "lm-studio",
    8000: "vllm",
    30000: "sglang",
    8080: "llama-cpp",
    1337: "jan",
}
"""Ports of this machine at which model servers answer unless they are told otherwise."""


def from_environment(environment: Mapping[str, str], wanted: Sequence[str] = ()) -> Iterator[Found]:
    """A channel for each provider whose key is set, and for those that are wanted by name without one."""
    for one in PROVIDERS:
        if environment.get(one.key) or one.name in wanted:
            yield Found(
                id=one.name,
                provider=one.book or one.name,
                region="global",
                model=one.model,
                base_url=one.base_url,
                key=one.key,
                dialect=one.dialect,
            )
    address = environment.get(AZURE_ADDRESS, "").rstrip("/")
    if environment.get(AZURE_KEY) and address.startswith("https://"):
        yield Found(
            id="azure",
            provider="azure",
            region="global",
            model=_AZURE_MODEL,
            base_url=f"{address.removesuffix('/openai/v1')}/openai/v1",
            key=AZURE_KEY,
        )


def on_loopback(ports: Mapping[int, str] = SERVERS) -> Iterator[Found]:
    """A channel for each OpenAI-compatible server that lists a model at one of the ports. Asks 127.0.0.1 alone."""
    for port, name in ports.items():
        address = f"http://127.0.0.1:{port}/v1"
        models = _models(address)
        if models:
            chat = [one for one in models if "embed" not in one.lower()] or models
            yield Found(
                id=name,
                provider=name,
                region="local",
                model=chat[0],
                base_url=address,
                others=tuple(one for one in models if one != chat[0]),
            )


class _StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


def _models(address: str) -> list[str]:
    """The models that are listed there; none when nobody answers, it is something else, or it is Foreroute itself."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StayHere)
    try:
        with opener.open(f"{address}/models", timeout=_ANSWER_S) as answer:
            listed = json.loads(answer.read(_BYTES_MAX))["data"]
            rows = [one for one in listed if one.get("owned_by") != _OURS]
            return [str(one["id"]) for one in rows]
    except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError):
        return []
