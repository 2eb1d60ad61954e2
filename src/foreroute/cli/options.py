"""Options that several verbs share: one name, one meaning."""

from pathlib import Path
from typing import Annotated, Final

import typer

URL: Final = "http://127.0.0.1:8081"

AsJson = Annotated[bool, typer.Option("--json", help="One JSON value on stdout; errors as JSON on stderr.")]
Url = Annotated[
    str, typer.Option("--url", envvar="FOREROUTE_URL", help="The dashboard's address.", metavar="URL")
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="FOREROUTE_ADMIN_KEY",
        show_envvar=True,
        help="The admin key, if the server has one. Better in the environment than on the command line.",
        metavar="KEY",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG",
        help="The configuration file. Default: foreroute.yaml or configs/foreroute.yaml, whichever is there.",
        show_default=False,
    ),
]
_DEFAULTS: Final = (Path("foreroute.yaml"), Path("configs/foreroute.yaml"))


def config_path(given: Path | None) -> Path:
    """The file that was named, or the first default that exists."""
    return given or next((path for path in _DEFAULTS if path.exists()), _DEFAULTS[0])
