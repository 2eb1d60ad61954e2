# ruff: noqa: PLC0415 - the store's libraries are loaded when a verb runs
"""`foreroute backup`: everything that is kept in one file, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foreroute.cli.options import AsJson, config_path
from foreroute.cli.say import say_answer

if TYPE_CHECKING:
    from foreroute.app.backup import Content

_Archive = Annotated[
    Path, typer.Argument(metavar="FILE", help="The back-up, such as foreroute-backup.tar.gz.")
]
_Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="CONFIG",
        help="The configuration file. Default: foreroute.yaml or configs/foreroute.yaml, whichever is there.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    backup = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Put everything that is kept into one file, look at it, and go back to it.",
    )
    backup.command("create")(create)
    backup.command("verify")(verify)
    backup.command("restore")(restore)
    app.add_typer(backup, name="backup")


def create(archive: _Archive, config: _Config = None, as_json: AsJson = False) -> None:
    """Write store, journal, learnt state, models and configuration into FILE, beside a running server.

    No certificate and no secret is in it; the store holds hashes of virtual keys only.
    """
    from foreroute.app.backup import create as make
    from foreroute.clock import SystemClock
    from foreroute.settings import load_settings

    path = config_path(config)
    content = make(load_settings(path), path, archive, at=SystemClock().now())
    say_answer(_row(archive, content), f"{archive}: {_words(content)}", as_json=as_json)


def verify(archive: _Archive, as_json: AsJson = False) -> None:
    """Read FILE to the last byte and check every sum in it. Changes nothing."""
    from foreroute.app.backup import verify as look

    content = look(archive)
    say_answer(_row(archive, content), f"{archive} is sound: {_words(content)}", as_json=as_json)


def restore(
    archive: _Archive,
    config: _Config = None,
    config_to: Annotated[
        Path | None,
        typer.Option(
            "--config-to",
            metavar="FOLDER",
            help="Put the configuration of that time here; never over a file.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put back what FILE holds, where the configuration says that it is kept.

    All or nothing, whenever it is interrupted. Refused while a server runs. What was there before is moved aside to
    `<store>.before-restore`.
    """
    from foreroute.app.backup import restore as go_back
    from foreroute.settings import load_settings

    content = go_back(load_settings(config_path(config)), archive, config_to=config_to)
    say_answer(_row(archive, content), f"restored {_words(content)}", as_json=as_json)


def _row(archive: Path, content: "Content") -> dict[str, Any]:
    return {
        "file": str(archive),
        "version": content.version,
        "made_at": content.made_at,
        "schema": content.schema,
        "files": len(content.files),
        "bytes": content.size,
    }


def _words(content: "Content") -> str:
    many = f"{len(content.files)} files, {content.size:,} bytes"
    return f"{many}, schema {content.schema}, of Foreroute {content.version}"
