"""From a file to `Settings`, or to one error that names everything that is wrong with it."""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any, Final, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from foreroute.core.errors import ConfigError
from foreroute.settings.cross import cross_problems
from foreroute.settings.document import Document, Path, Problem, read_document
from foreroute.settings.model import Settings

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


class SettingsError(ConfigError):
    """All problems of one file. `str()` is a line for each, with what would be right below it."""

    def __init__(self, document: Document, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: document.lines.get(problem.path, 0))
        first = self.problems[0]
        super().__init__(first.message, where=document.where(first.path), hint=first.hint)
        self._text = "\n".join(
            str(ConfigError(problem.message, where=document.where(problem.path), hint=problem.hint))
            for problem in self.problems
        )

    def __str__(self) -> str:
        return self._text


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
            hint="foreroute serve --config configs/foreroute.yaml",
        ) from None
    settings = parse_settings(
        raw, name=str(path), environment=os.environ if environment is None else environment
    )
    playbooks = settings.heal.playbooks
    if playbooks is None or playbooks.is_absolute():
        return settings
    heal = settings.heal.model_copy(update={"playbooks": path.parent / playbooks})
    return settings.model_copy(update={"heal": heal})


def parse_settings(raw: bytes, *, name: str, environment: Mapping[str, str]) -> Settings:
    """The same for text that is at hand. Pure."""
    document = read_document(raw, name, environment)
    try:
        settings = Settings.model_validate(document.data)
    except ValidationError as error:
        found = [_problem(one["loc"], one["type"], one["msg"], one.get("input")) for one in error.errors()]
        raise SettingsError(document, [*document.problems, *_literal_secrets(document), *found]) from None
    problems = [*document.problems, *_literal_secrets(document), *cross_problems(settings)]
    if problems:
        raise SettingsError(document, problems)
    return settings


def _problem(loc: tuple[str | int, ...], kind: str, message: str, value: Any) -> Problem:
    path: Path = tuple(loc)
    leaf = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        example = _EXAMPLES.get(leaf)
        return Problem(path, "is required", f"for example: {example}" if example else "")
    text = message.removeprefix("Value error, ")
    shown = f" (got {value!r})" if isinstance(value, str | int | float) and repr(value) not in text else ""
    example = _EXAMPLES.get(leaf)
    return Problem(path, f"{text[:1].lower()}{text[1:]}{shown}", f"for example: {example}" if example else "")


def _unknown_key(path: Path) -> Problem:
    known = sorted(_model_at(path[:-1]).model_fields)
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return Problem(path, "there is no such setting", f"{hint}known here: {', '.join(known)}")


def _model_at(path: Path) -> type[BaseModel]:
    """The model that describes the mapping at a path."""
    model: type[BaseModel] = Settings
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = _inner(model.model_fields[part]) or model
    return model


def _inner(info: FieldInfo) -> type[BaseModel] | None:
    candidates = [info.annotation, *get_args(info.annotation)]
    models = [one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)]
    return models[0] if models else None


def _literal_secrets(document: Document) -> list[Problem]:
    """Secrets come from the environment: a file is copied, committed and shown too easily."""
    problems = []
    for path in document.lines:
        keys = [part for part in path if isinstance(part, str)]
        is_secret = bool(keys) and keys[-1] in ("api_key", "admin_key", "api_keys")
        if (
            is_secret
            and isinstance(_value_at(document.data, path), str)
            and path not in document.from_environment
        ):
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
