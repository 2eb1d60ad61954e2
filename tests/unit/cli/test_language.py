"""The command line in Korean and in English."""

import asyncio
import json
import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from tests.unit.cli.conftest import StandIn
from typer.testing import CliRunner, Result

from foreroute.cli.language import Language, language_of, say, speaking
from foreroute.cli.program import app
from foreroute.cli.words import catalogue
from foreroute.monitor.fold import merge_rollups
from foreroute.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[3]
ENGLISH, KOREAN = catalogue(Language.ENGLISH), catalogue(Language.KOREAN)
HANGUL = re.compile("[가-힣]")
BARE = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "", "FOREROUTE_LANG": ""}


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=BARE | environment)


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_both_languages_say_the_same_things() -> None:
    assert list(ENGLISH) == list(KOREAN)
    assert {key: fields(text) for key, text in ENGLISH.items()} == {
        key: fields(text) for key, text in KOREAN.items()
    }
    columns = [key for key in ENGLISH if key.endswith(".columns")]
    assert columns
    for key in columns:
        shape = [[cell.startswith(">") for cell in words[key].split("|")] for words in (ENGLISH, KOREAN)]
        assert shape[0] == shape[1], key


def test_korean_is_korean() -> None:
    bare = {key for key, text in KOREAN.items() if not HANGUL.search(text)}
    said_by_others = {key for key in bare if not re.search("[a-z]", re.sub(r"\{\w+\}", "", KOREAN[key]))}
    assert bare - said_by_others == {
        "doctor.database.no_folder.fix", "doctor.prices.old.fix", "incident.id",
    }  # fmt: skip


def test_every_key_that_is_said_is_there_and_no_other() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/foreroute").rglob("*.py"))
    code = re.sub(r"(?s)WORDS: Final.*?\n}\n|MORE: Final.*?\n}\n", "", code)
    said = set(re.findall(r"""say\(\s*["']([a-z_.]+)["']""", code))
    assert said <= set(ENGLISH)
    made = (
        "health.",
        "explain.",
        "check.",
        "doctor.",
        "budget.",
        "incident.",
        "window.",
        "by.",
    )  # say(f"health.{word}")
    assert {key for key in ENGLISH if key not in said and not key.startswith(made)} == set()


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        ([], {}, "en"),
        ([], {"LANG": "ko_KR.UTF-8"}, "ko"),
        ([], {"LANG": "C.UTF-8", "LC_ALL": "ko_KR"}, "ko"),
        ([], {"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ([], {"LANG": "ko_KR.UTF-8", "FOREROUTE_LANG": "en"}, "en"),
        (["--lang", "ko", "status"], {"FOREROUTE_LANG": "en"}, "ko"),
        (["--lang=ko", "status"], {}, "ko"),
        (["status", "--lang", "ko"], {}, "en"),
        (["--lang", "ko", "status", "--json"], {}, "en"),
        ([], {"LANG": "kok_IN"}, "en"),
    ],
)
def test_who_decides_on_the_language(
    arguments: list[str], environment: dict[str, str], language: str
) -> None:
    assert language_of(arguments, environment) == language


def test_status_is_told_in_korean(server: StandIn, status: dict[str, Any]) -> None:
    server.answer("GET /api/status", status)
    told = run("--lang", "ko", "status", "--url", server.url)
    assert told.exit_code == 0
    assert "사용자가 느끼기 전에 azure-us의 트래픽을 옮겼습니다." in told.stdout
    assert "예산 monthly: $500.00 중 $123.45 사용" in told.stdout
    assert run("status", "--url", server.url, LANG="ko_KR.UTF-8").stdout == told.stdout
    english = run("status", "--url", server.url)
    assert not HANGUL.search(english.stdout)
    plain = run("--lang", "ko", "status", "--json", "--url", server.url)
    assert json.loads(plain.stdout) == status


def test_an_error_is_told_in_korean() -> None:
    told = run("--lang", "ko", "status", "--url", "http://127.0.0.1:9")
    assert told.exit_code == 4
    assert told.stderr.startswith("오류: http://127.0.0.1:9: 응답하는 서버가 없습니다")


def test_an_unknown_language_is_a_usage_error() -> None:
    assert run("--lang", "xx", "version").exit_code == 2


def test_a_language_ends_with_the_command() -> None:
    with speaking(Language.KOREAN):
        assert say("doctor.pass") == "통과"
    assert say("doctor.pass") == "pass"


def test_explain_and_incidents_are_told_in_korean(server: StandIn) -> None:
    attempt = {
        "number": 1, "channel": "a", "reason": "forecast", "outcome": "success", "started_at": 1.0, "rule": "load",
        "candidates": [{"channel": "b", "standing": "free", "share": 0.5, "slowdown": 2.0, "in_flight": 1}],
    }  # fmt: skip
    decision = {"id": "d1", "at": 1.0, "moves": [{"grade": "helped", "detail": "x"}, {"due_at": 2.0}]}
    server.answer(
        "GET /api/requests/req_1", {"request_id": "req_1", "attempts": [attempt], "decision": decision}
    )
    told = run("--lang", "ko", "explain", "req_1", "--url", server.url).stdout
    assert "a이(가) 요청 req_1에 시도 1번 만에 응답했습니다." in told
    assert "평소보다 2.0배 느림" in told
    assert "도움이 됨: x" in told
    row = {
        "id": "inc-1", "state": "closed", "scope": "channel", "name": "a", "root_cause": "server_error", "felt": {},
        "phases": {"first_bad_at": 1.0, "detected_at": 3.0}, "closed_at": 9.0, "evidence": "503", "probability": 0.9,
    }  # fmt: skip
    server.answer("GET /api/incidents/inc-1", {"incident": row, "undo": [{"control": "hold"}]})
    shown = run("--lang", "ko", "incidents", "show", "inc-1", "--url", server.url)
    assert shown.exit_code == 0, shown.output
    assert "감지" in shown.stdout
    assert "(확률 90%)" in shown.stdout
    server.answer("GET /api/incidents", {"incidents": []})
    assert run("--lang", "ko", "incidents", "list", "--url", server.url).stdout == "기록된 장애가 없습니다.\n"


def test_check_doctor_and_money_are_told_in_korean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keys = {"OPENAI_API_KEY": "a", "AZURE_OPENAI_API_KEY": "b", "FOREROUTE_LANG": "ko"}
    text = (ROOT / "configs/foreroute.yaml").read_text(encoding="utf-8").replace("port: 8080", "port: 0")
    Path("foreroute.yaml").write_text(f"{text}\ndashboard: {{port: 0}}\n", encoding="utf-8")
    assert "foreroute.yaml: 올바른 설정입니다." in run("check", **keys).stdout
    assert "실패 0" in run("doctor", **keys).stdout
    sqlite = asyncio.run(SqliteStore.open(tmp_path / "foreroute.db", merge_rollups))
    asyncio.run(sqlite.close())
    assert "직전 월" in run("cost", "show", **keys).stdout
    listed = run("budget", "list", "--url", "http://127.0.0.1:9", **keys)
    assert "예산" in listed.stdout, listed.output
    english = json.loads(run("doctor", "--json", **keys).stdout)
    assert not any(HANGUL.search(one["message"]) for one in english["checks"])
