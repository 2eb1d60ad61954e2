"""A back-up of a running server and the way back, killed wherever it can be killed."""

import asyncio
import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import orjson
import pytest

from foreroute.app.backup import create, finish, restore, verify
from foreroute.app.plane import journal_folder, state_folder
from foreroute.core.errors import ForerouteError, StoreCorrupt, StoreUnavailable
from foreroute.core.ports import Record
from foreroute.monitor.fold import merge_rollups
from foreroute.monitor.journal_reader import JournalReader
from foreroute.settings import Settings, load_settings
from foreroute.store.sqlite import SqliteStore

CONFIG = """
gateway: {port: 0}
store: {path: %s}
channels:
  - {id: a, provider: p, region: here, model: m, base_url: "http://127.0.0.1:9/v1", api_key: "${UPSTREAM}"}
routes:
  - {model: chat, targets: [{channel: a}]}
"""
SECRET = "sk-upstream-secret"


class House:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.config = folder, folder / "foreroute.yaml"
        self.config.write_text(CONFIG % (folder / "house.db"))
        self.settings: Settings = load_settings(self.config, {"UPSTREAM": SECRET})
        self.archive = folder / "backup.tar.gz"

    def write(self, *names: str) -> None:
        async def work() -> None:
            store = await SqliteStore.open(self.settings.store.path, merge_rollups)
            await store.records.append([Record(kind="k", id=name, at=1.0, body=b"{}") for name in names])
            await store.close()

        asyncio.run(work())
        state_folder(self.settings).mkdir(exist_ok=True)
        (state_folder(self.settings) / "forecast.npz").write_bytes(",".join(names).encode())
        journal_folder(self.settings).mkdir(exist_ok=True)
        (journal_folder(self.settings) / "one.jsonl").write_text(names[-1])

    def read(self) -> tuple[list[str], bytes, str]:
        async def work() -> list[str]:
            store = await SqliteStore.open(self.settings.store.path, merge_rollups)
            found = await store.records.read("k")
            await store.close()
            return sorted(one.id for one in found)

        state = (state_folder(self.settings) / "forecast.npz").read_bytes()
        return asyncio.run(work()), state, (journal_folder(self.settings) / "one.jsonl").read_text()

    def back_up(self) -> None:
        create(self.settings, self.config, self.archive, at=5.0)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path / "house")
    house.write("first")
    return house


FIRST = (["first"], b"first", "first")
BOTH = (["first", "second"], b"second", "second")


def test_what_was_kept_comes_back(house: House) -> None:
    house.back_up()
    house.write("second")
    assert house.read() == BOTH
    content = restore(house.settings, house.archive)
    assert content.made_at == 5.0
    assert house.read() == FIRST
    assert not list(house.folder.glob("*.restor*"))
    assert (house.folder / "house.db.before-restore" / "house.db").exists()


def test_it_comes_back_where_nothing_was(house: House, tmp_path: Path) -> None:
    house.back_up()
    other = House(tmp_path / "other")
    restore(other.settings, house.archive, config_to=tmp_path / "config")
    assert other.read() == FIRST
    assert (tmp_path / "config" / "foreroute.yaml").read_text() == house.config.read_text()


def test_no_secret_is_in_it_and_nobody_else_may_read_it(house: House) -> None:
    house.back_up()
    assert house.archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(house.archive) as tar:
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            assert SECRET.encode() not in file.read()


def test_a_configuration_with_a_secret_in_it_is_refused(house: House) -> None:
    house.config.write_text(house.config.read_text().replace("${UPSTREAM}", SECRET))
    with pytest.raises(ForerouteError, match="secret must not stand in the file"):
        load_settings(house.config, {})


def test_nothing_is_written_over(house: House) -> None:
    house.archive.write_text("precious")
    with pytest.raises(ForerouteError, match="is there already"):
        house.back_up()
    assert house.archive.read_text() == "precious"


def test_the_copy_is_whole_while_others_write(house: House) -> None:
    async def main() -> None:
        store = await SqliteStore.open(house.settings.store.path, merge_rollups)
        stop = False

        async def writing() -> int:
            count = 0
            while not stop:
                pair = [Record(kind="pair", id=f"{count}-{half}", at=1.0, body=b"{}") for half in "ab"]
                await store.records.append(pair)
                count += 1
            return count

        task = asyncio.ensure_future(writing())
        await asyncio.to_thread(house.back_up)
        stop = True
        assert await task > 0
        await store.close()

    asyncio.run(main())
    verify(house.archive)
    restore(house.settings, house.archive)

    async def pairs() -> int:
        store = await SqliteStore.open(house.settings.store.path, merge_rollups)
        found = await store.records.read("pair", limit=1_000_000)
        await store.close()
        return len(found)

    assert asyncio.run(pairs()) % 2 == 0


def test_nothing_is_restored_under_a_running_server(house: House) -> None:
    house.back_up()
    reader = JournalReader(journal_folder(house.settings), own="me")
    assert reader.claim()
    try:
        with pytest.raises(StoreUnavailable, match="End it first"):
            restore(house.settings, house.archive)
    finally:
        reader.release()
    assert house.read() == FIRST


# What is wrong is seen before anything changes -----------------------------------------------------------------------


def repacked(house: House, change: "dict[str, bytes | None]", *, manifest: bool = True) -> None:
    with tarfile.open(house.archive) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]  # all are files
    for name, content in change.items():
        if content is None:
            del files[name]
        else:
            files[name] = content
    if manifest:
        said = orjson.loads(files["manifest.json"])
        said["files"] = {
            name: [hashlib.sha256(body).hexdigest(), len(body)]
            for name, body in files.items()
            if name != "manifest.json"
        }
        files["manifest.json"] = orjson.dumps(said)
    with tarfile.open(house.archive, "w:gz") as tar:
        for name, body in sorted(files.items(), key=lambda one: one[0] != "manifest.json"):
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))


@pytest.mark.parametrize(
    ("change", "manifest", "said"),
    [
        ({"state/forecast.npz": b"forged"}, False, "not what the manifest says"),
        ({"state/forecast.npz": b"firsT"}, False, "is damaged"),
        ({"state/forecast.npz": None}, False, "is missing"),
        ({"state/more.npz": b"x"}, False, "not what the manifest says"),
        ({"../evil": b"x"}, True, "names files that no back-up has"),
        ({"/etc/evil": b"x"}, True, "names files that no back-up has"),
        ({"state/../../evil": b"x"}, True, "names files that no back-up has"),
        ({"store.db": b"no database"}, True, "its store cannot be used"),
        ({"manifest.json": b"[]"}, False, "is no back-up"),
        ({"manifest.json": b'{"format": 99}'}, False, "has format 99"),
    ],
)
def test_a_back_up_that_is_not_sound_changes_nothing(
    house: House, change: "dict[str, bytes | None]", manifest: bool, said: str
) -> None:
    house.back_up()
    repacked(house, change, manifest=manifest)
    with pytest.raises(StoreCorrupt, match=said):
        verify(house.archive)
    with pytest.raises(StoreCorrupt, match=said):
        restore(house.settings, house.archive)
    assert house.read() == FIRST
    assert not list(house.folder.parent.rglob("evil"))


@pytest.mark.parametrize("left", [0.0, 0.3, 0.99])
def test_a_file_that_is_cut_short_is_refused(house: House, left: float) -> None:
    house.back_up()
    raw = house.archive.read_bytes()
    house.archive.write_bytes(raw[: int(len(raw) * left)])
    with pytest.raises(StoreCorrupt):
        verify(house.archive)


def test_a_link_is_no_file(house: House) -> None:
    house.back_up()
    with tarfile.open(house.archive) as tar:
        files = [(m, tar.extractfile(m).read()) for m in tar]  # type: ignore[union-attr]  # all are files
    with tarfile.open(house.archive, "w:gz") as tar:
        for member, body in files:
            if member.name.startswith("state/"):
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
                tar.addfile(member)
            else:
                tar.addfile(member, io.BytesIO(body))
    with pytest.raises(StoreCorrupt):
        verify(house.archive)


# Killed --------------------------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from foreroute.app import backup
from foreroute.settings import load_settings
left, verb, config, archive = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])

def counted(real):
    def call(*given, **more):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return real(*given, **more)
    return call

Path.replace, os.fsync = counted(Path.replace), counted(os.fsync)
backup.shutil.copyfile = counted(backup.shutil.copyfile)
settings = load_settings(config, {"UPSTREAM": "x"})
if verb == "create":
    backup.create(settings, config, archive, at=5.0)
else:
    backup.restore(settings, archive)
"""


def killed(house: House, verb: str, after: int) -> bool:
    """Whether it was killed before it was done."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(after), verb, str(house.config), str(house.archive)],
        check=False,
        capture_output=True,
        env=os.environ,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode != 0


@pytest.mark.slow
def test_a_restore_that_is_killed_anywhere_is_whole_or_not_at_all(tmp_path: Path) -> None:
    after, outcomes = 0, set()
    while True:
        house = House(tmp_path / f"house-{after}")
        house.write("first")
        house.back_up()
        house.write("second")
        was_killed = killed(house, "restore", after)
        finish(house.settings)
        found = house.read()
        assert found in (FIRST, BOTH), after
        outcomes.add(found == FIRST)
        assert not (house.folder / "house.db.restored").exists()
        if not was_killed:
            break
        after += 1
    assert outcomes == {True, False}
    assert after > 8


@pytest.mark.slow
def test_a_back_up_that_is_killed_leaves_no_file_under_its_name(tmp_path: Path) -> None:
    after = 0
    while True:
        house = House(tmp_path / f"house-{after}")
        house.write("first")
        was_killed = killed(house, "create", after)
        if house.archive.exists():
            verify(house.archive)
            house.archive.unlink()
        house.back_up()
        verify(house.archive)
        if not was_killed:
            break
        after += 1
    assert after > 3
