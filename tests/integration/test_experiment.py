"""An experiment in a whole house: two arms on two providers, found, promoted, undone; a shadow; a guardrail."""

import asyncio
import json
import pickle
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from tests.integration.conftest import standing_still

from foreroute.app.control_plane import open_store
from foreroute.core.attempt import PickReason
from foreroute.core.experiment import SHADOW_NUMBER
from foreroute.core.experiment_ports import ExperimentedStore
from foreroute.core.ids import RouteName
from foreroute.experiment.measures import Measure
from foreroute.experiment.runs import RunState, Verdict
from foreroute.testing.fake_provider import ProviderAnswer, ProviderRequest
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

CHAT = RouteName("chat")
ROUTES = [
    {
        "model": "chat",
        "targets": [{"channel": "a", "weight": 1}, {"channel": "b", "weight": 0}],
        "attempts_max": 1,
    }
]


class Takes:
    """About so long, never quite the same; a part of the requests fail."""

    def __init__(self, seconds: float, *, failing: float = 0.0) -> None:
        self._seconds, self._failing, self._rng = seconds, failing, Random(int(seconds * 1000))

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        if self._rng.random() < self._failing:
            return ProviderAnswer(status=500, time_to_first_chunk_s=0.05)
        took_s = self._seconds * self._rng.lognormvariate(0.0, 0.3)
        return ProviderAnswer(time_to_first_chunk_s=took_s, chunks=("Yes.",))


class Operating:
    """An operator's calls, on the control plane's own event loop."""

    def __init__(self, house, control) -> None:
        self._house, self._control = house, control
        plane = control.plane
        assert plane.experiments is not None
        assert plane.store is not None
        assert plane.loop is not None
        self.loop = plane.loop.operator
        self.desk = plane.experiments.desk
        self.sources = plane.experiments.sources(plane.store, plane.loop.operator)

    async def do(self, work: Callable[[], Awaitable[Any]]) -> Any:
        await self.begun()
        future = self._control.thread.call(work)

        def wait() -> bool:
            future.exception(20.0)
            return True

        await standing_still(self._house.loop, wait)
        await asyncio.sleep(0)
        return future.result()

    async def begun(self) -> None:
        """Until the first plan is made: before that the configured weights serve, and nothing else."""
        await standing_still(self._house.loop, self._has_begun)

    def _has_begun(self) -> bool:
        while self._control.plane.loop.board is None:
            time.sleep(0.005)
        return True

    async def settle(self) -> None:
        """Until what was sent is counted and judged."""
        await asyncio.sleep(21.0)


async def ask(house, number: int, **more: Any) -> str:
    body = {"model": "chat", "messages": [{"role": "user", "content": "Yes?"}]} | more
    async with house.http.post("v1/chat/completions", json=body) as response:
        await response.read()
        return str(response.headers["x-request-id"])


def experiment(**more: Any) -> dict[str, Any]:
    arms = [{"name": "control"}, {"name": "b", "channels": {"b": 1}}]
    return {"id": "faster", "routes": ["chat"], "arms": arms, "effect": 0.1} | more


def sections(*experiments: dict[str, Any]) -> dict[str, Any]:
    return {"loop": {"fit_workers": 0}, "routes": ROUTES, "experiments": list(experiments)}


async def ledger_of(house) -> list[Any]:
    store = await open_store(house.settings)
    assert isinstance(store, ExperimentedStore)
    try:
        entries = await store.experiments.marked.recent(["chat"], 0.0, 10_000)
    finally:
        await store.close()
    return [entry.attempt for entry in entries]


def test_a_faster_arm_is_found_promoted_and_taken_back(open_house, at_pace) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        behaviours = {"a": Takes(0.4), "b": Takes(0.2)}
        async with open_house(loop, behaviours, sections(experiment())) as house:
            control = await house.start_control("first")
            operating = Operating(house, control)
            await operating.do(lambda: operating.sources.operator.begin("faster"))
            await at_pace(lambda n: ask(house, n), 600, 0.2)
            await operating.settle()
            run = operating.sources.book.run("faster")
            assert run.id == "faster.1"
            assert [(one.arm, one.verdict) for one in run.findings] == [("b", Verdict.BETTER)]
            effect = operating.desk.analyses[run.id].effects[0]
            assert effect.lower < -0.5 < effect.upper, "half as long"
            assert house.providers["a"].requests_total + house.providers["b"].requests_total == 600
            assert 240 < house.providers["b"].requests_total < 360

            run = await operating.do(lambda: operating.sources.operator.promote("faster"))
            assert run.state is RunState.PROMOTED
            before = house.providers["a"].requests_total
            await at_pace(lambda n: ask(house, n), 50, 0.2)
            assert house.providers["a"].requests_total == before, "b serves everybody"
            await asyncio.sleep(130.0)
            await at_pace(lambda n: ask(house, n), 10, 0.2)
            assert house.providers["a"].requests_total == before, "after the next ticks too"

            assert await operating.do(operating.loop.undo)
            await at_pace(lambda n: ask(house, n), 50, 0.2)
            assert house.providers["a"].requests_total == before + 50, "a serves everybody again"
            await operating.settle()
            assert operating.sources.book.run("faster").state is RunState.STOPPED
            await control.end()

            attempts = await ledger_of(house)
            arms = Counter(mark.arm for one in attempts for mark in one.arms)
            assert arms["b"] == sum(1 for one in attempts if one.arms and one.channel == "b")
            assert arms["control"] == sum(1 for one in attempts if one.arms and one.channel == "a")
            assert arms.total() == 600

    run_virtual(main)


def test_a_promotion_and_a_run_outlive_a_restart(open_house, at_pace) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        other = experiment(id="other", arms=[{"name": "as-is"}, {"name": "same"}])
        house_of = open_house(loop, {"a": Takes(0.4), "b": Takes(0.2)}, sections(experiment(), other))
        async with house_of as house:
            control = await house.start_control("first")
            operating = Operating(house, control)
            operator = operating.sources.operator
            await operating.do(lambda: operator.begin("faster"))
            await operating.do(lambda: operator.promote("faster", "b", force=True))
            await operating.do(lambda: operator.begin("other"))
            await at_pace(lambda n: ask(house, n), 100, 0.2)
            await control.end()

            control = await house.start_control("second")
            operating = Operating(house, control)
            await operating.begun()
            before = house.providers["a"].requests_total
            await at_pace(lambda n: ask(house, n), 100, 0.2)
            await operating.settle()
            assert house.providers["a"].requests_total == before == 0
            run = operating.sources.book.run("other")
            analysis = operating.desk.analyses[run.id]
            assert run.is_running
            assert sum(arm.requests for arm in analysis.arms) == 200, "each counted once, over the restart"

            await operating.do(lambda: operating.sources.operator.revert("faster"))
            await at_pace(lambda n: ask(house, n), 20, 0.2)
            assert house.providers["a"].requests_total == 20
            await control.end()

    run_virtual(main)


def test_a_broken_guardrail_stops_the_experiment(open_house, at_pace) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        guarded = experiment(guardrails=[{"measure": "failures", "worse_max": 0.5}])
        behaviours = {"a": Takes(0.4, failing=0.02), "b": Takes(0.2, failing=0.3)}
        async with open_house(loop, behaviours, sections(guarded)) as house:
            control = await house.start_control("first")
            operating = Operating(house, control)
            await operating.do(lambda: operating.sources.operator.begin("faster"))
            await at_pace(lambda n: ask(house, n), 800, 0.5)
            await operating.settle()
            run = operating.sources.book.run("faster")
            assert run.state is RunState.GUARDED
            assert "failures" in run.reason
            assert house.data.plans.current().experiments == {}
            before = house.providers["b"].requests_total
            await at_pace(lambda n: ask(house, n), 20, 0.2)
            assert house.providers["b"].requests_total == before
            await control.end()

    run_virtual(main)


def test_a_shadow_copies_within_its_budget_and_nobody_waits_for_it(open_house, at_pace) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        copied = experiment(
            kind="shadow",
            arms=[{"name": "live"}, {"name": "copy", "channels": {"b": 1}}],
            budget_usd="0.0005",
        )
        async with open_house(loop, {"a": Takes(0.2), "b": Takes(0.8)}, sections(copied)) as house:
            control = await house.start_control("first")
            operating = Operating(house, control)
            await operating.do(lambda: operating.sources.operator.begin("faster"))
            started = loop.time()
            await at_pace(lambda n: ask(house, n, max_tokens=4), 300, 0.3)
            assert loop.time() - started < 300 * 0.3 + 2.0
            await operating.settle()
            run = operating.sources.book.run("faster")
            tally = await operating.do(lambda: operating.desk.tally(run))
            assert 0 < float(tally.copies_usd) <= 0.0005
            effect = operating.desk.analyses[run.id].effects[0]
            copies = house.providers["b"].requests_total
            assert 100 <= copies < 300, "the budget was for fewer"
            assert effect.lower is not None
            assert effect.lower > 1.0, "four times as long"
            await control.end()
            attempts = await ledger_of(house)
            shadows = [one for one in attempts if one.reason is PickReason.SHADOW]
            assert len(shadows) == copies
            assert {one.number for one in shadows} == {SHADOW_NUMBER}
            assert {one.channel for one in shadows} == {"b"}
            assert sum(one.cost_usd for one in shadows) == tally.copies_usd

    run_virtual(main)


def test_scores_are_counted_once_and_decide(open_house, at_pace) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        judged = experiment(measure="quality", effect=0.1)
        async with open_house(loop, {"a": Takes(0.2), "b": Takes(0.2)}, sections(judged)) as house:
            control = await house.start_control("first")
            operating = Operating(house, control)
            await operating.do(lambda: operating.sources.operator.begin("faster"))
            asked: list[str] = []

            async def one(number: int) -> None:
                asked.append(await ask(house, number))

            await at_pace(one, 400, 0.2)
            await operating.settle()
            rng, scoring = Random(3), operating.sources.scoring

            async def send() -> int:
                found = await operating.sources.desk.tally(operating.sources.book.run("faster"))
                del found
                new = 0
                for name in asked:
                    entries = await control.plane.store.ledger.request(name)
                    better = entries[0].attempt.channel == "b"
                    score = round(rng.gauss(0.9 if better else 0.6, 0.1), 3)
                    new += (await scoring.score("faster", name, score))[1]
                    new += (await scoring.score("faster", name, score))[1]
                return new

            assert await operating.do(send) == 400
            await operating.settle()
            run = operating.sources.book.run("faster")
            tally = await operating.do(lambda: operating.desk.tally(run))
            assert sum(arm.moments[Measure.QUALITY].units for arm in tally.arms.values()) == 400
            assert [(one.arm, one.verdict) for one in run.findings] == [("b", Verdict.BETTER)]
            await control.end()

    run_virtual(main)


def test_the_plan_survives_the_pipe_to_other_processes(open_house) -> None:
    """Plans are pickled for workers: an experiment in one must not keep it from that."""

    async def main(loop: VirtualTimeLoop) -> None:
        async with open_house(loop, {"a": Takes(0.2), "b": Takes(0.2)}, sections(experiment())) as house:
            control = await house.start_control("first")
            operating = Operating(house, control)
            await operating.do(lambda: operating.sources.operator.begin("faster"))
            plan = house.data.plans.current()
            assert pickle.loads(pickle.dumps(plan)) == plan
            assert json.dumps(sorted(plan.experiments)) == '["chat"]'
            await operating.do(lambda: operating.loop.kill_switch(on=True))
            assert house.data.plans.current().experiments == {}, "the kill switch is stronger"
            await operating.do(lambda: operating.loop.kill_switch(on=False))
            assert house.data.plans.current().experiments == plan.experiments
            await control.end()

    run_virtual(main)
