"""Writes the files that are made from code: the configuration's schema, the reference pages, and the figures in documents.

With --check nothing is written; the exit code is 1 when a file is not what the code would make, and stderr says which.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks are no part of the package

from bench.figures import Figures, read
from bench.marks import filled, sourceless
from bench.policies_tables import forecasts, scenarios
from scripts.pages.errors import errors_page
from scripts.pages.grafana import dashboard
from scripts.pages.headers import headers_page
from scripts.pages.metrics import metrics_page
from scripts.pages.openapi import openapi
from scripts.pages.rules import rules
from scripts.pages.steps import playbooks_page

from foreroute.cli.reference import cli_reference
from foreroute.heal.playbooks.schema import playbook_json_schema
from foreroute.settings.reference import reference
from foreroute.settings.schema import settings_schema
from foreroute.simulate.scenario_schema import scenario_schema, world_schema

ROOT = Path(__file__).parents[1]
RECORD = "docs/figures.json"
TABLES: dict[str, Callable[[Figures], str]] = {"policies": scenarios, "forecasts": forecasts}
"""What stands between `<!-- table NAME -->` and `<!-- end -->` in a document."""
SETTINGS = {
    ("docs/api.md", "Forecasts"),
    (
        "docs/decisions/0002-virtual-time-with-real-sockets.md",
        "The demo runs on virtual time with real sockets",
    ),
    ("docs/explanation/comparison.md", "Where the others are better"),
    ("docs/explanation/forecasts-earn-their-vote.md", "Every prediction is written down and graded"),
    ("docs/explanation/forecasts-earn-their-vote.md", "Sure enough to act"),
    ("docs/glossary.md", "Glossary"),
    ("docs/incidents.md", "Prevented"),
    ("docs/rollout.md", "Grades"),
    ("docs/rollout.md", "Young channels"),
}
"""Sections that speak of measuring and whose figures are settings, definitions, reckoned or published by others, not results of ours."""
_TABLE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


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
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/errors.md": errors_page,
    "docs/reference/headers.md": headers_page,
    "docs/reference/playbooks.md": playbooks_page,
    "schema/admin-api.openapi.json": openapi,
    "deploy/grafana/foreroute.json": dashboard,
    "deploy/prometheus/foreroute.rules.yaml": rules,
}


def stale(root: Path = ROOT) -> list[str]:
    """The files that are missing or differ from what the code would make."""
    made = [name for name, make in FILES.items() if _read(root / name) != make()]
    return made + [name for name, text in _documents(root).items() if text != _read(root / name)]


def write(root: Path = ROOT) -> None:
    texts = {name: make() for name, make in FILES.items()} | _documents(root)
    for name in stale(root):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(texts[name], encoding="utf-8")
        print(f"wrote {name}", file=sys.stderr)


def faults(root: Path = ROOT) -> list[str]:
    """Marks of figures that no benchmark on record has printed, and results that no command stands beside."""
    figures = read(root / RECORD)
    wrong = [
        f"{name}:{fault.line}: {fault.what}"
        for name in _pages(root)
        for fault in filled(_text(root / name), figures)[1]
    ]
    return wrong + [
        f"{name}: {heading!r} holds measured figures and neither marks nor the command that prints them"
        for name in _pages(root)
        for heading in sourceless(_text(root / name))
        if (name, heading) not in SETTINGS
    ]


def _documents(root: Path) -> dict[str, str]:
    """The documents with the figures that are on record."""
    figures = read(root / RECORD)
    return {name: filled(_with_tables(_text(root / name), figures), figures)[0] for name in _pages(root)}


def _with_tables(text: str, figures: Figures) -> str:
    return _TABLE.sub(lambda match: match[1] + TABLES[match[2]](figures) + match[3], text)


def _pages(root: Path) -> list[str]:
    pages = [
        path.relative_to(root).as_posix()
        for path in (*sorted(root.glob("README*.md")), *sorted((root / "docs").rglob("*.md")))
    ]
    return [name for name in pages if name not in FILES]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


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
    for fault in (wrong := faults()):
        print(fault, file=sys.stderr)
    return 1 if found or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
