# ruff: noqa: PLC0415 - settings and the HTTP client are loaded when a file is made
"""`foreroute init`: a first configuration from what is at hand. Never writes over a file."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foreroute.cli.options import AsJson
from foreroute.cli.say import CommandError, print_json

if TYPE_CHECKING:
    from foreroute.cli.init_found import Found


def register(app: typer.Typer) -> None:
    app.command("init")(init)


def init(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write it. It must not exist.")
    ] = Path("foreroute.yaml"),
    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider", metavar="NAME", help="This one too, though its key is not set yet. Repeatable."
        ),
    ] = None,
    local: Annotated[
        bool, typer.Option("--local/--no-local", help="Look for model servers on this machine.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Write a first configuration from the keys in the environment and the model servers on this machine.

    Only 127.0.0.1 is asked, no key is written, and no file is written over. Beside it goes the schema for editors.
    """
    from foreroute.cli.init_file import routes_of, written
    from foreroute.cli.init_found import from_environment, on_loopback

    _check(file, provider or [])
    found = [*from_environment(os.environ, provider or []), *(on_loopback() if local else ())]
    if not found:
        raise CommandError(
            "there is no provider's key in the environment and no model server on this machine",
            hint="export OPENAI_API_KEY=… (or another provider's), or name one: foreroute init --provider openai",
        )
    text = written(found, name=str(file))
    _agree(text, found)
    _write(file, text)
    schema = _write_schema(file.parent)
    if as_json:
        print_json(
            {"file": str(file), "schema": schema, "channels": _rows(found), "routes": routes_of(found)}
        )
        return
    for one in found:
        _say(f"found {one.id}: {one.model} at {one.base_url}{_needs(one)}")
    _say(f"next: foreroute doctor {file}, then foreroute serve -c {file}")
    typer.echo(str(file))


def _check(file: Path, wanted: list[str]) -> None:
    from foreroute.cli.init_found import PROVIDERS
    from foreroute.settings.hints import did_you_mean

    names = [one.name for one in PROVIDERS]
    for name in wanted:
        if name not in names:
            raise CommandError(f"there is no provider {name!r}", hint=did_you_mean(name, names, "providers"))
    if file.exists():
        raise _taken(file)


def _agree(text: str, found: "list[Found]") -> None:
    """What is written must be a configuration, whatever a server has called its models."""
    from foreroute.settings import parse_settings

    keys = {one.key: "set" for one in found if one.key}
    parse_settings(text.encode(), name="foreroute init", environment=keys)


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise _taken(file) from None
    except OSError as error:
        raise CommandError(f"cannot be written: {error.strerror}", where=str(file)) from None


def _taken(file: Path) -> CommandError:
    return CommandError(
        "there is such a file already, and it stays as it is",
        where=str(file),
        hint="name another one: foreroute init FILE, or move this one away",
    )


def _write_schema(folder: Path) -> str | None:
    """Its path; None when one is there already."""
    import json

    from foreroute.cli.init_file import SCHEMA_FILE
    from foreroute.settings.schema import settings_schema

    path = folder / SCHEMA_FILE
    if path.exists():
        return None
    _write(path, json.dumps(settings_schema(), indent=2, ensure_ascii=False) + "\n")
    return str(path)


def _rows(found: "list[Found]") -> list[dict[str, Any]]:
    return [
        {
            "id": one.id,
            "provider": one.provider,
            "model": one.model,
            "base_url": one.base_url,
            "key": one.key or None,
            "key_set": bool(one.key and os.environ.get(one.key)),
        }
        for one in found
    ]


def _needs(one: "Found") -> str:
    if not one.key:
        return ", which asks for no key"
    return f", with {one.key}" if os.environ.get(one.key) else f"; {one.key} is still to be exported"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
