"""What is installed is locked, named in a bill of materials, and built to the same bytes each time."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from scripts.sbom import bill, pinned
from tests.conftest import deploy_tools

ROOT = Path(__file__).parents[2]
NO_LOCKS = {"models-overrides.txt", "torch.txt"}
"""Which build of PyTorch fits is the machine's matter."""
LOCKS = [one for one in sorted((ROOT / "requirements").glob("*.txt")) if one.name not in NO_LOCKS]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_a_version_and_hashes(lock: Path) -> None:
    text = lock.read_text()
    packages = pinned(text)
    assert packages
    named = re.findall(r"^[A-Za-z0-9][^\s=<>!~;\[]*", text, re.MULTILINE)
    assert len(named) == len(packages)
    assert not re.search(
        r"^\s*(-e|--index-url|--extra-index-url|--trusted-host|git\+|https?:)", text, re.MULTILINE
    )


def test_a_package_without_a_hash_is_found() -> None:
    with pytest.raises(ValueError, match="not pinned with a hash: evil==1"):
        pinned("good==1 \\\n    --hash=sha256:" + "a" * 64 + "\nevil==1\n")
    with pytest.raises(ValueError, match="not pinned"):
        pinned("evil>=1 \\\n    --hash=sha256:" + "a" * 64 + "\n")


def test_the_image_holds_what_was_tested() -> None:
    image = pinned((ROOT / "requirements/image.txt").read_text())
    tested = pinned((ROOT / "requirements/dev.txt").read_text())
    for name, (version, hashes) in image.items():
        assert tested[name][0] == version, name
        assert set(hashes) & set(tested[name][1]), name


def test_every_dependency_of_the_project_is_in_the_image() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    image = pinned((ROOT / "requirements/image.txt").read_text())
    for wanted in project["dependencies"]:
        name = re.split(r"[<>=\[]", wanted)[0]
        assert re.sub(r"[-_.]+", "-", name).lower() in image


def test_the_bill_names_everything_and_is_the_same_each_time() -> None:
    text = (ROOT / "requirements/image.txt").read_text()
    made = bill(text)
    assert made == bill(text)
    assert len(made["components"]) == len(pinned(text))
    assert {one["name"] for one in made["components"]} >= {"aiohttp", "uvicorn", "orjson"}


@pytest.mark.service("deploy")
def test_the_bill_is_valid_cyclonedx(tmp_path: Path) -> None:
    out = tmp_path / "sbom.json"
    out.write_text(json.dumps(bill((ROOT / "requirements/image.txt").read_text())))
    script = (
        "import sys; from cyclonedx.schema import SchemaVersion; from cyclonedx.validation.json import JsonStrictValidator;"
        "print(JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read()))"
    )
    done = subprocess.run(
        [str(deploy_tools() / "bin" / "python"), "-c", script, str(out)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "None", done.stdout + done.stderr


@pytest.mark.slow
def test_the_wheel_is_the_same_bytes_wherever_and_whenever_it_is_built(tmp_path: Path) -> None:
    digests = []
    for number, stamp in enumerate((1_000_000_000, 1_700_000_000)):
        place = tmp_path / f"place-{number}"
        place.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, place)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src", place / "src", ignore=ignore)
        for path in place.rglob("*"):
            os.utime(path, (stamp, stamp))
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "out"],
            check=False,
            capture_output=True,
            text=True,
            cwd=place,
            env=os.environ | {"SOURCE_DATE_EPOCH": "1767225600", "TZ": ("UTC", "Asia/Seoul")[number]},
        )
        assert done.returncode == 0, done.stderr
        (wheel,) = (place / "out").glob("*.whl")
        digests.append(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert digests[0] == digests[1]
