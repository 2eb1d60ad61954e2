"""Seeds that were played, in a folder, so that a run that was stopped goes on where it was. Of the same program, that is."""

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from bench.savings.play import Played

_PLAYED: Final = TypeAdapter(Played)


def find(folder: Path | None, traffic: str, seed: int) -> Played | None:
    path = _path(folder, traffic, seed)
    return None if path is None or not path.exists() else _PLAYED.validate_json(path.read_bytes())


def keep(folder: Path | None, traffic: str, played: Played) -> None:
    path = _path(folder, traffic, played.seed)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_PLAYED.dump_json(played))


def _path(folder: Path | None, traffic: str, seed: int) -> Path | None:
    return None if folder is None else folder / f"{traffic}-seed-{seed}.json"
