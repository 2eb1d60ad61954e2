"""Fitted models on disk: `<root>/<kind>/<metric>/<version>/`, each a manifest and the files that it vouches for.

A version appears by one rename of a folder that is complete and on the disk: whoever is killed while saving leaves at
most a folder whose name begins with `.new-`, which nobody reads and the next save removes. What is loaded is what was
hashed; a version that does not fit its manifest is refused, and the one before it serves.
"""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foreroute.core.errors import ModelFileError
from foreroute.forecast.model_manifest import Manifest, manifest_json, read_manifest

_MANIFEST: Final = "manifest.json"
_WITHDRAWN: Final = "withdrawn"
"""A file of this name in a version says that an operator went back behind it."""
_NEW: Final = ".new-"
_OLD: Final = ".old-"
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_VERSION: Final = re.compile(r"\d{6}")


@dataclass(frozen=True, slots=True)
class StoredModel:
    manifest: Manifest
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Version:
    """One version as found on the disk. `problem` says why it cannot serve; then there may be no manifest."""

    kind: str
    metric: str
    number: int
    manifest: Manifest | None
    is_withdrawn: bool
    problem: str = ""

    @property
    def can_serve(self) -> bool:
        return self.manifest is not None and not self.is_withdrawn and not self.problem


class ModelFolder:
    """`keep`: how many versions of each kind and metric stay, withdrawn ones included; at least one.

    Safe for several processes: saving, withdrawing and removing hold a lock of the kind and metric.
    """

    def __init__(self, root: Path, *, keep: int = 5) -> None:
        self._root = root
        self._keep = max(1, keep)

    def save(self, manifest: Manifest, files: Mapping[str, bytes]) -> Manifest:
        """Stores a version after all others and returns its manifest, numbered and with hashes.

        Raises ModelFileError for names that are no plain file names, and when the disk refuses.
        """
        for name in files:
            if not _FILE.fullmatch(name) or name in (_MANIFEST, _WITHDRAWN):
                raise ModelFileError(f"{name!r} cannot be the name of a model's file")
        place = self._place(manifest.kind, manifest.metric)
        try:
            with _locked(place):
                _sweep(place)
                number = max(_numbers(place), default=0) + 1
                hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
                numbered = manifest.numbered(number, hashes)
                fresh = place / f"{_NEW}{number:06}"
                fresh.mkdir()
                for name, content in {**files, _MANIFEST: manifest_json(numbered)}.items():
                    _write(fresh / name, content)
                _sync(fresh)
                fresh.rename(place / f"{number:06}")
                _sync(place)
                self._forget_old(place)
        except OSError as error:
            raise ModelFileError(f"the model could not be stored in {place}: {error.strerror}") from None
        return numbered

    def candidates(self, kind: str, metric: str) -> Iterator[StoredModel]:
        """Versions that can serve, the newest first, their files read and checked: whoever cannot use one takes the next."""
        for version in reversed(self.versions(kind, metric)):
            if version.can_serve and version.manifest is not None:
                try:
                    yield StoredModel(version.manifest, self._read(version.manifest))
                except ModelFileError:
                    continue  # it has been damaged or removed since it was listed

    def versions(self, kind: str, metric: str) -> tuple[Version, ...]:
        """All versions, oldest first, each checked against its manifest."""
        place = self._place(kind, metric)
        found = [self._version(kind, metric, number) for number in _numbers(place)]
        # Another process may have removed an old one meanwhile: that is no damage.
        return tuple(one for one in found if not one.problem or (place / f"{one.number:06}").is_dir())

    def all(self) -> tuple[Version, ...]:
        """Every version of everything, by kind, metric and number."""
        places = sorted(path for path in self._root.glob("*/*") if path.is_dir())
        known = [p for p in places if _NAME.fullmatch(p.name) and _NAME.fullmatch(p.parent.name)]
        return tuple(one for path in known for one in self.versions(path.parent.name, path.name))

    def rollback(self, kind: str, metric: str) -> tuple[Version, Version | None]:
        """Withdraws the version that serves: (that one, the one that serves now).

        Raises ModelFileError when none serves.
        """
        place = self._place(kind, metric)
        if not place.is_dir():
            raise ModelFileError(f"there is no stored model {kind} for {metric}")
        with _locked(place):
            serving = [one for one in self.versions(kind, metric) if one.can_serve]
            if not serving:
                raise ModelFileError(f"no stored version of {kind} for {metric} serves")
            folder = place / f"{serving[-1].number:06}"
            _write(folder / _WITHDRAWN, b"")
            _sync(folder)
        return serving[-1], serving[-2] if len(serving) > 1 else None

    def _version(self, kind: str, metric: str, number: int) -> Version:
        folder = self._place(kind, metric) / f"{number:06}"
        withdrawn = (folder / _WITHDRAWN).exists()
        manifest = None
        problem = ""
        try:
            manifest = _manifest(folder)
            self._read(manifest)
        except ModelFileError as error:
            problem = str(error)
        if manifest is not None and (manifest.kind, manifest.metric, manifest.version) != (
            kind,
            metric,
            number,
        ):
            problem = f"its manifest is of {manifest.kind} for {manifest.metric}, version {manifest.version}"
        return Version(kind, metric, number, manifest, withdrawn, problem)

    def _read(self, manifest: Manifest) -> dict[str, bytes]:
        """The files that the manifest names. Raises ModelFileError unless each is what it says."""
        folder = self._place(manifest.kind, manifest.metric) / f"{manifest.version:06}"
        files = {}
        for name, wanted in manifest.files.items():
            if not _FILE.fullmatch(name):
                raise ModelFileError(f"its manifest names a file outside of it: {name!r}")
            files[name] = _bytes(folder / name)
            if hashlib.sha256(files[name]).hexdigest() != wanted:
                raise ModelFileError(f"{name} is not what was stored: its hash differs")
        return files

    def _forget_old(self, place: Path) -> None:
        """Keeps the newest ones, and of the older ones that which serves: it is never removed."""
        numbers = _numbers(place)
        serving = [n for n in numbers if self._version(place.parent.name, place.name, n).can_serve]
        for number in numbers[: -self._keep]:
            if number not in serving[-1:]:
                old = place / f"{_OLD}{number:06}"
                (place / f"{number:06}").rename(old)
                shutil.rmtree(old, ignore_errors=True)

    def _place(self, kind: str, metric: str) -> Path:
        for name in (kind, metric):
            if not _NAME.fullmatch(name):
                raise ModelFileError(f"{name!r} is no name of a model or metric")
        return self._root / kind / metric


def _manifest(folder: Path) -> Manifest:
    return read_manifest(_bytes(folder / _MANIFEST))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"{path.name} is missing") from None
    except OSError as error:
        raise ModelFileError(f"{path.name} cannot be read: {error.strerror}") from None


def _numbers(place: Path) -> list[int]:
    if not place.is_dir():
        return []
    return sorted(int(path.name) for path in place.iterdir() if _VERSION.fullmatch(path.name))


def _sweep(place: Path) -> None:
    """Removes what those left who were killed. Under the lock nobody else is at work here."""
    for path in place.iterdir():
        if path.name.startswith((_NEW, _OLD)):
            shutil.rmtree(path, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Makes names in a folder outlast a power cut."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Waits for the lock of this kind and metric; a process that is killed has let go of it."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
