"""Reading the project's Markdown: its pages, links, headings and shell blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.pages.code import anchor

ROOT = Path(__file__).parents[3]
_FENCE = re.compile(r"(?ms)^( *)```(\w*)\n(.*?)^ *```\s*?$")
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_SOURCE = re.compile(r'(?:srcset|src|href)="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `mark` is the visible line above it that says why it is not run, without its italics."""

    page: str
    line: int
    language: str
    text: str
    mark: str


def pages() -> list[Path]:
    tops = list(ROOT.glob("*.md"))
    return [*sorted(tops), *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, *languages: str) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        if not languages or found[2] in languages:
            above = text[: found.start()].rstrip().rpartition("\n")[2]
            mark = above.strip("* ") if above.startswith("*") and above.endswith("*") else ""
            yield Block(name_of(path), text.count("\n", 0, found.start()) + 1, found[2], found[3], mark)


def links(path: Path) -> Iterator[str]:
    text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", path.read_text(encoding="utf-8")))
    yield from _LINK.findall(text)
    yield from _SOURCE.findall(text)


def headings(path: Path) -> list[str]:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    return re.findall(r"(?m)^#{1,6} (.+)$", text)


def anchors(path: Path) -> set[str]:
    """As GitHub numbers those that come twice."""
    found: set[str] = set()
    for heading in headings(path):
        plain = re.sub(r"<!--.*?-->|`|\*", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading))
        name, number = anchor(plain), 0
        while (name if not number else f"{name}-{number}") in found:
            number += 1
        found.add(name if not number else f"{name}-{number}")
    return found
