"""A LiteLLM proxy configuration as plain data: safe, bounded, with lines, anchors and merges resolved.

What stands for the environment is `${NAME}` afterwards, whichever way it was written: `os.environ/NAME` as LiteLLM
has it, or `${NAME}` for a tool that fills it in.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from foreroute.core.errors import ConfigError
from foreroute.settings.document import Document, Path, read_document
from foreroute.settings.litellm_notes import Notes
from foreroute.settings.load import SettingsError

BYTES_MAX: Final = 4_000_000
VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ENVIRON: Final = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
_DEFAULT: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):-")
_HINT: Final = "a LiteLLM proxy configuration has at least `model_list:`"
_MERGE: Final = "<<"


class _Verbatim(Mapping[str, str]):
    """An environment in which every variable stays what it is."""

    def __getitem__(self, name: str) -> str:
        return f"${{{name}}}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def read_litellm(raw: bytes, name: str) -> Document:
    """Raises ConfigError (SettingsError for all that is wrong in a file that can be read)."""
    if len(raw) > BYTES_MAX:
        raise ConfigError(
            f"{len(raw)} bytes are too many for a configuration", where=name, hint="4 MB at most"
        )
    try:
        document = read_document(raw, name, _Verbatim())
    except ConfigError as error:
        hint = _HINT if "channels:" in error.hint else error.hint
        raise ConfigError(error.message, where=error.where, hint=hint) from None
    if document.problems:
        raise SettingsError(document, document.problems)
    document.data = _resolved(document.data)
    return document


def remark_defaults(raw: bytes, notes: Notes) -> None:
    for number, line in enumerate(raw.decode("utf-8-sig").splitlines(), start=1):
        for found in _DEFAULT.finditer(line):
            notes.remark((), number, f"the default of ${{{found[1]}}} is not taken over: write it again")


def variables_in(value: Any) -> set[str]:
    """The environment variables that are named anywhere in it."""
    if isinstance(value, dict):
        return set().union(*(variables_in(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(variables_in(inner) for inner in value))
    return set(VARIABLE.findall(value)) if isinstance(value, str) else set()


def as_number(value: Any) -> float | None:
    """A finite number, also one that YAML takes for text, such as `1e-6`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def number_at(
    section: Mapping[str, Any], path: Path, notes: Notes, *, fits: Callable[[float], bool] = lambda n: n > 0
) -> float | None:
    """The number that stands at the path's last key; None, with a note, if it is none or does not fit."""
    value = section.get(str(path[-1]))
    if value is None:
        return None
    number = as_number(value)
    if number is None or not fits(number):
        notes.by_hand(path, "is not a number that makes sense here: write one into the result")
        return None
    return number


def _resolved(value: Any) -> Any:
    """With merge keys merged, as YAML 1.1 means them, and the environment in one spelling."""
    if isinstance(value, list):
        return [_resolved(inner) for inner in value]
    if not isinstance(value, dict):
        found = _ENVIRON.fullmatch(value) if isinstance(value, str) else None
        return value if found is None else f"${{{found[1]}}}"
    lent = _resolved(value.get(_MERGE))
    merged: dict[str, Any] = {}
    for one in reversed(lent if isinstance(lent, list) else [lent]):
        merged |= one if isinstance(one, dict) else {}
    return merged | {key: _resolved(inner) for key, inner in value.items() if key != _MERGE}
