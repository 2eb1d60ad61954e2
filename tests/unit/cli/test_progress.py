"""Progress of something long: on a terminal, after two seconds, with the time that is left."""

from collections.abc import Iterator
from io import StringIO

from foreroute.cli.progress import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def ticking(*instants: float) -> Iterator[float]:
    yield from instants


def played(out: StringIO, *instants: float) -> str:
    times = ticking(*instants)
    progress = Progress("windows", lambda: next(times), out)
    for done in range(len(instants)):
        progress(done, len(instants) - 1)
    return out.getvalue()


def test_it_says_how_long_it_still_takes_and_leaves_nothing_behind() -> None:
    said = played(Terminal(), 0.0, 1.0, 2.5, 2.6, 5.0)
    assert said.split("\r\x1b[K")[1:] == ["████████████░░░░░░░░░░░░ 2 of 4 windows, 2 s left", ""]


def test_what_is_quick_says_nothing() -> None:
    assert played(Terminal(), 0.0, 0.5, 1.0) == ""


def test_a_file_gets_no_lines() -> None:
    assert played(StringIO(), 0.0, 10.0, 20.0) == ""


def test_long_times_are_told_in_minutes() -> None:
    assert "2 min left" in played(Terminal(), 0.0, 60.0, 120.0, 180.0)
