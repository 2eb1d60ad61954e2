"""A Python environment for each peer that comes as a Python package, apart from the project's own."""

from typing import Final

from bench.peers.kinds import FOLDER, ROOT

_UV: Final = str(ROOT / ".venv" / "bin" / "uv")
_PYTHON: Final = str(ROOT / ".venv" / "bin" / "python")


def python_install(name: str, requirement: str) -> list[list[str]]:
    return [
        [_UV, "venv", "--quiet", "--clear", "--python", _PYTHON, name],
        [_UV, "pip", "install", "--quiet", "--python", f"{name}/bin/python", requirement],
    ]


def python_version(name: str, package: str) -> str | None:
    """The version of a package in a peer's environment; None: it is not there."""
    stem = package.replace("-", "_")
    found = sorted((FOLDER / name).glob(f"lib/python*/site-packages/{stem}-*.dist-info"))
    return found[0].name.removeprefix(f"{stem}-").removesuffix(".dist-info") if found else None
