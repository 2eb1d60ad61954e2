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
    "node": ("/usr/bin/npm", ["nodejs", "npm"]),
}
ROOT = Path(__file__).parents[1]
LLAMA_INDEX = ROOT / ".clients/llama-index"
JAVASCRIPT = ROOT / "tests/integration/suites/js"


def main() -> int:
    install_packages()
    install_javascript()
    install_llama_index()
    return 0


def install_packages() -> None:
    missing = {name: packages for name, (proof, packages) in SERVICES.items() if not Path(proof).exists()}
    if not missing:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        for name, packages in missing.items():
            print(
                f"test service {name}: not installed (needs root and apt: apt-get install {' '.join(packages)}); "
                "its tests will be skipped",
                file=sys.stderr,
            )
        return
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
            return


def install_javascript() -> None:
    """The JavaScript client, as locked, where npm is and it is not there yet or another one is."""
    lock, installed = JAVASCRIPT / "package-lock.json", JAVASCRIPT / "node_modules/.package-lock.json"
    npm = shutil.which("npm")
    if npm is None or (installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime):
        return
    print("installing the JavaScript client", file=sys.stderr)
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=JAVASCRIPT,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        print("npm ci failed; the tests of the JavaScript client will be skipped", file=sys.stderr)


def install_llama_index() -> None:
    """LlamaIndex, as locked, in an environment of its own: it wants an older official client than we test with."""
    lock, done = ROOT / "requirements/llama-index.txt", LLAMA_INDEX / ".installed"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    print("installing LlamaIndex", file=sys.stderr)
    uv = str(Path(sys.executable).with_name("uv"))
    python = str(LLAMA_INDEX / "bin/python")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(LLAMA_INDEX)],
        [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(lock)],
    ):
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - fixed arguments
            print("LlamaIndex could not be installed; its test will be skipped", file=sys.stderr)
            shutil.rmtree(LLAMA_INDEX, ignore_errors=True)
            return
    done.touch()


if __name__ == "__main__":
    sys.exit(main())
