"""`docs/cli.md`, from the program itself: every verb, its arguments and options, and the exit codes."""

from collections.abc import Iterator
from typing import Any, Final

import typer.main

from foreroute.cli.exits import MEANINGS
from foreroute.cli.program import app

_HEAD: Final = """# Command line

<!-- Made by scripts/generate.py from src/foreroute/cli/: edit there. -->

The result goes to stdout, everything else to stderr. With `--json` stdout is one JSON value without colours, and
an error is `{"error": {"message", "where", "hint"}}` on stderr (with `problems` when a file has several). Colours
appear on a terminal only, and not when `NO_COLOR` is set. `foreroute --help` lists the verbs, `foreroute VERB
--help` says the same as this page, and `foreroute --install-completion` teaches the shell to complete them
([how](how-to/complete-commands.md)).

`foreroute --lang ko VERB` speaks Korean: the results of `status`, `explain`, `doctor`, `check`, `cost show`, `budget list`,
`incidents list` and `incidents show`, and the errors of reaching a server. Help, other verbs, what the configuration's
checks say, and what a server says of its decisions are English. With `--json` everything is English.

## Exit codes

| code | meaning |
|---|---|
"""
_TAIL: Final = """
## Environment

| variable | meaning |
|---|---|
| `FOREROUTE_URL` | The dashboard's address, for verbs that ask a running server (`--url`). |
| `FOREROUTE_ADMIN_KEY` | Its admin key (`--key`), sent as a bearer token. |
| `FOREROUTE_LANG` | `en` or `ko`: what results and errors are told in (`--lang`, before the verb). Unset: as `LC_ALL`, `LC_MESSAGES` or `LANG` say. |
| `NO_COLOR` | No colours. |

Keys of providers are named by the configuration file: see [configuration](configuration.md).
"""


def cli_reference() -> str:
    """The whole page, in Markdown."""
    codes = "".join(f"| {int(code)} | {meaning} |\n" for code, meaning in MEANINGS.items())
    return _HEAD + codes + "\n## Verbs\n" + "".join(_verbs(typer.main.get_command(app), "foreroute")) + _TAIL


def _verbs(group: Any, name: str) -> Iterator[str]:
    for verb, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield from _verb(command, f"{name} {verb}")
            yield from _verbs(command, f"{name} {verb}")
        else:
            yield from _verb(command, f"{name} {verb}")


def _verb(command: Any, name: str) -> Iterator[str]:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    usage = " ".join([name, *(_optional(_label(one), one) for one in arguments), "[OPTIONS]"])
    yield f"\n### `{name}`\n\n{' '.join((command.help or '').split())}\n\n```text\n{usage}\n```\n"
    rows = [_row(param) for param in command.params if param.name != "help"]
    if rows:
        yield "\n| argument or option | default | meaning |\n|---|---|---|\n"
        yield from rows


def _row(param: Any) -> str:
    given = None if getattr(param, "is_flag", False) else param.default
    default = "required" if param.required else ("–" if given is None else f"`{given}`")
    environment = f" Environment: `{param.envvar}`." if param.envvar else ""
    label = _label(param).replace("|", "\\|")
    return f"| `{label}` | {default} | {param.help or ''}{environment} |\n"


def _label(param: Any) -> str:
    value = param.metavar or str(param.name).upper()
    if param.param_type_name == "argument":
        return value
    return ", ".join(param.opts) + ("" if param.is_flag else f" {value}")


def _optional(label: str, param: Any) -> str:
    return label if param.required else f"[{label}]"
