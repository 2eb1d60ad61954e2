"""In which language the command line speaks. Programs, which ask for JSON, are always answered in English."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Final

VARIABLE: Final = "FOREROUTE_LANG"
_LOCALES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")


class Language(StrEnum):
    ENGLISH = "en"
    KOREAN = "ko"


_SPOKEN: Final[ContextVar[Language]] = ContextVar("foreroute_language", default=Language.ENGLISH)


def language_of(arguments: Sequence[str], environment: Mapping[str, str]) -> Language:
    """`--json`: English. Otherwise `--lang`, then FOREROUTE_LANG, then the locale. What is unknown is English."""
    if "--json" in arguments:
        return Language.ENGLISH
    given = _option(arguments) or environment.get(VARIABLE)
    if not given:
        given = next((value for name in _LOCALES if (value := environment.get(name))), "")
    return Language.KOREAN if given.lower().replace("-", "_").split("_")[0] == "ko" else Language.ENGLISH


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    token = _SPOKEN.set(language)
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def say(key: str, /, **values: object) -> str:
    """What stands under the key in the language that is spoken, with its values filled in."""
    from foreroute.cli.words import catalogue  # noqa: PLC0415 - texts are loaded by verbs that say something

    return catalogue(_SPOKEN.get())[key].format(**values)


def known(key: str) -> bool:
    """Whether there is such a key: words for what a server of another version names may be missing."""
    from foreroute.cli.words import catalogue  # noqa: PLC0415 - as above

    return key in catalogue(_SPOKEN.get())


def _option(arguments: Sequence[str]) -> str:
    """The value of `--lang`, which stands before the verb."""
    for place, one in enumerate(arguments):
        if one.startswith("--lang="):
            return one.partition("=")[2]
        if one == "--lang":
            return arguments[place + 1] if place + 1 < len(arguments) else ""
        if not one.startswith("-"):
            break
    return ""
