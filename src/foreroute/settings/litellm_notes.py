"""What became of each part of an imported file: every part has a note, so that nothing is lost in silence."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from foreroute.settings.document import Document, Path, write_path


class Fate(StrEnum):
    MAPPED = "mapped"
    """Is in the result."""
    ABSENT = "no counterpart"
    """Foreroute has nothing like it, or needs nothing for it."""
    BY_HAND = "by hand"
    """The operator has to look at it."""


@dataclass(frozen=True, slots=True)
class Note:
    """`message` never holds a secret or an address that may hold one."""

    fate: Fate
    where: str
    """`file:line: path.of.the.part`."""
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


_UNKNOWN: Final = "this import does not know it; nothing was made of it"
_EMPTY: Final = "is empty"
_SECTIONS: Final = frozenset({"router_settings", "litellm_settings", "general_settings"})


class Notes:
    """Gathers the notes of one file."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._notes: list[tuple[Path, Fate, str, int]] = []
        self._parts: set[Path] = set()
        """Those that have a note of their own."""
        self._parents: set[Path] = set()

    def mapped(self, path: Path, message: str) -> None:
        self._note(path, Fate.MAPPED, message)

    def absent(self, path: Path, message: str) -> None:
        self._note(path, Fate.ABSENT, message)

    def by_hand(self, path: Path, message: str) -> None:
        self._note(path, Fate.BY_HAND, message)

    def remark(self, path: Path, line: int, message: str) -> None:
        """Something for the operator that is not the fate of the part."""
        self._notes.append((path, Fate.BY_HAND, message, line))

    def knows(self, path: Path) -> bool:
        return path in self._parts

    def finish(self, reasons: dict[str, dict[str, str]]) -> list[Note]:
        """All notes, in the order of the file, with one for each part that nobody has mentioned.

        `reasons`: by the section that holds it, why a key has no counterpart.
        """
        for path in list(self._unmentioned(self._document.data, ())):
            self.absent(path, self._reason(path, reasons))
        return [self._written(*note) for note in sorted(self._notes, key=self._place)]

    def _note(self, path: Path, fate: Fate, message: str) -> None:
        self._notes.append((path, fate, message, 0))
        self._parts.add(path)
        self._parents.update(path[:length] for length in range(len(path)))

    def _unmentioned(self, value: Any, path: Path) -> Iterator[Path]:
        """The largest parts that no note speaks of, neither of them nor of anything in them."""
        if path in self._parts:
            return
        items: list[tuple[str | int, Any]] = []
        # Of a section each key has a reason of its own.
        if path in self._parents or not path or (len(path) == 1 and path[0] in _SECTIONS):
            items = list(value.items()) if isinstance(value, dict) else []
            items = list(enumerate(value)) if isinstance(value, list) else items
        if not items and path:
            yield path
        for key, inner in items:
            yield from self._unmentioned(inner, (*path, key))

    def _reason(self, path: Path, reasons: dict[str, dict[str, str]]) -> str:
        value: Any = self._document.data
        for part in path:
            value = value[part]
        if value is None or value in ({}, [], ""):
            return _EMPTY
        keys = [part for part in path if isinstance(part, str)]
        section = keys[-2] if len(keys) > 1 else ""
        return reasons.get(section, {}).get(keys[-1], _UNKNOWN) if keys else _UNKNOWN

    def _place(self, note: tuple[Path, Fate, str, int]) -> int:
        path, _, _, line = note
        return line or self._line(path)

    def _line(self, path: Path) -> int:
        """That of the nearest part that the file has: what an anchor lends stands elsewhere."""
        while path and path not in self._document.lines:
            path = path[:-1]
        return self._document.lines.get(path, 1)

    def _written(self, path: Path, fate: Fate, message: str, line: int) -> Note:
        line = line or self._line(path)
        place = f"{self._document.name}:{line}"
        return Note(fate, f"{place}: {write_path(path)}" if path else place, line, message)
