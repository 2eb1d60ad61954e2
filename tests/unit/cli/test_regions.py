"""`foreroute regions`: the order and the distances are those that the gateway goes by."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from foreroute.cli.program import app
from foreroute.cli.regions import region_rows
from foreroute.settings import load_settings

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "configs/foreroute.yaml"
KEYS = {"OPENAI_API_KEY": "a", "AZURE_OPENAI_API_KEY": "b"}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["regions", *arguments], env=KEYS)


def test_the_nearest_comes_first_with_its_channels() -> None:
    rows = json.loads(run(str(EXAMPLE), "--json").stdout)["regions"]
    assert [(one["region"], one["round_trip_s"], one["home"]) for one in rows] == [
        ("us-east", 0.0, True),
        ("eu-west", 0.08, False),
    ]
    assert [one["channels"] for one in rows] == [["openai-us", "local-vllm"], ["azure-eu"]]
    assert [one["routes"] for one in rows] == [["chat-small"], ["chat-small"]]
    shown = run(str(EXAMPLE)).stdout
    assert "80 ms" in shown
    assert "told" in shown


def test_what_nobody_told_is_typical_or_unknown(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("    round_trip: {eu-west: 80ms}\n", "")
    file = tmp_path / "f.yaml"
    file.write_text(
        text.replace("region: us-east\n    model: qwen3", "region: moon\n    model: qwen3").replace(
            "  - name: eu-west\n", "  - name: eu-west\n  - name: moon\n"
        ),
        encoding="utf-8",
    )
    rows = {one["region"]: one for one in region_rows(load_settings(file, KEYS))}
    assert rows["eu-west"]["round_trip"] == "typical"
    assert rows["eu-west"]["round_trip_s"] == 0.08
    assert rows["moon"]["round_trip_s"] is None
    assert list(rows)[-1] == "moon"


def test_a_route_that_must_stay_is_not_served_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(
        EXAMPLE.read_text(encoding="utf-8").replace(
            "  - model: chat-small ", "  - regions: [us-east]\n    model: chat-small "
        ),
        encoding="utf-8",
    )
    rows = {one["region"]: one for one in region_rows(load_settings(file, KEYS))}
    assert rows["us-east"]["routes"] == ["chat-small"]
    assert rows["eu-west"]["routes"] == []
