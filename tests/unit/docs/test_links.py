"""Every link of every page leads somewhere: the file is there, and so is the heading. Nobody is asked on the network."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.unit.docs.markdown import ROOT, anchors, links, name_of, pages


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = [link for link in links(page) if (why := broken(page, link)) and why]
    assert wrong == []


def broken(page: Path, link: str) -> str:
    """Why a link leads nowhere; empty when it leads somewhere, or out of the repository."""
    parts = urlsplit(link)
    if parts.scheme:
        return "" if parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost") else "not https"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if ROOT not in (target, *target.parents) or not target.exists():
        return "no such file"
    if parts.fragment and target.suffix == ".md" and parts.fragment not in anchors(target):
        return "no such heading"
    return ""


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = ROOT / "README.md"
    assert broken(page, "docs/none.md") == "no such file"
    assert broken(page, "docs/gateway.md#none") == "no such heading"
    assert broken(page, "../../etc/hosts") == "no such file"
    assert broken(page, "http://example.org/") == "not https"
    assert broken(page, "docs/gateway.md#paths") == broken(page, "https://example.org/") == ""


def test_every_page_can_be_reached_from_the_index() -> None:
    seen: set[Path] = set()
    todo = [ROOT / "docs/README.md"]
    while todo:
        page = todo.pop()
        if page not in seen:
            seen.add(page)
            named = [(page.parent / urlsplit(link).path).resolve() for link in links(page)]
            todo += [path for path in named if path.suffix == ".md" and path.exists()]
    apart = [name_of(page) for page in pages() if page not in seen]
    assert apart == [], "link them from docs/README.md"
