"""Writes the files that are made from code: the configuration's schema and the reference pages.

With --check nothing is written; the exit code is 1 when a file is not what the code would make, and stderr says which.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from foreroute.cli.reference import cli_reference
from foreroute.heal.playbook_schema import playbook_json_schema
from foreroute.settings.reference import reference
from foreroute.settings.schema import settings_schema
from foreroute.simulate.scenario_schema import scenario_schema, world_schema

ROOT = Path(__file__).parents[1]


def schema() -> str:
    return _json(settings_schema())


def _json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


FILES: dict[str, Callable[[], str]] = {
    "schema/foreroute.schema.json": schema,
    "schema/recovery_playbooks.schema.json": lambda: _json(playbook_json_schema()),
    "schema/scenario.schema.json": lambda: _json(scenario_schema()),
    "schema/world.schema.json": lambda: _json(world_schema()),
    "docs/configuration.md": reference,
    "docs/cli.md": cli_reference,
}


def stale(root: Path = ROOT) -> list[str]:
    """The files that are missing or differ from what the code would make."""
    return [name for name, make in FILES.items() if _read(root / name) != make()]


def write(root: Path = ROOT) -> None:
    for name in stale(root):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(FILES[name](), encoding="utf-8")
        print(f"wrote {name}", file=sys.stderr)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 when a file is stale"
    )
    if not parser.parse_args().check:
        write()
        return 0
    for name in (found := stale()):
        print(f"{name} is stale: run `python scripts/generate.py`", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
