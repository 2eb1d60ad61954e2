"""Where the operator asks, minutes are kept by route and region too; nobody else sees them."""

from foreroute.app.control_plane import open_store
from foreroute.testing.fake_provider import Always, ProviderAnswer
from foreroute.testing.virtual_loop import VirtualTimeLoop, run_virtual

ANSWER = Always(ProviderAnswer(time_to_first_chunk_s=0.1, chunks=("Yes.",)))


def test_a_route_has_minutes_of_its_own(open_house, at_pace) -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        sections = {"loop": {"fit_workers": 0}, "collect": {"by": ["route", "client_region"]}}
        async with open_house(loop, {"a": ANSWER, "b": ANSWER}, sections) as house:
            control = await house.start_control("first")

            async def one(number: int) -> None:
                body = {"model": "chat", "messages": [{"role": "user", "content": "Yes?"}]}
                async with house.http.post("v1/chat/completions", json=body) as response:
                    assert response.status == 200

            await at_pace(one, 100, 1.5)
            await control.end()
            counts = await house.count(control)
            assert counts.rollups == counts.ledger == counts.gateway == 100
            seen = control.plane.loop._analysis._history.rollups(start_at=0.0, end_at=1e12)
            assert seen
            assert {rollup.segment for rollup in seen} == {""}, "the stages look at whole channels"
            store = await open_store(house.settings)
            for segment in ("route=chat", "client_region=(none)"):
                found = await store.rollups.read(start_at=0.0, end_at=1e12, segment=segment)
                assert sum(rollup.attempts for rollup in found) == 100
                assert {rollup.channel for rollup in found} == {"a", "b"}
            await store.close()

    run_virtual(main)
