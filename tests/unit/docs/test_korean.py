"""Both languages have the same sections, the same commands and the same figures."""

import re
from pathlib import Path

import pytest
from tests.e2e.shell import commands
from tests.unit.docs.markdown import ROOT, blocks, name_of

PAIRS = [
    (ROOT / "README.md", ROOT / "README.ko.md"),
    *(
        (ROOT / "docs" / path.relative_to(ROOT / "docs/ko"), path)
        for path in sorted((ROOT / "docs/ko").rglob("*.md"))
        if path != ROOT / "docs/ko/README.md"
    ),
]
HANGUL = re.compile("[가-힣]")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def levels(path: Path) -> list[int]:
    plain = re.sub(r"(?ms)^ *```.*?^ *```", "", text_of(path))
    return [len(marks) for marks in re.findall(r"(?m)^(#+) ", plain)]


def marks(path: Path) -> list[str]:
    """The figures of each section, whatever the order that the language puts them in."""
    return sorted(re.findall(r"<!--([a-z]\w*\.[^>]*?)-->", text_of(path)))


@pytest.mark.parametrize(("english", "korean"), PAIRS, ids=lambda path: name_of(path))
def test_a_page_says_the_same_in_both_languages(english: Path, korean: Path) -> None:
    assert levels(english) == levels(korean)
    ran = [commands(block.text) for block in blocks(english, "sh", "bash")]
    assert ran == [commands(block.text) for block in blocks(korean, "sh", "bash")]
    assert [block.language for block in blocks(english)] == [block.language for block in blocks(korean)]
    assert [bool(block.mark) for block in blocks(english)] == [bool(block.mark) for block in blocks(korean)]
    assert marks(english) == marks(korean), f"a figure is missing in {name_of(korean)}, or too many"
    assert rows(english) == rows(korean), f"translate the new row into {name_of(korean)}"


def rows(path: Path) -> int:
    return sum(line.startswith("| ") for line in text_of(path).splitlines())


@pytest.mark.parametrize(("english", "korean"), PAIRS, ids=lambda path: name_of(path))
def test_settings_are_the_same_but_for_their_comments(english: Path, korean: Path) -> None:
    def bare(path: Path) -> list[str]:
        text = "\n".join(block.text for block in blocks(path, "yaml", "text"))
        lines = (re.sub(r"(^|\s+)#.*$", "", line) for line in text.splitlines())
        return [line for line in lines if line.strip() and not re.search(r"(note|description):", line)]

    assert bare(english) == bare(korean)


def test_every_how_to_has_a_korean_one() -> None:
    names = {path.name for path in (ROOT / "docs/how-to").glob("*.md")}
    assert names == {path.name for path in (ROOT / "docs/ko/how-to").glob("*.md")}


@pytest.mark.parametrize("page", [pair[1] for pair in PAIRS], ids=name_of)
def test_korean_is_korean(page: Path) -> None:
    prose = re.sub(r"(?ms)^ *```.*?^ *```", "", text_of(page))
    paragraphs = [part for part in re.split(r"\n\s*\n", prose) if len(part) > 60 and not part.startswith("<")]
    assert [part for part in paragraphs if not HANGUL.search(part)] == []
