"""Installs what the tests need from the system's packages, where that is possible, and says what it could not.

Needs apt and root (Debian, Ubuntu). Elsewhere the tests of a missing service are skipped with the reason printed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# service -> (what proves that it is there, packages)
SERVICES = {
    "chromium": ("/usr/bin/chromium", ["chromium", "fonts-noto-cjk", "fonts-inter"]),
}


def main() -> int:
    missing = {name: packages for name, (proof, packages) in SERVICES.items() if not Path(proof).exists()}
    if not missing:
        return 0
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        for name, packages in missing.items():
            print(
                f"test service {name}: not installed (needs root and apt: apt-get install {' '.join(packages)}); "
                "its tests will be skipped",
                file=sys.stderr,
            )
        return 0
    wanted = sorted({package for packages in missing.values() for package in packages})
    print(f"installing test services: {' '.join(wanted)}", file=sys.stderr)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *wanted]):
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["apt-get", "-qq", *command],  # noqa: S607 - the system's own
            env=environment,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            print(f"apt-get {command[0]} failed; tests of missing services will be skipped", file=sys.stderr)
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
