"""Where LiteLLM's providers are, and in which dialect they are spoken to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_VARIABLE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


@dataclass(frozen=True, slots=True)
class Host:
    """A provider that Foreroute can call."""

    provider: str
    """Its name in the price book."""
    base_url: str | None = None
    """None: the file must say it, in `api_base`."""
    key: str | None = None
    """The environment variable in which LiteLLM looks for its key; None: it needs none."""
    dialect: str = "openai"
    path: str = ""
    """What follows the host in an address that has no path of its own."""


class NoHost(Exception):  # noqa: N818 - reads as what it says
    """A model that no channel can be made for; the text says why and what would help."""


_HOSTS: Final[Mapping[str, Host]] = {
    "openai": Host("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    "azure": Host("azure", None, "AZURE_API_KEY", path="/openai/v1"),
    "anthropic": Host(
        "anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", dialect="anthropic", path="/v1"
    ),
    "groq": Host("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "together_ai": Host("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "deepseek": Host("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "mistral": Host("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "openrouter": Host("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "xai": Host("x-ai", "https://api.x.ai/v1", "XAI_API_KEY"),
    "fireworks_ai": Host("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "gemini": Host("google", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "perplexity": Host("perplexity", "https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
    "cerebras": Host("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "nvidia_nim": Host("nvidia", "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    "ollama": Host("ollama", "http://127.0.0.1:11434/v1", path="/v1"),
    "vllm": Host("vllm"),
    "lm_studio": Host("lm-studio", "http://127.0.0.1:1234/v1"),
    "litellm_proxy": Host("litellm", path="/v1"),
}
_ALIASES: Final = {
    "custom_openai": "openai",
    "openai_like": "openai",
    "text-completion-openai": "openai",
    "anthropic_text": "anthropic",
    "azure_text": "azure",
    "ollama_chat": "ollama",
    "hosted_vllm": "vllm",
}
_CLOUDS: Final = {
    "bedrock": (
        "AWS Bedrock's own API is spoken by an adapter only (`adapter: bedrock`). Models behind Bedrock's "
        "OpenAI-compatible address can be had with an account: `account: NAME`, see docs/clouds.md"
    ),
    "vertex_ai": (
        "Vertex AI's own API is spoken by an adapter only (`adapter: vertexai`). Its OpenAI-compatible address can be "
        "had with an account: `account: NAME`, see docs/clouds.md"
    ),
}
_CLOUD_ALIASES: Final = {
    "bedrock_converse": "bedrock",
    "sagemaker": "bedrock",
    "sagemaker_chat": "bedrock",
    "vertex_ai_beta": "vertex_ai",
}
_BARE: Final = (
    (re.compile(r"(gpt-|chatgpt-|o\d|text-embedding-|ft:|dall-e|whisper|tts-|omni-moderation)"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
)


def split_model(model: str, given: str | None) -> tuple[str, str]:
    """LiteLLM's provider and the upstream's model name. Raises NoHost."""
    prefix, slash, rest = model.partition("/")
    if given is not None:
        return given, rest if slash and prefix == given else model
    if slash and rest:
        return prefix, rest
    for pattern, provider in _BARE:
        if pattern.match(model):
            return provider, model
    raise NoHost("whose model is it? write the provider before it, such as openai/gpt-4o")


def host_of(provider: str) -> Host:
    """Raises NoHost."""
    cloud = _CLOUD_ALIASES.get(provider, provider)
    if cloud in _CLOUDS:
        raise NoHost(_CLOUDS[cloud])
    host = _HOSTS.get(_ALIASES.get(provider, provider))
    if host is None:
        raise NoHost(
            f"the provider {provider!r} is not known here; if it speaks OpenAI's API, write openai/ before the model "
            "and its address into api_base"
        )
    return host


def upstream_model(provider: str, model: str) -> str:
    """The name on the wire, where LiteLLM completes it."""
    if provider == "fireworks_ai" and "/" not in model:
        return f"accounts/fireworks/models/{model}"
    for mark in ("responses/", "chat/"):
        if provider in ("openai", "azure"):
            model = model.removeprefix(mark)
    return model


def base_url_of(host: Host, given: str | None) -> str:
    """The address up to the version. Raises NoHost; never shows an address that may hold a password."""
    if given is None:
        if host.base_url is None:
            raise NoHost(f"{host.provider} has no address of its own: write it into api_base")
        return host.base_url
    bare = _VARIABLE.sub("x", given)
    try:
        parts = urlsplit(given)
        urlsplit(bare).port  # noqa: B018 - reading it checks it
    except ValueError:
        raise NoHost("api_base is not a valid address") from None
    if "@" in parts.netloc or parts.fragment:
        raise NoHost("api_base holds a user or a fragment: credentials go into api_key")
    if not given.startswith("${") and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise NoHost("api_base is not an http or https address")
    return _with_path(host, given.partition("?")[0].rstrip("/"))


def _with_path(host: Host, url: str) -> str:
    """Azure and Anthropic are named in LiteLLM by their host alone, and so are Ollama and other proxies."""
    if not host.path or url.endswith(host.path):
        return url
    if host.provider == "azure":
        return url.partition("/openai")[0] + host.path
    return url + host.path
