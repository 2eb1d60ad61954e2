"""`foreroute` with a timer of processor time that looks, every few milliseconds of it, at what the gateway is doing.

At the end it writes down how often each part was seen, and how much processor time each thread has used. A call into
C is seen when it has returned, in whoever called it.
"""

import json
import os
import re
import signal
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

_EVERY_S: Final = 0.003
_PARTS: Final = (
    ("/foreroute/gateway/wire/", "reading requests and answers"),
    ("/foreroute/gateway/", "choosing and relaying"),
    ("/foreroute/monitor/journal", "journal"),
    ("/foreroute/monitor/export", "metrics"),
    ("/foreroute/store/", "SQLite"),
    ("/foreroute/core/attempt_json", "rows of the ledger"),
    ("/foreroute/serving", "HTTP server"),
    ("/foreroute/core/", "values and records"),
    ("/foreroute/monitor/", "values and records"),
    ("/foreroute/", "start and the rest"),
    ("/aiohttp/", "HTTP client"),
    ("/uvicorn/", "HTTP server"),
    ("/asyncio/", "event loop and sockets"),
)


def part_of(frame: FrameType | None) -> str:
    """The innermost known part on the stack."""
    while frame is not None:
        for mark, part in _PARTS:
            if mark in frame.f_code.co_filename:
                return part
        frame = frame.f_back
    return "other"


def by_thread() -> dict[str, float]:
    """Processor seconds of each thread of this process, by its name."""
    found: dict[str, float] = {}
    for thread in threading.enumerate():
        fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()
        name = re.sub(r"[-_]?\d+$", "", thread.name)
        found[name] = found.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def main() -> None:
    from foreroute.cli import main as foreroute  # noqa: PLC0415 - its import is not what is looked at

    counts: Counter[str] = Counter()
    cpu_s: dict[str, float] = {}

    def look(_signal: int, frame: FrameType | None) -> None:
        counts[part_of(frame)] += 1
        if not counts.total() % 500:
            cpu_s.update(by_thread())

    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
    try:
        foreroute()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        Path("profile.json").write_text(json.dumps({"parts": counts, "cpu_s": cpu_s}))


if __name__ == "__main__":
    main()
