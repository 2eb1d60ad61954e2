"""What the how-tos show to be written into files is what the code reads."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from scripts.pages.openapi import openapi
from tests.unit.docs.markdown import ROOT, Block, blocks, name_of, pages
from typer.testing import CliRunner

from foreroute.cli.program import app
from foreroute.settings import parse_settings

HOW_TOS = [*sorted((ROOT / "docs/how-to").glob("*.md")), *sorted((ROOT / "docs/ko/how-to").glob("*.md"))]
BASE: dict[str, Any] = {
    "channels": [
        {
            "id": name,
            "provider": "openai",
            "region": "r",
            "model": "gpt-4o-mini",
            "base_url": "http://127.0.0.1:9/v1",
        }
        for name in ("openai-us", "azure-eu")
    ],
    "routes": [{"model": "chat", "targets": [{"channel": "openai-us"}, {"channel": "azure-eu"}]}],
}
KEYS = {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"}


def settings_blocks() -> list[Block]:
    shown = [block for page in HOW_TOS for block in blocks(page, "yaml")]
    return [
        block for block in shown if "kind: Playbook" not in block.text and "scrape_configs" not in block.text
    ]


@pytest.mark.parametrize("block", settings_blocks(), ids=lambda block: f"{block.page}:{block.line}")
def test_settings_that_are_shown_can_be_read(block: Block) -> None:
    data = yaml.safe_load(block.text)
    if isinstance(data, list):
        data = {"channels": [*BASE["channels"], *data]}
    if "channels" in data and "routes" not in data:
        data["routes"] = [{"model": "all", "targets": [{"channel": one["id"]} for one in data["channels"]]}]
    data.pop("heal", None)  # it names a file of the reader's
    raw = json.dumps(BASE | data).encode()
    assert parse_settings(raw, name=block.page, environment=KEYS).channels


@pytest.mark.parametrize("page", [one for one in HOW_TOS if one.name == "write-a-playbook.md"], ids=name_of)
def test_the_playbook_that_is_shown_passes_its_rehearsal(page: Path, tmp_path: Path) -> None:
    (shown,) = [block.text for block in blocks(page, "yaml") if "kind: Playbook" in block.text]
    (tmp_path / "my.yaml").write_text(shown, encoding="utf-8")
    (tmp_path / "f.yaml").write_text(json.dumps(BASE), encoding="utf-8")
    done = CliRunner().invoke(
        app, ["playbook", "test", str(tmp_path / "f.yaml"), "--file", str(tmp_path / "my.yaml"), "--json"]
    )
    assert done.exit_code == 0, done.output


def commands_by_name() -> dict[str, Any]:
    """Every verb's command, by its whole name."""

    def below(group: Any, name: str) -> Iterator[tuple[str, Any]]:
        for word, command in group.commands.items():
            path = f"{name} {word}".strip()
            if hasattr(command, "commands"):
                if command.invoke_without_command:
                    yield path, command
                yield from below(command, path)
            else:
                yield path, command

    return dict(below(typer.main.get_command(app), ""))


VERBS = commands_by_name()
SAID = re.compile(r"foreroute(?: --lang ko)? ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?([^`\n]*)")


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_verb_and_option_that_a_page_names_is_there(page: Path) -> None:
    assert list(wrong("\n".join(code_of(page)))) == []


def wrong(text: str) -> Iterator[str]:
    """Verbs and options that are named in a text and are not there."""
    for first, second, rest in SAID.findall(text):
        name = f"{first} {second}" if f"{first} {second}" in VERBS else first
        if name not in VERBS:
            if second or not any(verb.startswith(f"{first} ") for verb in VERBS):
                yield f"{first} {second}".strip()
            continue
        known = {option for param in VERBS[name].params for option in (*param.opts, *param.secondary_opts)}
        before = re.split(r"\s(?:#|\||;|&&|<)|,? or `|\)", rest)[0]
        said = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", before))
        yield from (f"{name} {option}" for option in sorted(said - known - {"--help"}))


def test_a_verb_or_an_option_that_is_not_there_is_found() -> None:
    text = "foreroute budget set a --limit 3 --nonsense\nforeroute dance\nforeroute keys dance\nforeroute status --json"
    assert list(wrong(text)) == ["budget set --nonsense", "dance", "keys dance"]


def code_of(page: Path) -> list[str]:
    inline = re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
    return [*inline, *(block.text for block in blocks(page, "sh", "bash", "console"))]


def test_the_description_of_the_api_is_well_formed() -> None:
    made = json.loads(openapi())
    for path, methods in made["paths"].items():
        for operation in methods.values():
            named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            assert "default" in operation["responses"]
