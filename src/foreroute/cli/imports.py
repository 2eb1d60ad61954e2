# ruff: noqa: PLC0415 - the settings are loaded when they are needed
"""`foreroute import`: the configuration of another gateway as one of Foreroute's. Calls nobody."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foreroute.cli.options import AsJson
from foreroute.cli.say import CommandError, print_json

if TYPE_CHECKING:
    from foreroute.settings.litellm import Imported


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Begin with the configuration of another gateway."
    )
    verbs.callback()(_gateways)
    verbs.command("litellm")(litellm)
    app.add_typer(verbs, name="import")


def _gateways() -> None:
    """Begin with the configuration of another gateway."""


def litellm(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="LiteLLM's proxy configuration.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where the result goes. Default: stdout.", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a configuration of LiteLLM's `config.yaml`. A report on stderr says what became of every part of it.

    Keys that stand in the file are not copied: the result takes them from the environment, and the report says how.
    """
    from foreroute.settings.litellm import import_litellm

    imported = import_litellm(_read(file), str(file))
    if out is not None:
        _write(out, imported.text, file, force=force)
    if as_json:
        print_json(_fields(imported, out))
        return
    if out is None:
        sys.stdout.write(imported.text)
    sys.stderr.write("\n".join(_report(imported, out)) + "\n")


def _read(file: Path) -> bytes:
    from foreroute.core.errors import ConfigError
    from foreroute.settings.litellm_read import BYTES_MAX

    try:
        with file.open("rb") as stream:
            return stream.read(BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", where=str(file), hint="name LiteLLM's config.yaml"
        ) from None


def _write(out: Path, text: str, source: Path, *, force: bool) -> None:
    if out.exists() and out.samefile(source):
        raise CommandError("that is the file to import", where=str(out), hint="give the result another name")
    try:
        with out.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise CommandError(
            "exists already", where=str(out), hint="take another name, or --force to overwrite it"
        ) from None
    except OSError as error:
        raise CommandError(f"cannot be written: {error.strerror}", where=str(out)) from None


def _report(imported: "Imported", out: Path | None) -> list[str]:
    from foreroute.settings.litellm_notes import Fate

    lines = []
    for fate in Fate:
        notes = [note for note in imported.notes if note.fate is fate]
        lines += [f"{fate.value} ({len(notes)})", *(f"  {_clean(str(note))}" for note in notes), ""]
    if imported.variables:
        lines.append(f"Before you start, export {', '.join(imported.variables)}.")
    lines.append(f"Then: foreroute check {_clean(str(out)) if out else 'FILE'}")
    return lines


def _clean(text: str) -> str:
    """Names come from the file: no control characters take effect."""
    return "".join(char if char.isprintable() else "�" for char in text)


def _fields(imported: "Imported", out: Path | None) -> dict[str, object]:
    return {
        "out": None if out is None else str(out),
        "configuration": imported.text,
        "variables": list(imported.variables),
        "notes": [
            {"fate": note.fate.value, "where": note.where, "line": note.line, "message": note.message}
            for note in imported.notes
        ],
    }
