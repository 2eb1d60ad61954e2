"""A LiteLLM proxy configuration as one of Foreroute's, with a note on every part of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from foreroute.core.errors import ConfigError
from foreroute.settings.document import Document, Problem
from foreroute.settings.litellm_channels import ChannelDraft, Drafts
from foreroute.settings.litellm_deployments import Deployment, read_deployment
from foreroute.settings.litellm_notes import Fate, Note, Notes
from foreroute.settings.litellm_read import read_litellm, remark_defaults, variables_in
from foreroute.settings.litellm_reasons import REASONS
from foreroute.settings.litellm_rest import RestDraft, read_rest
from foreroute.settings.litellm_routes import Routes
from foreroute.settings.litellm_write import write_configuration
from foreroute.settings.load import parse_settings

_EXAMPLE: Final = "model_list: [{model_name: gpt-4o, litellm_params: {model: openai/gpt-4o}}]"
_SHOWN_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Imported:
    text: str
    """A configuration that loads once `variables` are in the environment."""
    variables: tuple[str, ...]
    notes: tuple[Note, ...]
    """In the order of the file; every part of it is spoken of."""


def import_litellm(raw: bytes, name: str) -> Imported:
    """Pure. Raises ConfigError, with file and line, for a file that cannot be read or has nothing to take over."""
    document = read_litellm(raw, name)
    notes = Notes(document)
    remark_defaults(raw, notes)
    data = document.data
    deployments = _deployments(document, notes)
    taken = variables_in(data) | set(_keys_of(data.get("environment_variables")))
    taken |= {one.default_key for one in deployments if one.default_key and one.params.get("api_key") is None}
    rest = read_rest(data, notes)
    drafts = Drafts(notes, taken | ({rest.key} if rest.key else set()))
    channels = [drafts.draft(one) for one in deployments]
    routes = Routes(channels, notes)
    _route_settings(data, routes, notes)
    found = tuple(notes.finish(REASONS))
    if not channels:
        raise _nothing(document, found)
    variables = _variables(channels, rest)
    text = write_configuration(name, channels, list(routes.by_name.values()), rest, variables)
    _check(text, variables, name)
    return Imported(text, variables, found)


def _deployments(document: Document, notes: Notes) -> list[Deployment]:
    entries = document.data.get("model_list")
    if not isinstance(entries, list) or not entries:
        message = "is missing or empty" if not entries else "must be a list"
        where = document.where(Problem(("model_list",), message))
        raise ConfigError(message, where=where, hint=f"for example: {_EXAMPLE}")
    credentials = _credentials(document.data.get("credential_list"), notes)
    found = (read_deployment(one, ("model_list", n), credentials, notes) for n, one in enumerate(entries))
    return [one for one in found if one is not None]


def _credentials(section: Any, notes: Notes) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for index, one in enumerate(section if isinstance(section, list) else ()):
        name = one.get("credential_name") if isinstance(one, dict) else None
        values = one.get("credential_values") if isinstance(one, dict) else None
        if isinstance(name, str) and isinstance(values, dict):
            found[name] = values
            notes.mapped(("credential_list", index), "the channels that name it")
    return found


def _route_settings(data: Mapping[str, Any], routes: Routes, notes: Notes) -> None:
    sections = [(data.get(key), key) for key in ("router_settings", "litellm_settings")]
    known = [(section, (key,)) for section, key in sections if isinstance(section, dict)]
    for section, path in known:
        routes.alias(section, path)
        routes.strategy(section, path)
    for section, path in known:
        routes.fallbacks(section, path)
    routes.lend()
    for section, path in known:
        routes.default_fallbacks(section, path)
    tried = False
    for section, path in known:
        if tried and section.get("num_retries") is not None:
            notes.absent((*path, "num_retries"), "router_settings.num_retries counts")
        else:
            tried = routes.retries(section, path) or tried


def _keys_of(section: Any) -> Sequence[str]:
    return list(section) if isinstance(section, dict) else []


def _variables(channels: Sequence[ChannelDraft], rest: RestDraft) -> tuple[str, ...]:
    names = {channel.key for channel in channels if channel.key is not None}
    names |= variables_in([[one.model, one.base_url, one.region] for one in channels])
    return tuple(sorted(names | ({rest.key} if rest.key else set())))


def _nothing(document: Document, notes: Sequence[Note]) -> ConfigError:
    why = [str(note) for note in notes if note.fate is Fate.BY_HAND]
    where = document.where(Problem(("model_list",), ""))
    return ConfigError("has no model that can be served", where=where, hint="\n  ".join(why[:_SHOWN_MAX]))


def _check(text: str, variables: Sequence[str], name: str) -> None:
    """What is handed out loads: should that ever not be so, it is said here and not at the start."""
    # A value that will do for a key, a name and an address.
    environment = dict.fromkeys(variables, "https://stand-in.example")
    try:
        parse_settings(text.encode(), name="the result", environment=environment)
    except ConfigError as error:
        raise ConfigError(
            f"cannot be made into a configuration that loads: {error.message}",
            where=name,
            hint=str(error.where),
        ) from None
