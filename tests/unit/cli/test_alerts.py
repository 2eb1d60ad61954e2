"""`foreroute alerts`, against the real API on loopback."""

import asyncio
import json
import shlex
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from string import Template

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from typer.testing import CliRunner, Result

from foreroute.alerts.delivery import NotSent
from foreroute.alerts.desk import AlertDesk
from foreroute.alerts.evidence import Evidence, Traffic
from foreroute.alerts.outbox import Outbox
from foreroute.alerts.settings import AlertSettings
from foreroute.alerts.values import Notice
from foreroute.cli.program import app
from foreroute.control.mutes import Mutes
from foreroute.core.channel import Channel
from foreroute.core.failure import FailureClass
from foreroute.core.findings import Findings, Incident
from foreroute.core.ids import ChannelId, IncidentId, RegionId
from foreroute.dashboard.alerts import alert_routes
from foreroute.dashboard.answers import refused
from foreroute.dashboard.door import Door
from foreroute.dashboard.mutes import mute_routes
from foreroute.monitor.fold import merge_rollups
from foreroute.serving import serve_asgi
from foreroute.store.memory import MemoryStore

AT = 1_772_442_000.0
ADMIN = "the-admin-key"
PAGE = (Path(__file__).parents[3] / "docs/alerts.md").read_text(encoding="utf-8")
Run = Callable[..., Result]


class StillClock:
    def now(self) -> float:
        return AT

    async def sleep_until(self, at: float) -> None:
        raise NotImplementedError


@dataclass
class Ear:
    kind: str = "webhook"
    error: NotSent | None = None
    told: list[Notice] = field(default_factory=list)

    async def send(self, notice: Notice) -> None:
        if self.error is not None:
            raise self.error
        self.told.append(notice)

    async def aclose(self) -> None:
        pass


@dataclass
class House:
    url: str
    desk: AlertDesk
    ear: Ear

    @property
    def alert(self) -> str:
        return next(iter(self.desk.state.alerts.values())).id


def evidence() -> Evidence:
    """One channel with an incident."""
    one = Channel(
        id=ChannelId("openai-us"),
        provider="openai",
        cloud="o",
        region=RegionId("us"),
        model="m",
        base_url="http://x",
    )
    incident = Incident(
        id=IncidentId("i"),
        channel=one.id,
        opened_at=AT - 600.0,
        root_cause=FailureClass.SERVER_ERROR,
        probability=1.0,
        evidence="9 of 10 attempts failed",
    )
    return Evidence(
        at=AT,
        tick_s=60.0,
        channels=(one,),
        findings=Findings(incidents=(incident,)),
        traffic={one.id: Traffic(attempts_per_minute=40.0, failure_ratio=0.5)},
    )


@pytest.fixture
def house() -> Iterator[House]:
    store = MemoryStore(merge_rollups)
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()
    made: list[House] = []

    async def main() -> None:
        ear = Ear()
        outbox = Outbox({"oncall": ear}, store.records, StillClock(), Random(1))
        desk = AlertDesk(AlertSettings(receivers=("oncall",)), store.records, outbox, StillClock())
        await desk.start()
        await desk.update(evidence())
        mutes = Mutes(store.records, channels=[ChannelId("openai-us")])
        routes = [
            *alert_routes(desk, store.records, StillClock(), mutes),
            *mute_routes(mutes, store.records, StillClock()),
        ]
        api = Starlette(routes=routes, exception_handlers={HTTPException: refused})
        async with await serve_asgi(Door(api, admin_key=ADMIN)) as server:
            made.append(House(server.url, desk, ear))
            started.set()
            await stop.wait()
        await outbox.aclose()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    assert started.wait(10)
    yield made[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def run(house: House) -> Run:
    def invoke(*arguments: str, code: int = 0, **environment: str) -> Result:
        env = {"FOREROUTE_URL": house.url, "FOREROUTE_ADMIN_KEY": ADMIN, **environment}
        result = CliRunner().invoke(app, ["alerts", *arguments], env=env)
        assert result.exit_code == code, result.output
        return result

    return invoke


def test_the_bare_verb_lists_what_is_open_and_who_is_told(house: House, run: Run) -> None:
    for result in (run(), run("list")):
        for part in (house.alert, "firing", "critical", "19.6", "openai-us is in trouble", "oncall", "ok"):
            assert part in result.stdout
        assert result.stderr == ""


def test_one_alert_is_told_in_full(house: House, run: Run) -> None:
    said = run("show", house.alert).stdout
    for part in (
        "03-02 08:50 UTC, for 10 min",
        "19.6 requests/min at worst",
        "to do",
        "openai-us",
        "threshold × 1.00",
    ):
        assert part in said


def test_ack_and_its_undo(house: House, run: Run) -> None:
    assert "is acknowledged" in run("ack", house.alert, "--by", "ann").stdout
    assert house.desk.state.alert(house.alert).acknowledged_by == "ann"  # type: ignore[union-attr] # it is there
    assert "is firing" in run("ack", house.alert, "--undo").stdout


def test_feedback_says_what_it_has_moved(house: House, run: Run) -> None:
    assert "1.30 times" in run("feedback", house.alert, "noise").stdout
    assert "0.77 times" in run("feedback", house.alert, "useful").stdout
    assert "1.00 times" in run("feedback", house.alert, "undo").stdout
    run("feedback", house.alert, "maybe", code=2)


def test_a_silence_from_beginning_to_end(house: House, run: Run) -> None:
    assert "There are no silences" in run("silences").stdout
    made = json.loads(run("silence", "channel=openai-us", "--for", "2h", "--by", "ann", "--json").stdout)
    assert made["end_at"] == AT + 7200.0
    assert made["id"] in run("silences").stdout
    assert "silenced" in run().stdout
    assert "has ended" in run("unsilence", made["id"]).stdout
    run("unsilence", made["id"], code=1)


def test_a_receiver_is_tried(house: House, run: Run) -> None:
    assert "took the message" in run("test", "oncall").stdout
    house.ear.error = NotSent("it answers 500")
    assert "it answers 500" in run("test", "oncall", code=1).stderr
    assert "no receiver 'nobody'" in run("test", "nobody", code=1).stderr


@pytest.mark.parametrize(
    ("verb", "says"),
    [
        ("show none", "no alert 'none'"), ("ack none", "no alert 'none'"), ("feedback none noise", "no alert 'none'"),
        ("silence nonsense", "no matcher"), ("list --state odd", "no state 'odd'"), ("silence channel=a --for ever", "not a duration"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_why_and_fails(run: Run, verb: str, says: str) -> None:
    assert says in run(*verb.split(), code=1).stderr
    assert says in json.loads(run(*verb.split(), "--json", code=1).stderr)["error"]["message"]


@pytest.mark.parametrize(
    "verb",
    ["", "list", "show ID", "ack ID", "feedback ID noise", "silence channel=a", "silences", "test oncall"],
)
def test_json_is_one_value_on_stdout(house: House, run: Run, verb: str) -> None:
    result = run(*verb.replace("ID", house.alert).split(), "--json")
    assert isinstance(json.loads(result.stdout), dict)
    assert result.stderr == ""


def test_without_the_key_nothing_is_told(run: Run) -> None:
    assert "admin key" in run("list", code=1, FOREROUTE_ADMIN_KEY="wrong").stderr


def test_the_commands_of_the_page_do_what_it_says(house: House, run: Run) -> None:
    commands = [line for line in PAGE.splitlines() if line.startswith("foreroute alerts")]
    assert len(commands) >= 10
    known = {"ALERT": house.alert, "CHANNEL": "openai-us", "RECEIVER": "oncall", "SILENCE": "", "MUTE": ""}
    for command in commands:
        words = [Template(word).substitute(known) for word in shlex.split(command)[2:]]
        run(*words)
        if words[:1] == ["mutes"]:
            known["MUTE"] = json.loads(run("mutes", "--json").stdout)["mutes"][0]["id"]
        if words[:1] == ["silence"]:
            known["SILENCE"] = house.desk.state.silences[-1].id
    assert house.desk.state.silences[-1].end_at == AT
    assert [notice.reason.value for notice in house.ear.told] == ["test"]


CHECKED = """
channels: [{id: one, provider: openai, region: us, model: m, base_url: "http://127.0.0.1:1/v1"}]
routes: [{model: chat, targets: [{channel: one}]}]
alerts:
  receivers: [{name: pager, webhook_url_file: pager-url}, {name: spare, webhook_url: "${SPARE_URL}"}]
  routes: [{receivers: [pager]}]
"""


def test_check_looks_at_receivers_and_calls_nobody(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(CHECKED)
    environment = {"SPARE_URL": "http://pager.example.com/s3cr3t"}
    missing = CliRunner().invoke(app, ["check", str(file)], env=environment)
    assert missing.exit_code == 3
    assert "pager-url cannot be read: No such file" in missing.stderr
    (tmp_path / "pager-url").write_text("https://pager.example.com/s3cr3t\n")
    found = CliRunner().invoke(app, ["check", str(file)], env=environment)
    assert found.exit_code == 0, found.output
    assert "receiver spare: no route sends it anything" in found.stdout
    assert "receiver spare: its messages travel unencrypted" in found.stdout
    assert "s3cr3t" not in found.output


def test_a_channel_is_muted_listed_and_judged_again(run: Run) -> None:
    made = json.loads(
        run("mute", "openai-*", "--for", "2h", "--because", "new racks", "--by", "ann", "--json").stdout
    )
    assert (made["channel"], made["because"], made["author"]) == ("openai-*", "new racks", "ann")
    assert made["end_at"] == AT + 7200.0
    listed = run("mutes").stdout
    assert all(word in listed for word in (made["id"], "openai-*", "maintenance", "new racks", "ann"))
    assert "has ended" in run("unmute", made["id"]).stdout
    assert "no mutes" in run("mutes").stdout


def test_a_deploy_holds_for_ten_minutes(run: Run) -> None:
    assert "is marked for 10m" in run("deploy", "openai-us").stdout
    (one,) = json.loads(run("mutes", "--json").stdout)["mutes"]
    assert (one["reason"], one["end_at"]) == ("deploy", AT + 600.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mute", "openia-us"], "known: openai-us"),
        (["mute", "openai-us", "--for", "90d"], "within 7 days"),
        (["mute", "openai-us", "--for", "soon"], "duration"),
        (["unmute", "nothing"], "foreroute alerts mutes"),
    ],
)
def test_a_mute_that_makes_no_sense_is_refused_in_words(run: Run, words: list[str], said: str) -> None:
    assert said in run(*words, code=1).stderr
