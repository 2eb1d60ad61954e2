# ruff: noqa: PLC0415 - rich and json are loaded by the commands that print with them
"""How the command line speaks: results on stdout, errors on stderr, both as JSON where that was asked for."""

import sys
from typing import TYPE_CHECKING, Any, Final

import typer

from foreroute.cli.language import say
from foreroute.core.errors import ConfigError, ForerouteError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_PIPE_WIDTH: Final = 220
"""Columns when stdout is no terminal: nothing is cut off for a program that reads it."""


class CommandError(ForerouteError):
    """A command that cannot be carried out, and what would help."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint


def print_json(value: Any) -> None:
    import json

    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def say_answer(answer: dict[str, Any], words: str, *, as_json: bool) -> None:
    """What the server answered for a program, or in words for a person."""
    if as_json:
        print_json(answer)
    else:
        typer.echo(words)


def report(error: Exception, *, as_json: bool) -> None:
    """The error on stderr, for a person or for a program. Never a traceback."""
    if as_json:
        import json

        sys.stderr.write(json.dumps({"error": _fields(error)}, ensure_ascii=False) + "\n")
        return
    # A file's problems begin with file:line, so that editors can jump there.
    line = str(error) if isinstance(error, ConfigError) else say("error", text=_text(error))
    sys.stderr.write(f"{line}\n")


def _fields(error: Exception) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "message": error.format_message() if isinstance(error, typer.TyperException) else _message(error),
        "where": getattr(error, "where", ""),
        "hint": getattr(error, "hint", ""),
    }
    all_of_them = getattr(error, "errors", ())
    if len(all_of_them) > 1:
        fields["problems"] = [_fields(one) for one in all_of_them]
    return fields


def _message(error: Exception) -> str:
    return str(getattr(error, "message", "")) or str(error)


def _text(error: Exception) -> str:
    fields = _fields(error)
    head = f"{fields['where']}: {fields['message']}" if fields["where"] else fields["message"]
    return f"{head}\n  {fields['hint']}" if fields["hint"] else head


def console() -> "Console":
    """For results. Colours only on a terminal and without NO_COLOR."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(highlight=False, width=width, soft_wrap=not sys.stdout.isatty())


def table(*headings: str) -> "Table":
    """Numbers go right: a heading that begins with `>` says so."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left")
    return made


def text(value: object, style: str = "") -> "Text":
    """Text that came from somewhere else: no markup and no control characters take effect."""
    from rich.text import Text

    clean = "".join(c if c.isprintable() or c == "\n" else "�" for c in str(value))
    return Text(clean, style=style)
