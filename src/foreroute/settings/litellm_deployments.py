"""LiteLLM's `model_list`: which entries can be called, where, and as which model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foreroute.settings.document import Path
from foreroute.settings.litellm_hosts import Host, NoHost, base_url_of, host_of, split_model, upstream_model
from foreroute.settings.litellm_notes import Notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """An entry that can be called."""

    path: Path
    route: str
    params: Mapping[str, Any]
    """Those of a named credential included."""
    info: Mapping[str, Any]
    provider: str
    host: Host
    model: str
    base_url: str

    def at(self, key: str) -> Path:
        return (*self.path, "litellm_params", key)

    @property
    def default_key(self) -> str | None:
        """The variable in which LiteLLM looks when the file has no key. A host of the operator's own is not handed
        the key of a provider: LiteLLM would, which is no example to follow.
        """
        return self.host.key if self.base_url == self.host.base_url or self.host.base_url is None else None


def read_deployment(
    entry: Any, path: Path, credentials: Mapping[str, Mapping[str, Any]], notes: Notes
) -> Deployment | None:
    """None, with a note, for an entry that no channel can be made for."""
    try:
        found = _read(entry, path, credentials, notes)
    except NoHost as why:
        notes.by_hand(path, f"is left out: {why}")
        return None
    notes.mapped((*path, "model_name"), f"route {found.route}")
    notes.mapped(found.at("model"), f"model {found.model} of {found.host.provider}")
    return found


def _read(entry: Any, path: Path, credentials: Mapping[str, Mapping[str, Any]], notes: Notes) -> Deployment:
    own = entry.get("litellm_params") if isinstance(entry, dict) else None
    if not isinstance(own, dict):
        raise NoHost("it has no litellm_params")
    params = _with_credential(own, (*path, "litellm_params"), credentials, notes)
    name, model = entry.get("model_name"), params.get("model")
    if not isinstance(name, str) or not name or not isinstance(model, str) or not model:
        raise NoHost("model_name and litellm_params.model must both be names")
    if "*" in name or "*" in model:
        raise NoHost("there are no wildcards: write an entry for each model that you serve")
    given = params.get("custom_llm_provider")
    provider, rest = split_model(model, given if isinstance(given, str) else None)
    host, info = host_of(provider), entry.get("model_info")
    address, key = next(
        ((params[key], key) for key in ("api_base", "base_url") if params.get(key)), (None, "")
    )
    if address is not None and not isinstance(address, str):
        raise NoHost(f"{key} is not an address")
    url = base_url_of(host, address)
    if key in own:
        lost = "; what follows the ? is not taken over" * ("?" in str(address))
        notes.mapped((*path, "litellm_params", key), f"base_url{lost}")
    if "custom_llm_provider" in own:
        notes.mapped((*path, "litellm_params", "custom_llm_provider"), f"provider: {host.provider}")
    return Deployment(
        path=path,
        route=name,
        params=params,
        info=info if isinstance(info, dict) else {},
        provider=provider,
        host=host,
        model=upstream_model(provider, rest),
        base_url=url,
    )


def _with_credential(
    own: dict[str, Any], path: Path, credentials: Mapping[str, Mapping[str, Any]], notes: Notes
) -> dict[str, Any]:
    name = own.get("litellm_credential_name")
    if name is None:
        return own
    if not isinstance(name, str) or name not in credentials:
        raise NoHost("its litellm_credential_name is not in credential_list")
    notes.mapped((*path, "litellm_credential_name"), "what it holds is taken from there")
    return {**credentials[name], **own}
