import asyncio
import threading

from foreroute.testing.virtual_loop import LoopClock, VirtualTimeLoop, run_virtual


def test_a_day_of_sleeping_takes_no_time_and_lands_exactly() -> None:
    async def main(loop: VirtualTimeLoop) -> float:
        for _ in range(1440):
            await asyncio.sleep(60)
        return loop.time()

    assert run_virtual(main) == 86400.0


def test_a_real_socket_answers_within_the_instant() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            await asyncio.sleep(0.25)
            writer.write(line)
            await writer.drain()
        writer.close()

    async def main(loop: VirtualTimeLoop) -> list[float]:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        seen = []
        for n in range(200):
            writer.write(b"%d\n" % n)
            assert await reader.readline() == b"%d\n" % n
            seen.append(loop.time())
        writer.close()
        await writer.wait_closed()
        server.close()
        return seen

    assert run_virtual(main) == [0.25 * (n + 1) for n in range(200)]


def test_a_timeout_fires_at_its_virtual_instant() -> None:
    async def main(loop: VirtualTimeLoop) -> float:
        try:
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        except TimeoutError:
            return loop.time()
        return -1.0

    assert run_virtual(main) == 3600.0


def test_virtual_time_waits_for_the_other_thread() -> None:
    """The other thread works at its instants; the loop's own timers never overtake it."""
    events: list[tuple[str, float]] = []

    async def main(loop: VirtualTimeLoop) -> None:
        clock = LoopClock(loop, epoch_at=1000.0)

        async def other() -> None:
            for n in range(1, 4):
                await clock.sleep_until(1000.0 + 10 * n)
                await asyncio.sleep(0.01)  # real time of the other thread's own loop
                events.append(("other", clock.now()))

        def run() -> None:
            try:
                asyncio.run(other())
            finally:
                clock.leave()

        clock.start()
        thread = threading.Thread(target=run)
        thread.start()
        for n in range(1, 36):
            await clock.sleep_until(1000.0 + n)
            events.append(("loop", clock.now()))
        await asyncio.to_thread(thread.join)

    run_virtual(main)
    assert [at for who, at in events if who == "other"] == [1010.0, 1020.0, 1030.0]
    for n in (10, 20, 30):
        assert events.index(("other", 1000.0 + n)) < events.index(("loop", 1001.0 + n))


def test_a_thread_that_dies_does_not_stop_time() -> None:
    async def main(loop: VirtualTimeLoop) -> float:
        clock = LoopClock(loop, epoch_at=0.0)
        clock.start()

        def die() -> None:
            clock.leave()

        thread = threading.Thread(target=die)
        thread.start()
        await clock.sleep_until(500.0)
        await asyncio.to_thread(thread.join)
        return clock.now()

    assert run_virtual(main) == 500.0


def test_speed_holds_virtual_time_back_to_a_wall_clock() -> None:
    async def main(loop: VirtualTimeLoop) -> tuple[float, float]:
        real = asyncio.SelectorEventLoop.time
        before = real(loop)
        await asyncio.sleep(60)
        return loop.time(), real(loop) - before

    virtual, passed = run_virtual(main, speed=600.0)
    assert virtual == 60.0
    assert passed >= 0.099
