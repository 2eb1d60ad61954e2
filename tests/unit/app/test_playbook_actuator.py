"""What steps ask for, done: on loopback, with real processes, keys and records."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from aiohttp import web
from pydantic import ValidationError
from tests.playbook_house import A, channel

from foreroute.app.playbook_actuator import NOTE, HouseActuator
from foreroute.app.playbook_hooks import Hooks, environment
from foreroute.app.playbook_probes import Probes
from foreroute.app.playbooks import playbooks_of
from foreroute.core.errors import ConfigError
from foreroute.core.playbook_ports import Order
from foreroute.gateway.keyring import new_key
from foreroute.monitor.fold import merge_rollups
from foreroute.settings.finding import HookSettings
from foreroute.settings.load import parse_settings
from foreroute.store.memory import MemoryStore

CONFIG = b"""
channels:
  - {id: a, provider: p, region: r, model: m, base_url: "http://127.0.0.1:1/v1"}
routes:
  - {model: chat, targets: [{channel: a}]}
"""


def order(action: str, **wanted: Any) -> Order:
    return Order(
        key="run-1/step", action=action, run="run-1", playbook="book", step="step", scope="channel:a",
        channels=(A,), wanted=wanted, timeout_s=5.0, at=100.0,
    )  # fmt: skip


def undo_of(one: Order, said: str = "") -> Order:
    return Order(
        key=f"{one.key}/undo", action=one.action, run=one.run, playbook=one.playbook, step=one.step, scope=one.scope,
        channels=one.channels, wanted=one.wanted, timeout_s=one.timeout_s, at=one.at, said=said,
    )  # fmt: skip


class House:
    """An upstream and a receiver of hooks in one."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.status = 200
        self.keys = Counter[str]()

    async def hook(self, request: web.Request) -> web.Response:
        self.calls.append((request.path, request.headers["idempotency-key"], await request.json()))
        if self.status == 302:
            return web.Response(status=302, headers={"location": "/elsewhere"})
        return web.Response(status=self.status)

    async def models(self, request: web.Request) -> web.Response:
        self.keys[request.headers.get("authorization", "")] += 1
        return web.Response(status=200 if request.headers.get("authorization") == "Bearer good" else 401)


@pytest.fixture
async def house() -> AsyncIterator[tuple[House, str]]:
    made = House()
    app = web.Application()
    app.router.add_post("/{tail:.*}", made.hook)
    app.router.add_get("/v1/models", made.models)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def hook(**fields: Any) -> HookSettings:
    return HookSettings.model_validate({"name": "again", **fields})


async def test_a_webhook_is_called_with_its_key_and_undone_with_another(house: tuple[House, str]) -> None:
    made, url = house
    hooks = Hooks([hook(webhook_url=f"{url}/do", undo_webhook_url=f"{url}/undo")])
    one = order("hook", name="again")
    assert (await hooks.do(one)).ok
    assert (await hooks.undo(undo_of(one))).ok
    assert [(path, key, body["undo"]) for path, key, body in made.calls] == [
        ("/do", "run-1/step", False),
        ("/undo", "run-1/step/undo", True),
    ]
    assert made.calls[0][2]["channels"] == ["a"]


@pytest.mark.parametrize("status", [500, 404, 302])
async def test_a_webhook_that_does_not_take_it_has_failed(house: tuple[House, str], status: int) -> None:
    made, url = house
    made.status = status
    answer = await Hooks([hook(webhook_url=f"{url}/do")]).do(order("hook", name="again"))
    assert (answer.ok, answer.said) == (False, f"it answers {status}")
    assert len(made.calls) == 1, "nobody is led elsewhere"


async def test_an_address_that_cannot_be_reached_is_not_told() -> None:
    answer = await Hooks([hook(webhook_url="http://127.0.0.1:1/secret-token")]).do(
        order("hook", name="again")
    )
    assert not answer.ok
    assert "secret" not in answer.said


async def test_only_what_is_allowed_and_only_so_often(house: tuple[House, str]) -> None:
    made, url = house
    hooks = Hooks([hook(webhook_url=f"{url}/do", per_hour_max=2)])
    assert not (await hooks.do(order("hook", name="other"))).ok
    answers = [await hooks.do(order("hook", name="again")) for _ in range(3)]
    assert [one.ok for one in answers] == [True, True, False]
    assert "2 times within the hour" in answers[-1].said
    assert len(made.calls) == 2


async def test_a_command_runs_with_fixed_arguments_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    out = tmp_path / "out"
    program = f"import os, sys; open({str(out)!r}, 'w').write(repr((sys.argv[1:], dict(os.environ))))"
    hooks = Hooks([hook(command=[sys.executable, "-c", program, "one; two"])])
    answer = await hooks.do(order("hook", name="again"))
    assert answer.ok, answer.said
    said = out.read_text()
    assert "['one; two']" in said
    assert "'FOREROUTE_KEY': 'run-1/step'" in said
    assert "sk-secret" not in said
    assert "SECRET" not in environment(order("hook", name="again"), {"SECRET": "x"}, undo=True)


async def test_a_command_that_fails_or_is_not_there() -> None:
    bad = Hooks(
        [hook(command=[sys.executable, "-c", "import sys; print('no disk', file=sys.stderr); sys.exit(3)"])]
    )
    answer = await bad.do(order("hook", name="again"))
    assert (answer.ok, answer.said) == (False, "it ended with 3: no disk")
    missing = await Hooks([hook(command=["/no/such/program"])]).do(order("hook", name="again"))
    assert (missing.ok, missing.said) == (
        False,
        "/no/such/program cannot be started: No such file or directory",
    )
    assert (await bad.undo(order("hook", name="again"))).said == "it has no undo: what it did stays"


async def test_a_command_that_is_called_off_ends() -> None:
    hooks = Hooks([hook(command=[sys.executable, "-c", "import time; time.sleep(60)"])])
    task = asyncio.ensure_future(hooks.do(order("hook", name="again")))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5.0)


@pytest.mark.parametrize(
    "fields",
    [{}, {"webhook_url": "http://x", "command": ["a"]}, {"command": ["a"], "undo_webhook_url": "http://x", "undo_command": ["b"]},
     {"command": ["a"], "shell": True}, {"command": ["a"], "name": "No Name"}],
)  # fmt: skip
def test_a_hook_is_one_of_two_and_nothing_else(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        hook(**fields)


def actuator(store: MemoryStore, **more: Any) -> HouseActuator:
    fields: dict[str, Any] = {"hooks": Hooks([]), "probes": Probes([], {}), "records": store.records}
    return HouseActuator(**(fields | more))


async def test_a_note_is_one_line_however_often_it_is_made() -> None:
    store = MemoryStore(merge_rollups)
    made = actuator(store)
    for _ in range(2):
        assert (await made.do(order("note", text="look here"))).ok
    (record,) = await store.records.read(NOTE)
    assert orjson.loads(record.body)["text"] == "look here"
    assert (await made.undo(order("note", text="look here"))).ok
    assert made.may_repeat(order("note", text="x"))
    assert not made.may_repeat(order("hook", name="none"))


async def test_a_message_goes_to_whoever_can_be_told() -> None:
    told: list[tuple[str, str, str, str]] = []

    async def send(*words: str) -> int:
        told.append((words[0], words[1], words[2], words[3]))
        return 2

    store = MemoryStore(merge_rollups)
    answer = await actuator(store, send=send).do(order("notify", text="hello", severity="critical"))
    assert (told, answer.said) == ([("hello", "critical", "run-1/step", "channel:a")], "2 receivers: hello")
    assert (await actuator(store).do(order("notify", text="hello", severity="info"))).ok


async def test_a_key_is_refused_and_let_in_again_also_when_it_was_done_twice() -> None:
    store, changes = MemoryStore(merge_rollups), list[int]()
    rng = Random(1)
    _, key = new_key(rng.randbytes, name="batch", at=1.0)
    await store.keys.put(key)
    made = actuator(store, keys=store.keys, keys_changed=lambda: changes.append(1))
    one = order("disable_key", key="batch")
    for _ in range(2):
        assert (await made.do(one)).ok
    assert (await store.keys.read()).keys[0].disabled
    assert (await made.undo(undo_of(one))).ok
    assert not (await store.keys.read()).keys[0].disabled
    assert len(changes) == 3
    assert not (await made.do(order("disable_key", key="nobody"))).ok
    assert (await made.undo(undo_of(order("disable_key", key="batch")))).ok


async def test_a_probe_looks_at_the_channel(house: tuple[House, str]) -> None:
    _, url = house
    one = channel("a").__class__(
        id=A, provider="p", cloud="c", region=channel("a").region, model="m", base_url=f"{url}/v1"
    )
    for secret, ok in (("good", True), ("bad", False)):
        answer = await Probes([one], {A: secret}).look(order("probe", kind="models", times=2.0, ok_min=2.0))
        assert (answer.ok, answer.probe_ok) == (ok, ok)
    assert "it answers 401" in answer.said
    assert (await Probes([one], {}).look(order("probe", kind="tcp", times=1.0, ok_min=1.0))).ok
    dead = one.__class__(
        id=A, provider="p", cloud="c", region=one.region, model="m", base_url="http://127.0.0.1:1/v1"
    )
    refused = await Probes([dead], {}).look(order("probe", kind="tcp", times=3.0, ok_min=1.0))
    assert (refused.ok, refused.said) == (False, "a: 0 of 3 well (Connect call failed ('127.0.0.1', 1))")


def test_a_hook_that_the_settings_do_not_allow_is_refused_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "apiVersion: foreroute/v1\nkind: Playbook\nmetadata: {name: own}\nspec:\n  triggers: [{type: manual}]\n"
        "  steps: [{id: x, action: hook, with: {name: restart}}]\n"
    )
    settings = parse_settings(CONFIG, name="c", environment={})
    assert len(playbooks_of(settings)) == 20
    own = settings.model_copy(update={"heal": settings.heal.model_copy(update={"playbooks": file})})
    with pytest.raises(ConfigError, match="calls the hook restart") as caught:
        playbooks_of(own)
    assert "heal.hooks" in caught.value.hint
    allowed = own.heal.model_copy(update={"hooks": (HookSettings(name="restart", command=("true",)),)})
    assert len(playbooks_of(own.model_copy(update={"heal": allowed}))) == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("heal: {hooks: [{name: a, webhook_url: 'ftp://x'}]}", "a secret must not stand in the file"),
        ("heal: {hooks: [{name: a, webhook_url: '${URL}'}]}", "is not an http or https address"),
        ("heal: {hooks: [{name: a, command: [x]}, {name: a, command: [y]}]}", "'a' is taken already"),
    ],
)
def test_hooks_that_make_no_sense_are_refused_with_their_place(more: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_settings(CONFIG + more.encode(), name="c", environment={"URL": "ftp://x"})
    assert said in str(caught.value)
    assert "heal.hooks[" in str(caught.value)
