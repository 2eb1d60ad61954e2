import operator
from concurrent.futures import ThreadPoolExecutor

from foreroute.control.fits import Fits, process_pool
from foreroute.core.errors import TooLittleHistory


def double(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    if number == 0:
        raise TooLittleHistory("one day more")
    return 2 * number


async def test_results_are_collected_and_errors_reported() -> None:
    errors: list[str] = []
    early: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        fits = Fits(double, lambda: pool, errors.append, early.append)
        fits.submit([1, -1, 0, 3])
        assert sorted(await fits.finished(wait=True)) == [2, 6]
        assert errors == ["ValueError: negative"]
        assert early == ["one day more"], "what cannot be learnt yet has not failed"
        assert fits.pending == 0
        assert await fits.finished(wait=True) == []


async def test_a_pool_that_is_gone_is_reported_and_made_anew() -> None:
    errors: list[str] = []
    pools = [ThreadPoolExecutor(1), ThreadPoolExecutor(1)]
    pools[0].shutdown()
    waiting = iter(pools)
    fits = Fits(double, lambda: next(waiting), errors.append)
    fits.submit([1, 2])
    assert sorted(await fits.finished(wait=True)) == [2, 4]
    assert len(errors) == 1
    assert "the fit pool is gone and made anew" in errors[0]
    fits.close()


async def test_a_worker_that_was_killed_is_replaced() -> None:
    errors: list[str] = []
    fits: Fits[str, int] = Fits(eval, lambda: process_pool(1), errors.append)
    fits.submit(["__import__('os')._exit(1)"])
    assert await fits.finished(wait=True) == []
    fits.submit(["6 * 7"])
    assert await fits.finished(wait=True) == [42]
    fits.close()
    assert len(errors) == 2, "the job that was lost, and the pool"


async def test_workers_are_processes_of_their_own() -> None:
    errors: list[str] = []
    with process_pool(1) as pool:
        fits: Fits[int, int] = Fits(operator.neg, lambda: pool, errors.append)
        fits.submit([21])
        assert await fits.finished(wait=True) == [-21]
    assert errors == []
