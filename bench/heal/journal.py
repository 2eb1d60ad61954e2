"""What each injection came to, and where it is written down: a run that was broken off goes on where it was.

`FOREROUTE_HEAL_JOURNAL=FILE python -m bench heal` appends a line for each injection that is over and plays none again that
is in the file. A journal of another version of the gateway or of the benchmark must not be gone on with: delete it.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench.heal.injections import Injection

_FILE: Final = "FOREROUTE_HEAL_JOURNAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """One injection under one gateway. Seconds."""

    kind: str
    recovered: bool
    missed: str
    """What it fell short of; empty where it was recovered from."""
    user_s: float
    channel_s: float
    back_s: float | None
    bad: int
    requests: int
    attempts: int
    probes: int
    tokens: int
    """Billed, of all attempts: what channels said that they had read and written."""
    probe_tokens: int
    """Of those, for the gateway's own probes."""
    retry_tokens: int
    """Of those, for attempts whose answer no user got."""


class Journal:
    """Without a file it remembers nothing, and only tells how far the run is."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = {} if path is None or not path.exists() else _read(path)
        self._began = time.monotonic()
        self._played = 0

    @classmethod
    def from_environment(cls) -> "Journal":
        name = os.environ.get(_FILE)
        return cls(Path(name) if name else None)

    def once(self, injection: Injection, gateway: str, play: Callable[[], Healed]) -> Healed:
        """As it was written down, or played now."""
        key = f"{gateway}/{injection.kind}/{injection.seed}"
        if key in self._known:
            return Healed(**self._known[key])
        found = play()
        self._played += 1
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "healed": asdict(found)}) + "\n")
        return found

    def tell(self, number: int, total: int) -> None:
        """One line on a terminal, every tenth otherwise."""
        if not (sys.stderr.isatty() or number % 10 == 0 or number == total):
            return
        each_s = (time.monotonic() - self._began) / max(1, self._played)
        left_s = 2 * (total - number) * each_s
        print(f"injection {number} of {total}, about {left_s / 60:.0f} min left", file=sys.stderr, flush=True)


def _read(path: Path) -> Mapping[str, Any]:
    """A line that was cut off by the end of the process is played again."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        found[row["key"]] = row["healed"]
    return found
