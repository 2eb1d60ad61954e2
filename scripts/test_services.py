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
    "influxdb": ("/usr/bin/influxd", ["influxdb"]),
    "victoria-metrics": ("/usr/bin/victoria-metrics", ["victoria-metrics"]),
    "node": ("/usr/bin/npm", ["nodejs", "npm"]),
    "postgres": ("/usr/lib/postgresql/15/bin/postgres", ["postgresql"]),
    "redis": ("/usr/bin/redis-server", ["redis-server"]),
}
ROOT = Path(__file__).parents[1]
CLIENTS = {"llama-index": "LlamaIndex", "adapters": "the adapter library", "ray": "Ray"}
"""Each in an environment of its own, as locked in `requirements/`: they want older clients than the tests use."""
MODELS = ROOT / ".clients/models"
MODELS_GB = 4
"""What PyTorch for processors and the rest take, unpacked and while they are."""
JAVASCRIPT = ROOT / "tests/integration/suites/js"


def main() -> int:
    install_packages()
    install_javascript()
    for name, title in CLIENTS.items():
        install_apart(name, title)
    install_models()
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


def install_apart(name: str, title: str) -> None:
    lock, home = ROOT / f"requirements/{name}.txt", ROOT / ".clients" / name
    done = home / ".installed"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    print(f"installing {title} for its tests", file=sys.stderr)
    uv = str(Path(sys.executable).with_name("uv"))
    python = str(home / "bin/python")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
        [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(lock)],
    ):
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - fixed arguments
            print(f"{title} could not be installed; its tests will be skipped", file=sys.stderr)
            shutil.rmtree(home, ignore_errors=True)
            return
    done.touch()


def install_models() -> None:
    """Prophet, PyTorch and Chronos, with pip: PyTorch first and alone, as this machine's pip finds it; the rest, locked."""
    locks = [ROOT / "requirements" / name for name in ("torch.txt", "models.txt")]
    done = MODELS / ".installed"
    if done.exists() and done.stat().st_mtime >= max(lock.stat().st_mtime for lock in locks):
        return
    if shutil.disk_usage(ROOT).free < MODELS_GB * 10**9:
        print(
            f"Prophet, PyTorch and Chronos need {MODELS_GB} GB; their tests will be skipped", file=sys.stderr
        )
        return
    print("installing Prophet, PyTorch and Chronos for their tests (about 2 GB)", file=sys.stderr)
    pip = [str(MODELS / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(MODELS)],
        [*pip, "-r", str(locks[0])],
        [*pip, "--no-deps", "--require-hashes", "-r", str(locks[1])],
    ):
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - fixed arguments
            print(
                "Prophet, PyTorch and Chronos could not be installed; their tests will be skipped",
                file=sys.stderr,
            )
            shutil.rmtree(MODELS, ignore_errors=True)
            return
    done.touch()


if __name__ == "__main__":
    sys.exit(main())
