"""Figures in documents that are filled in from the record, so that no document can say what no benchmark has said.

A figure is followed by a mark, which a reader of the rendered page does not see: `0.55<!--forecast.relmae_last.mean-->`.

    <!--ID-->                the row's value
    <!--ID %-->              the same in per cent; `/1000` in another unit
    <!--ID low-->, high      the ends of its interval
    <!--ID beside-->         the first number of its baseline; `beside 2` the second
    <!--ID cell a/b-->       a number of its cells

The decimals and the thousands separator are those of the figure that is there.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.figures import Figure, Figures

_NUMBER: Final = r"-?\d[\d,]*(?:\.\d+)?"
_MARK: Final = re.compile(
    rf"(?P<shown>{_NUMBER}|\?)<!--(?P<id>[a-z]\w*(?:\.[\w.+-]+)+)(?P<how>(?: [^\s>-][^\s>]*)*)-->"
)
_ALONE: Final = rf"(?<![\w.,]){_NUMBER}"
"""Not the number in a word, such as p95."""
_COMMENT: Final = re.compile(r"<!--.*?-->")
_LINK: Final = re.compile(r"\]\([^)]*\)|`[^`]*`")
_WANTED: Final = re.compile(r"wanted: [^;|)]*")
_SECTION: Final = re.compile(r"(?m)^(?=#{1,4} )")
_RESULT: Final = re.compile(r"(?<![\w.,-])\d[\d,.]* ?(?:%|µs|ms|s|MB)(?!\w)")
_MEASURED: Final = re.compile(r"\bmeasured\b", re.IGNORECASE)
_COMMAND: Final = re.compile(
    r"make bench\b|-m bench |scripts/\w+\.py|foreroute (?:simulate|scorecard|experiment|cost|chaos)\b"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A mark that says nothing."""

    line: int
    what: str


def filled(text: str, figures: Figures) -> tuple[str, Sequence[Fault]]:
    """The text with every marked figure as the record has it; a mark without a figure is left as it is and reported."""
    faults: list[Fault] = []

    def put(match: re.Match[str]) -> str:
        try:
            shown = _shown(match["shown"], _number(figures, match["id"], match["how"].split()))
        except LookupError as error:
            faults.append(Fault(text.count("\n", 0, match.start()) + 1, str(error.args[0])))
            return match[0]
        return shown + match[0][len(match["shown"]) :]

    return _MARK.sub(put, text), faults


def unmarked(table: str) -> Iterator[str]:
    """The numbers in a Markdown table that stand without a mark. Exempt are targets (`wanted: …`), code, links and the
    first and the last column, which say what was measured and by which command.
    """
    for line in table.splitlines():
        cells = line.strip().strip("|").split(" | ")[1:-1]
        for cell in cells:
            rest = _WANTED.sub("", _LINK.sub("", _MARK.sub("", cell)))
            yield from (
                f"{number} in {cell.strip()!r}" for number in re.findall(_ALONE, _COMMENT.sub("", rest))
            )


def sourceless(text: str) -> Iterator[str]:
    """Headings of the sections that speak of what was measured and hold a figure with a unit, but neither a mark behind the
    figure nor a command that prints it.
    """
    for section in _SECTION.split(text):
        rest = _WANTED.sub("", _LINK.sub("", _MARK.sub("", section)))
        if _MEASURED.search(rest) and _RESULT.search(rest) and not _COMMAND.search(section):
            yield section.partition("\n")[0].lstrip("# ")


def _number(figures: Figures, identifier: str, how: Sequence[str]) -> float:
    figure = figures.figure(identifier)
    if figure is None:
        raise LookupError(f"no benchmark on record has printed {identifier}")
    scale = math.prod(_scale(word) for word in how)
    return _part(figure, identifier, [word for word in how if _scale(word) == 1.0]) * scale


def _scale(word: str) -> float:
    if word == "%":
        return 100.0
    return 1.0 / float(word[1:]) if re.fullmatch(r"/\d+", word) else 1.0


def _part(figure: Figure, identifier: str, how: Sequence[str]) -> float:
    match how:
        case []:
            return float(figure["value"])
        case ["low" | "high" as end] if figure.get("interval"):
            return float(figure["interval"][end == "high"])
        case ["beside", *rest]:
            numbers = re.findall(_NUMBER, str(figure.get("baseline", "")))
            place = int(rest[0]) if rest else 1
            if place <= len(numbers):
                return float(numbers[place - 1].replace(",", ""))
        case ["cell", path]:
            return _cell(figure.get("cells", {}), identifier, path)
        case _:
            pass
    raise LookupError(f"{identifier} has no {' '.join(how)}")


def _cell(cells: Mapping[str, Any], identifier: str, path: str) -> float:
    found: Any = cells
    for name in path.split("/"):
        if not isinstance(found, Mapping) or name not in found:
            raise LookupError(f"{identifier} has no cell {path}")
        found = found[name]
    return float(found)


def _shown(before: str, value: float) -> str:
    decimals = len(before.partition(".")[2])
    grouped = "," if "," in before or (before == "?" and abs(value) >= 10_000) else ""
    return f"{value:{grouped}.{decimals}f}"
