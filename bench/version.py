"""Which state of the program a figure was measured with."""

import hashlib
import subprocess
from pathlib import Path
from typing import Final

from foreroute import __version__

ROOT: Final = Path(__file__).parents[1]
_MEASURED: Final = ("--", ".", ":!docs", ":!*.md")


def version() -> str:
    """The program's version and the commit, with a mark of its own for each state of changed files.

    Documents do not count: a figure that is written into them does not change what is measured.
    """
    try:
        commit = _git("rev-parse", "--short=10", "HEAD").strip()
        changed = _git("status", "--porcelain", *_MEASURED) + _git("diff", "HEAD", *_MEASURED)
    except (OSError, subprocess.CalledProcessError):
        return __version__
    mark = hashlib.sha256(changed.encode()).hexdigest()[:6] if changed else ""
    return f"{__version__}-{commit}" + (f"+{mark}" if mark else "")


def _git(*arguments: str) -> str:
    return subprocess.run(("git", *arguments), cwd=ROOT, check=True, capture_output=True, text=True).stdout
