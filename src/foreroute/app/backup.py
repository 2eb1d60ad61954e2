"""Everything that is kept, in one file, and back: the store, the journal, what was learnt, models and configuration.

Made beside a running server: the journal is copied before the store, so that an attempt on its way from one to the other is
in one of them (twice is once: the ledger knows its rows). Certificates, keys and the environment are not in it.
"""

import contextlib
import fcntl
import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import orjson

from foreroute import __version__
from foreroute.app.plane import journal_folder, state_folder
from foreroute.app.training import models_path
from foreroute.core.errors import ForerouteError, StoreCorrupt, StoreUnavailable
from foreroute.settings.model import Settings
from foreroute.store.sqlite_schema import check_owner, check_pages

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_DATABASE: Final = "store.db"
_FOLDERS: Final = ("journal", "state", "models")
_PIECE: Final = 1024 * 1024
_MANIFEST_BYTES_MAX: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """What a back-up says that it holds. `files`: SHA-256 and size by name."""

    version: str
    made_at: float
    schema: int
    files: Mapping[str, tuple[str, int]]

    @property
    def size(self) -> int:
        return sum(size for _, size in self.files.values())


# Making one ----------------------------------------------------------------------------------------------------------


def create(settings: Settings, config: Path, target: Path, *, at: float) -> Content:
    """Raises ForerouteError; then there is no file under that name. A file that is there already stays as it is."""
    _needs_file(settings)
    if target.exists():
        raise ForerouteError(f"{target} is there already. Choose another name, or move it away")
    if not settings.store.path.exists():
        raise StoreUnavailable(f"{settings.store.path} is not there: `foreroute serve` makes it")
    work = target.with_name(f"{target.name}.making")
    partial = target.with_name(f"{target.name}.partial")
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True, mode=0o700)
        _gather(settings, config, work)
        content = _describe(work, at)
        _pack(work, content, partial)
        _sync_name(partial, target)
    except OSError as error:
        raise ForerouteError(f"the back-up cannot be written: {error}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
        partial.unlink(missing_ok=True)
    return content


def _gather(settings: Settings, config: Path, work: Path) -> None:
    _copy_folder(journal_folder(settings), work / "journal")  # first: see above
    _copy_database(settings.store.path, work / _DATABASE)
    _copy_folder(state_folder(settings), work / "state")
    _copy_folder(models_path(settings), work / "models")
    (work / "config").mkdir()
    # The configuration holds no secret: one that stands in the file is refused when it is read.
    named = [config, settings.heal.playbooks]
    if settings.clouds.file is not None:
        named.append(config.parent / settings.clouds.file)
    for path in named:
        if path is not None and path.exists():
            shutil.copyfile(path, work / "config" / path.name)


def _copy_database(source: Path, target: Path) -> None:
    """By SQLite's own online back-up, which waits for no writer and lets none wait."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy, pages=4096, sleep=0.005)
            copy.execute("PRAGMA journal_mode = DELETE")
            check_pages(copy)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{source} cannot be copied: {error}") from None


def _copy_folder(source: Path, target: Path) -> None:
    """Files that come and go meanwhile are replaced whole by their owners; one that is gone was not needed any more."""
    if not source.is_dir():
        return
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.is_symlink():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path, place)


def _describe(work: Path, at: float) -> Content:
    files = {
        path.relative_to(work).as_posix(): (_digest(path), path.stat().st_size)
        for path in sorted(work.rglob("*"))
        if path.is_file()
    }
    with closing(sqlite3.connect(work / _DATABASE)) as db:
        (schema,) = db.execute("PRAGMA user_version").fetchone()
    return Content(__version__, at, schema, files)


def _pack(work: Path, content: Content, partial: Path) -> None:
    said = {
        "format": FORMAT,
        "version": content.version,
        "made_at": content.made_at,
        "schema": content.schema,
        "files": {name: list(one) for name, one in content.files.items()},
    }
    manifest = orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz", compresslevel=3) as tar:
        head = tarfile.TarInfo(_MANIFEST)
        head.size, head.mode = len(manifest), 0o600
        tar.addfile(head, io.BytesIO(manifest))
        for name in content.files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = content.files[name][1], 0o600
            with (work / name).open("rb") as file:
                tar.addfile(info, file)


# Looking at one ------------------------------------------------------------------------------------------------------


def verify(archive: Path) -> Content:
    """Reads it all, as a restore would. Raises ForerouteError with what is wrong."""
    work = archive.with_name(f"{archive.name}.checking")
    shutil.rmtree(work, ignore_errors=True)
    try:
        return _unpack(archive, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _unpack(archive: Path, work: Path) -> Content:
    """Into an empty folder, checked to the last byte. Raises ForerouteError; the folder may then hold something."""
    try:
        work.mkdir(parents=True, mode=0o700)
        with tarfile.open(archive, "r|gz") as tar:
            members = iter(tar)
            content = _manifest(tar, next(members, None), archive)
            left = dict(content.files)
            for member in members:
                digest, size = left.pop(member.name, ("", -1))
                if not member.isreg() or member.size != size:
                    raise StoreCorrupt(f"{archive}: {member.name} is not what the manifest says")
                if _extract(tar, member, work) != digest:
                    raise StoreCorrupt(f"{archive}: {member.name} is damaged")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise StoreCorrupt(f"{archive} cannot be read: {error}") from None
    if left:
        raise StoreCorrupt(f"{archive}: {next(iter(left))} is missing")
    _check_database(work / _DATABASE, archive)
    return content


def _manifest(tar: tarfile.TarFile, member: tarfile.TarInfo | None, archive: Path) -> Content:
    file = None
    if member is not None and member.name == _MANIFEST and 0 < member.size <= _MANIFEST_BYTES_MAX:
        file = tar.extractfile(member)
    try:
        said: dict[str, Any] = orjson.loads(file.read() if file is not None else b"")
        if said["format"] != FORMAT:
            raise StoreCorrupt(
                f"{archive} has format {said['format']}; this version of Foreroute reads {FORMAT}"
            )
        files = {str(name): (str(digest), int(size)) for name, (digest, size) in said["files"].items()}
        content = Content(str(said["version"]), float(said["made_at"]), int(said["schema"]), files)
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError, AttributeError):
        raise StoreCorrupt(f"{archive} is no back-up of Foreroute") from None
    if _DATABASE not in files or not all(map(_is_known, files)):
        raise StoreCorrupt(f"{archive} names files that no back-up has")
    return content


def _is_known(name: str) -> bool:
    """No name leads out of the folder that it is unpacked in."""
    path = PurePosixPath(name)
    inside = not path.is_absolute() and ".." not in path.parts and "\0" not in name
    return inside and (name == _DATABASE or (path.parts[0] in {*_FOLDERS, "config"} and len(path.parts) > 1))


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, work: Path) -> str:
    source = tar.extractfile(member)
    assert source is not None  # noqa: S101 - it is a regular file
    place = work / member.name
    place.parent.mkdir(parents=True, exist_ok=True)
    made = hashlib.sha256()
    with place.open("wb") as out:
        while piece := source.read(_PIECE):
            made.update(piece)
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    return made.hexdigest()


def _check_database(path: Path, archive: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as db:
            check_owner(db)
            check_pages(db)
    except (sqlite3.Error, StoreCorrupt) as error:
        raise StoreCorrupt(f"{archive}: its store cannot be used: {error}") from None


# Going back to one ---------------------------------------------------------------------------------------------------


def restore(settings: Settings, archive: Path, *, config_to: Path | None = None) -> Content:
    """Puts back what the archive holds; what was there is moved to `<store>.before-restore`. All or nothing, whenever it
    is killed. Raises ForerouteError, also while somebody serves from that store.
    """
    _needs_file(settings)
    store = settings.store.path
    with _alone(settings):
        _one_disk(settings)
        finish(settings)
        fresh, ready = _named(store, "restoring"), _named(store, "restored")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            content = _unpack(archive, fresh)
            if config_to is not None:
                _put_config(fresh / "config", config_to)
            shutil.rmtree(fresh / "config", ignore_errors=True)
            for name in _FOLDERS:
                (fresh / name).mkdir(exist_ok=True)  # a folder that was empty then is empty again
            shutil.rmtree(_named(store, "before-restore"), ignore_errors=True)
            _sync_name(fresh, ready)  # from here on it will be finished
        except OSError as error:
            raise ForerouteError(f"{archive} cannot be restored: {error}") from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        finish(settings)
    return content


def finish(settings: Settings) -> bool:
    """Goes on with a restore that was killed after all was unpacked; says whether there was one. Raises ForerouteError."""
    store = settings.store.path
    ready, away = _named(store, "restored"), _named(store, "before-restore")
    if not ready.is_dir():
        return False
    places = {
        _DATABASE: (store, store.with_name(f"{store.name}-wal"), store.with_name(f"{store.name}-shm")),
        "journal": (journal_folder(settings),),
        "state": (state_folder(settings),),
        "models": (models_path(settings),),
    }
    try:
        away.mkdir(exist_ok=True)
        for name, (place, *beside) in places.items():
            if not (ready / name).exists():
                continue  # it is in its place already
            for old in (*beside, place):
                if old.exists():
                    old.replace(away / old.name)
            place.parent.mkdir(parents=True, exist_ok=True)
            _sync_name(ready / name, place)
        ready.rmdir()
    except OSError as error:
        raise ForerouteError(
            f"the restore of {store} cannot be finished: {error}. It goes on at the next start"
        ) from None
    return True


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Holds what whoever serves from the store holds. Raises StoreUnavailable while somebody does."""
    store = settings.store.path
    store.parent.mkdir(parents=True, exist_ok=True)
    held: list[int] = []
    try:
        for path in (
            journal_folder(settings).with_name(f"{journal_folder(settings).name}.lock"),
            store.with_name(f"{store.name}.lock"),
        ):
            file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            held.append(file)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreUnavailable(
                    f"a foreroute uses {store}. End it first: nothing is restored under a running one"
                ) from None
        yield
    finally:
        for file in held:
            os.close(file)


def _one_disk(settings: Settings) -> None:
    """What is renamed must stay on its file system: a copy could be cut short."""
    models = models_path(settings).absolute().parent
    while not models.exists():
        models = models.parent
    if models.stat().st_dev != settings.store.path.absolute().parent.stat().st_dev:
        raise ForerouteError(
            "forecast.retrain.folder is on another file system than store.path: nothing can be restored there at once. "
            "Restore with a configuration that has both on one, and move the models afterwards"
        )


def _put_config(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*")):
        place = target / path.name
        if place.exists():
            raise ForerouteError(f"{place} is there already. Choose an empty folder for the configuration")
        shutil.copyfile(path, place)


def _needs_file(settings: Settings) -> None:
    if not settings.store.outlasts:
        raise ForerouteError(
            f"store.kind is {settings.store.kind}: there is no file to back up here. Use its own tools for that"
        )


def _named(store: Path, what: str) -> Path:
    return store.with_name(f"{store.name}.{what}")


def _sync_name(path: Path, target: Path) -> None:
    """A rename that is on the disk when it returns, with what it names."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    path.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
