"""From a file to `Settings`, or to one error that names everything that is wrong with it."""

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any, Final, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from foreroute.core.errors import ConfigError
from foreroute.settings.accounts import with_accounts, with_addresses
from foreroute.settings.clouds import CloudAccountsSettings
from foreroute.settings.cross import cross_problems
from foreroute.settings.describe import section_of
from foreroute.settings.document import Document, Path, Problem, read_document
from foreroute.settings.model import Settings, TlsSettings

_EXAMPLES: Final = {
    "channels": "channels:\n      - {id: openai-us, provider: openai, region: us-east, model: gpt-4o-mini, "
    "base_url: https://api.openai.com/v1, api_key: '${OPENAI_API_KEY}'}",
    "routes": "routes:\n      - {model: gpt-4o-mini, targets: [{channel: openai-us}]}",
    "id": "id: openai-us-east",
    "provider": "provider: openai",
    "region": "region: us-east",
    "model": "model: gpt-4o-mini",
    "base_url": "base_url: https://api.openai.com/v1",
    "targets": "targets: [{channel: openai-us-east, weight: 1}]",
    "channel": "channel: openai-us-east",
    "limit": "limit: 800ms",
    "limit_usd": "limit_usd: 500",
    "input_usd_per_mtok": "input_usd_per_mtok: 0.15",
    "output_usd_per_mtok": "output_usd_per_mtok: 0.60",
    "name": "name: us-east",
}


_PLAIN: Final = {
    "missing": "is required",
    "too_short": "must not be empty",
    "model_type": "must be a section with settings of its own",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "string_type": "must be text",
    "string_pattern_mismatch": "must begin with a letter or a digit and hold only letters, digits and . _ : / -",
}
_SECRETS: Final = frozenset(
    {"api_key", "admin_key", "api_keys", "audit_key", "webhook_url", "undo_webhook_url", "apprise_urls",
     "access_key_id", "secret_access_key", "session_token", "client_secret"}
)  # fmt: skip
_Model = TypeVar("_Model", bound=BaseModel)


class SettingsError(ConfigError):
    """All problems of one file. `str()` is a line for each, with what would be right below it."""

    def __init__(self, document: Document, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=document.line_of)
        first = self.problems[0]
        super().__init__(first.message, where=document.where(first), hint=first.hint)
        self.errors = [
            ConfigError(problem.message, where=document.where(problem), hint=problem.hint)
            for problem in self.problems
        ]
        """The same, each with its place."""

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def load_settings(path: FilePath, environment: Mapping[str, str] | None = None) -> Settings:
    """Reads and checks a file. Relative paths in it are taken from its own folder where they say so.

    Raises ConfigError (SettingsError for what the file says).
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}",
            where=str(path),
            hint="name another file, such as configs/foreroute.yaml",
        ) from None
    given = os.environ if environment is None else environment
    settings = parse_settings(
        raw,
        name=str(path),
        environment=given,
        read_accounts=lambda file: _accounts(path.parent / file, given),
    )
    return _beside(path, settings)


def _accounts(path: FilePath, environment: Mapping[str, str]) -> CloudAccountsSettings:
    """The accounts of a file of their own. Raises ConfigError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}",
            where=str(path),
            hint="clouds.file names it, beside the configuration",
        ) from None
    document = read_document(raw, str(path), environment)
    found = _validated(document, CloudAccountsSettings)
    if problems := _all_problems(document, ()):
        raise SettingsError(document, problems)
    gcp = tuple(
        one.model_copy(update={"credentials_file": beside(path, one.credentials_file)}) for one in found.gcp
    )
    return found.model_copy(update={"gcp": gcp})


def _beside(path: FilePath, settings: Settings) -> Settings:
    """The same with paths that begin at the configuration file's own folder."""

    def found(given: FilePath | None) -> FilePath | None:
        return beside(path, given)

    heal = settings.heal.model_copy(update={"playbooks": found(settings.heal.playbooks)})
    receivers = tuple(
        one.model_copy(
            update={
                "webhook_url_file": found(one.webhook_url_file),
                "apprise_urls_file": found(one.apprise_urls_file),
            }
        )
        for one in settings.alerts.receivers
    )
    alerts = settings.alerts.model_copy(update={"receivers": receivers})
    reports = tuple(
        one.model_copy(update={"apprise_urls_file": found(one.apprise_urls_file)})
        for one in settings.cost.reports
    )
    cost = settings.cost.model_copy(update={"reports": reports})
    gcp = tuple(
        one.model_copy(update={"credentials_file": found(one.credentials_file)})
        for one in settings.clouds.gcp
    )
    clouds = settings.clouds.model_copy(update={"gcp": gcp})
    listeners = {
        "gateway": settings.gateway.model_copy(update={"tls": _tls(path, settings.gateway.tls)}),
        "dashboard": settings.dashboard.model_copy(update={"tls": _tls(path, settings.dashboard.tls)}),
    }
    return settings.model_copy(
        update={"heal": heal, "alerts": alerts, "cost": cost, "clouds": clouds, **listeners}
    )


def _tls(path: FilePath, given: TlsSettings | None) -> TlsSettings | None:
    if given is None:
        return None
    files = {name: beside(path, getattr(given, name)) for name in ("certificate", "key", "client_ca")}
    return given.model_copy(update=files)


def beside(path: FilePath, given: FilePath | None) -> FilePath | None:
    """A path as a file names it that lies beside it; absolute ones as they are."""
    return None if given is None else path.parent / given


def parse_settings(
    raw: bytes,
    *,
    name: str,
    environment: Mapping[str, str],
    read_accounts: Callable[[FilePath], CloudAccountsSettings] | None = None,
) -> Settings:
    """The same for text that is at hand. Pure, if `read_accounts` is; without it `clouds.file` is left alone."""
    document = read_document(raw, name, environment)
    settings = _validated(document, Settings)
    if read_accounts is not None and settings.clouds.file is not None:
        settings = with_accounts(settings, read_accounts(settings.clouds.file))
    settings = with_addresses(settings)
    problems = _all_problems(document, cross_problems(settings))
    if problems:
        raise SettingsError(document, problems)
    return settings


def _validated(document: Document, model: type[_Model]) -> _Model:
    """Raises SettingsError with all that a model does not like."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        found = [_problem(one, model) for one in error.errors() if not _said_by_its_items(one)]
        raise SettingsError(document, _all_problems(document, found)) from None


def _all_problems(document: Document, found: Iterable[Problem]) -> list[Problem]:
    """Those of the text first; what follows from them (an unset variable is no number either) is left out."""
    own = [*document.problems, *_literal_secrets(document)]
    said = {problem.path for problem in own}
    return [*own, *(problem for problem in found if problem.path not in said)]


def _said_by_its_items(error: ErrorDetails) -> bool:
    """Items that are wrong do not count, so a list of them is too short as well: one complaint is enough."""
    return error["type"] == "too_short" and bool(error["input"])


def _problem(error: ErrorDetails, model: type[BaseModel]) -> Problem:
    path: Path = tuple(error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown_key(path, model)
    leaf = next((part for part in reversed(path) if isinstance(part, str)), "")
    example = _EXAMPLES.get(leaf)
    return Problem(path, _message(error, leaf), f"for example: {example}" if example else "")


def _message(error: ErrorDetails, leaf: str) -> str:
    kind, value = error["type"], error["input"]
    if kind in _PLAIN:
        text = _PLAIN[kind]
    else:
        text = error["msg"].removeprefix("Value error, ").replace("Input should", "must")
        text = text[:1].lower() + text[1:]
    is_shown = isinstance(value, str | int | float) and repr(value) not in text and leaf not in _SECRETS
    return f"{text} (got {value!r})" if is_shown else text


def _unknown_key(path: Path, root: type[BaseModel]) -> Problem:
    known = sorted(_model_at(path[:-1], root).model_fields)
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return Problem(path, "there is no such setting", f"{hint}known here: {', '.join(known)}")


def _model_at(path: Path, root: type[BaseModel]) -> type[BaseModel]:
    """The model that describes the mapping at a path."""
    model = root
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = section_of(model.model_fields[part]) or model
    return model


def _literal_secrets(document: Document) -> list[Problem]:
    """Secrets come from the environment: a file is copied, committed and shown too easily."""
    problems = []
    for path in document.lines:
        keys = [part for part in path if isinstance(part, str)]
        is_secret = bool(keys) and keys[-1] in _SECRETS
        value = _value_at(document.data, path) if is_secret else None
        if isinstance(value, str | int | float) and path not in document.from_environment:
            if any(problem.path == path for problem in document.problems):
                continue  # an unset variable is said already
            message = "a secret must not stand in the file"
            problems.append(Problem(path, message, "put it in the environment and write ${NAME} here"))
    return problems


def _value_at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
