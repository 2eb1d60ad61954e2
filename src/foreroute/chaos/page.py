"""The rows of the chaos suite as a page for people. Pure."""

from collections.abc import Sequence
from typing import Final

from foreroute.chaos.catalogue import FAULTS
from foreroute.chaos.fault import Fault, Kind
from foreroute.chaos.judge import Finding

_OPENING: Final = """\
# Every fault, and what the gateway makes of it

Made by `foreroute chaos run --write docs/chaos.md`; do not edit.

Real servers on loopback, the real gateway process's parts on real sockets, and virtual time: a fault of two minutes takes
a second, and no figure depends on the machine. If not said otherwise there are two channels of which one has the fault,
two requests a second, 20 s without the fault, 100 s with it, up to 75 s after it; a connection may take 3 s, the first chunk and
a silence 5 s, an attempt 20 s, a request 60 s; all else is as it is by default, without hedging.

For every fault it is checked that

- no answer comes later than the deadline;
- every answer is whole, or an error object with all four keys and nothing that looks like success;
- every attempt is in the journal or the ledger, failed ones under the class that the row names;
- every channel serves users again at most 60 s after the fault has ended.

Of the house's own acts also that their bounds, canaries and verification stop what would harm, and that who did what, why and
how to undo it is on record.

**User**: from the fault's begin until at most 1 % of ten seconds' requests are bad (not as good as they can be, or later
than 2 s). **Channel**: until the faulty channel gets less than 1 % of ten seconds' attempts. **Back**: from the fault's end
until every faulty channel has served a user. **Reached**: users' requests that came to the faulty channel. A dash: it did not
come to that, or there is nothing to measure.
"""
_GOOD: Final = {
    Kind.SERVABLE: "all whole",
    Kind.BROKEN: "whole, or ended by an error event",
    Kind.LIMITED: "429 with Retry-After",
    Kind.DOWN: "typed 5xx",
}


def page(findings: Sequence[Finding]) -> str:
    found = {one.fault: one for one in findings}
    parts = [_OPENING, _summary(findings)]
    for group in dict.fromkeys(fault.group for fault in FAULTS):
        rows = [
            _row(fault, found[fault.id]) for fault in FAULTS if fault.group == group and fault.id in found
        ]
        if rows:
            parts.append("\n".join([f"## {group}\n", _HEAD, *rows]))
    return "\n\n".join(part.strip() for part in parts) + "\n"


_HEAD: Final = "| fault | expected | seen | reached | user | channel | back |\n|---|---|---|---|---|---|---|"


def _summary(findings: Sequence[Finding]) -> str:
    untested = sum(bool(one.untested) for one in findings)
    passed = sum(one.passed and not one.untested for one in findings)
    return f"{passed} of {len(findings) - untested} faults came out as they have to; {untested} could not be played."


def _row(fault: Fault, one: Finding) -> str:
    if one.untested:
        return f"| `{fault.id}`: {fault.what} | | untested: {one.untested} | | | | |"
    seen = "as expected" if one.passed else "**" + "; ".join(one.problems) + "**"
    classes = ", ".join(f"`{name}`" for name in one.classes)
    figures = ", ".join(f"{name} {value:.3g}" for name, value in one.notes.items())
    told = "; ".join(part for part in (seen, classes, figures) if part)
    cells = (str(one.reached), _s(one.user_s), _s(one.channel_s), _s(one.back_s))
    return f"| `{fault.id}`: {fault.what} | {_expected(fault)} | {told} | {' | '.join(cells)} |"


def _expected(fault: Fault) -> str:
    expected = fault.expected
    parts = [_GOOD[fault.kind], f"≤ {expected.within_s:g} s"]
    if expected.asked_max is not None:
        parts.append(f"at most {expected.asked_max} reach it")
    return ", ".join(parts)


def _s(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f} s"
