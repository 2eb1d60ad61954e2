"""Versions on disk: whole or not there, whoever is killed when."""

import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from foreroute.core.errors import ModelFileError
from foreroute.forecast.model_folder import ModelFolder, StoredModel
from foreroute.forecast.model_manifest import HeldOut, Manifest

MADE = Manifest(
    kind="lightgbm",
    metric="first_chunk_p95",
    version=0,
    created_at=1000.0,
    trained_from_at=100.0,
    trained_to_at=900.0,
    series=("a", "b"),
    held_out=HeldOut(start_at=900.0, end_at=1000.0, outcomes=80, challenger=0.7, champion=0.8),
    libraries={"numpy": "2.4.6"},
)
FILES = {"layout.json": b"{}", "trees.txt": b"tree" * 100}
PLACE = ("lightgbm", "first_chunk_p95")


def champion(folder: ModelFolder) -> StoredModel | None:
    return next(folder.candidates(*PLACE), None)


def number(folder: ModelFolder) -> int | None:
    found = champion(folder)
    return None if found is None else found.manifest.version


def test_what_is_saved_is_what_is_read(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "models")
    assert champion(folder) is None
    saved = folder.save(MADE, FILES)
    found = champion(folder)
    assert found is not None
    assert found.files == FILES
    assert found.manifest == saved
    assert (saved.version, saved.held_out, saved.series) == (1, MADE.held_out, MADE.series)
    assert sorted(path.name for path in (tmp_path / "models/lightgbm/first_chunk_p95/000001").iterdir()) == [
        "layout.json",
        "manifest.json",
        "trees.txt",
    ]


def test_the_newest_serves_and_the_last_ones_are_kept(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path, keep=3)
    for _ in range(5):
        folder.save(MADE, FILES)
    assert [one.number for one in folder.versions(*PLACE)] == [3, 4, 5]
    assert number(folder) == 5


def test_going_back_and_on_again(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path)
    for _ in range(3):
        folder.save(MADE, FILES)
    withdrawn, serving = folder.rollback(*PLACE)
    assert (withdrawn.number, serving and serving.number, number(folder)) == (3, 2, 2)
    folder.rollback(*PLACE)
    assert number(folder) == 1
    assert folder.rollback(*PLACE)[1] is None
    assert champion(folder) is None
    with pytest.raises(ModelFileError, match="no stored version of lightgbm"):
        folder.rollback(*PLACE)
    assert folder.save(MADE, FILES).version == 4
    assert number(folder) == 4


def test_the_one_that_serves_is_never_removed(tmp_path: Path) -> None:
    """Damage has left an old one to serve: later versions that cannot serve do not push it out."""
    folder = ModelFolder(tmp_path, keep=1)
    folder.save(MADE, FILES)
    ModelFolder(tmp_path, keep=9).save(MADE, FILES)
    folder.rollback(*PLACE)
    assert number(folder) == 1
    folder.save(MADE, FILES)
    assert [one.number for one in folder.versions(*PLACE)] == [3]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda v: (v / "trees.txt").write_bytes(b"tree" * 99), "trees.txt is not what was stored"),
        (lambda v: (v / "trees.txt").unlink(), "trees.txt is missing"),
        (lambda v: (v / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda v: (v / "manifest.json").write_bytes(b""), "no manifest of a model"),
        (lambda v: (v / "manifest.json").write_bytes(b"[1]"), "no manifest of a model"),
        (lambda v: (v / "manifest.json").write_bytes(b"\xff\x00"), "no manifest of a model"),
        (lambda v: edit(v, format=2), "its format is 2"),
        (lambda v: edit(v, kind="lstm"), "its manifest is of lstm"),
        (lambda v: edit(v, files={"../../000001/trees.txt": "0" * 64}), "a file outside of it"),
        (lambda v: edit(v, held_out={"challenger": "x"}), "no manifest of a model"),
        (lambda v: edit(v, created_at=None), "no manifest of a model"),
    ],
)
def test_a_damaged_or_foreign_version_is_refused_and_the_one_before_serves(
    damage, said: str, tmp_path: Path
) -> None:
    folder = ModelFolder(tmp_path)
    folder.save(MADE, FILES)
    folder.save(MADE, {**FILES, "trees.txt": b"newer" * 100})
    assert number(folder) == 2
    damage(tmp_path / "lightgbm/first_chunk_p95/000002")
    assert number(folder) == 1
    first, second = folder.versions(*PLACE)
    assert first.problem == ""
    assert said in second.problem
    assert not second.can_serve


def edit(version: Path, **fields) -> None:
    manifest = json.loads((version / "manifest.json").read_bytes())
    (version / "manifest.json").write_text(json.dumps(manifest | fields))


def test_what_lies_about_is_no_version(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path)
    folder.save(MADE, FILES)
    place = tmp_path / "lightgbm/first_chunk_p95"
    for name in (".new-000002", "notes", "2", "000003.bak"):
        (place / name).mkdir()
    (tmp_path / "README").write_text("mine")
    (tmp_path / "Odd Name/x").mkdir(parents=True)
    assert [one.number for one in folder.all()] == [1]
    assert folder.save(MADE, FILES).version == 2
    assert not (place / ".new-000002").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "manifest.json", "withdrawn", "a\0b"])
def test_a_file_that_would_lie_elsewhere_is_not_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="name of a model's file"):
        ModelFolder(tmp_path).save(MADE, {name: b"x"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["..", "a/b", "", "A"])
def test_a_kind_that_is_no_name_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no name"):
        ModelFolder(tmp_path).save(replace(MADE, kind=kind), FILES)
    with pytest.raises(ModelFileError, match="no name"):
        ModelFolder(tmp_path).rollback(kind, "first_chunk_p95")


def test_a_disk_that_refuses_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    with pytest.raises(ModelFileError, match="could not be stored"):
        ModelFolder(tmp_path / "models").save(MADE, FILES)


SAVER = r"""
import sys
from pathlib import Path
from tests.unit.forecast.test_model_folder import MADE, saved_files
from foreroute.forecast.model_folder import ModelFolder
folder, count = ModelFolder(Path(sys.argv[1]), keep=3), 0
while True:
    count += 1
    os.write(1, b"%d\n" % count)
    folder.save(MADE, saved_files(count))
"""


def saved_files(count: int) -> dict[str, bytes]:
    """Files that belong together: a mixture of two saves would be seen."""
    return {f"part{part}.bin": f"{count} ".encode() * 2000 for part in range(4)}


def test_killing_who_saves_never_leaves_half_a_model_to_be_served(tmp_path: Path) -> None:
    """Fifty kills, at other moments of the save; after each, all that is listed is whole."""
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": f"{root / 'src'}:{root}"}
    folder = ModelFolder(tmp_path, keep=3)
    with subprocess.Popen(
        [sys.executable, "-c", FORKING + SAVER, str(tmp_path)], env=environment, stdout=subprocess.PIPE
    ) as saver:
        assert saver.stdout is not None
        try:
            assert kill_lives(saver.stdout, folder) == 50
        finally:
            saver.kill()
    assert champion(folder) is not None
    folder.save(MADE, FILES)
    assert not [
        path for path in (tmp_path / "lightgbm/first_chunk_p95").iterdir() if path.name[:2] in (".n", ".o")
    ]


FORKING = r"""
import os
from foreroute.forecast import model_folder
import tests.unit.forecast.test_model_folder
# One interpreter starts once; each life is a fork of it, whose id it tells.
while True:
    life = os.fork()
    if not life:
        break
    os.write(1, b"life %d\n" % life)
    os.waitpid(life, 0)
"""


def kill_lives(said, folder: ModelFolder, *, wanted: int = 50) -> int:
    """Kills one life after another while it saves, and looks at what is left after each."""
    kills, life = 0, 0
    for line in iter(said.readline, b""):
        if line.startswith(b"life"):
            life = int(line.split()[1])
            continue
        # Every fifth life saves two models and is at its third; the others are killed at their first.
        if not life or int(line) < (3 if kills % 5 == 0 else 1):
            continue
        # Between the telling and the kill lies another stretch of the save each time.
        select.select([], [], [], 0.001 * (kills * 7 % 20))
        os.kill(life, signal.SIGKILL)
        life, kills = 0, kills + 1
        look(folder)
        if kills == wanted:
            break
    return kills


def look(folder: ModelFolder) -> None:
    for version in folder.versions(*PLACE):
        assert version.problem == "", version
    found = champion(folder)
    if found is not None:
        count = int(found.files["part0.bin"].split()[0])
        assert found.files == saved_files(count)
