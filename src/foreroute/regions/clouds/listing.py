"""Lists of models that a cloud gives to whoever can prove who they are. Blocks; not for the request path."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from foreroute.core.errors import CredentialsError

_TIMEOUT_S: Final = 20.0
_BYTES_MAX: Final = 20_000_000
_PAGES_MAX: Final = 50


def vertex_models(host: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """Google's own models in a location, as the OpenAI-compatible path wants them. Raises CredentialsError.

    `host` is the scheme and host of Vertex AI's address.
    """
    found: list[str] = []
    page = ""
    for _ in range(_PAGES_MAX):
        answer = _get(f"{host}/v1beta1/publishers/google/models?pageSize=100&pageToken={page}", headers)
        names = (str(one.get("name", "")) for one in answer.get("publisherModels", ()))
        found += [f"google/{name.rpartition('/')[2]}" for name in names if name]
        if not (page := str(answer.get("nextPageToken", ""))):
            break
    return tuple(sorted(found))


def openai_models(base_url: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """What an OpenAI-compatible address lists under `/models`. Raises CredentialsError."""
    answer = _get(f"{base_url}/models", headers)
    return tuple(sorted(str(one["id"]) for one in answer.get("data", ()) if "id" in one))


def _get(url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={**headers, "Accept": "application/json"})  # noqa: S310 - https or the operator's own endpoint
    place = url.partition("?")[0]
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            found = json.loads(answer.read(_BYTES_MAX))
    except urllib.error.HTTPError as error:
        raise CredentialsError(f"{place} answered {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        raise CredentialsError(f"{place} did not answer as it should: {error}") from None
    if not isinstance(found, dict):
        raise CredentialsError(f"{place} answered something that is no list of models")
    return found
