"""Which endpoint a request's path names, whatever prefix its client puts before it."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from foreroute.core.channel import Dialect
from foreroute.core.ids import RouteName


class Endpoint(StrEnum):
    """What is served; the value is the path after the version."""

    CHAT = "/chat/completions"
    COMPLETIONS = "/completions"
    EMBEDDINGS = "/embeddings"
    RESPONSES = "/responses"
    MESSAGES = "/messages"
    COUNT_TOKENS = "/messages/count_tokens"
    OPAQUE = "/*"
    """Anything else that is passed through: its content is not understood, only counted."""

    @property
    def dialect(self) -> Dialect:
        return _DIALECTS.get(self, Dialect.OPENAI)


_DIALECTS: Final = {Endpoint.MESSAGES: Dialect.ANTHROPIC, Endpoint.COUNT_TOKENS: Dialect.ANTHROPIC}
_PREFIXES: Final = ("/v1", "", "/openai/v1", "/openai", "/anthropic/v1", "/anthropic")
_AZURE: Final = re.compile(r"/openai/deployments/([^/]+)(/.+)")
_PREFIX: Final = re.compile(r"(?:/openai|/anthropic)?(?:/v1)?(?=/)")
_SANE: Final = re.compile(r"(?:/[A-Za-z0-9_:~-][A-Za-z0-9._:~-]*)+")
_UNDERSTOOD: Final = {endpoint.value: endpoint for endpoint in Endpoint if endpoint is not Endpoint.OPAQUE}
_MODELS: Final = re.compile(r"/models(?:/(.+))?")


@dataclass(frozen=True, slots=True)
class Call:
    """A path that is served. `path` is what follows the version; `model` is known where the path names it."""

    endpoint: Endpoint
    path: str
    model: RouteName | None = None


@dataclass(frozen=True, slots=True)
class ModelsCall:
    """The list of models, or one of them."""

    name: RouteName | None


_CALLS: Final = {
    prefix + value: Call(endpoint, value) for prefix in _PREFIXES for value, endpoint in _UNDERSTOOD.items()
}


def read_path(path: str, passthrough: Collection[str]) -> Call | ModelsCall | None:
    """The call that a path means; None if there is no such path.

    `passthrough` names the first segments (`audio`, `files` …) of what is passed on without being understood.
    Nothing else is: a provider's key opens more than its models.
    """
    if (known := _CALLS.get(path)) is not None:
        return known
    model: RouteName | None = None
    if (azure := _AZURE.fullmatch(path)) is not None:
        model, rest = RouteName(unquote(azure[1])), azure[2]
    else:
        prefix = _PREFIX.match(path)
        rest = path[prefix.end() :] if prefix else path
    if (endpoint := _UNDERSTOOD.get(rest)) is not None:
        return Call(endpoint, rest, model)
    if (models := _MODELS.fullmatch(rest)) is not None and model is None:
        return ModelsCall(None if models[1] is None else RouteName(models[1]))
    if _SANE.fullmatch(rest) and rest.split("/", 2)[1] in passthrough:
        return Call(Endpoint.OPAQUE, rest, model)
    return None


def dialect_of(path: str) -> Dialect:
    """The dialect in which to answer an error, for paths that are not served too."""
    return Dialect.ANTHROPIC if "/messages" in path or path.startswith("/anthropic/") else Dialect.OPENAI
