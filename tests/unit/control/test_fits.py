import operator
from concurrent.futures import ThreadPoolExecutor

from foreroute.control.fits import Fits, process_pool


def double(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return 2 * number


async def test_results_are_collected_and_errors_reported() -> None:
    errors: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        fits = Fits(double, pool, errors.append)
        fits.submit([1, -1, 3])
        assert sorted(await fits.finished(wait=True)) == [2, 6]
        assert errors == ["ValueError: negative"]
        assert fits.pending == 0
        assert await fits.finished(wait=True) == []


async def test_a_pool_that_is_gone_is_reported_and_costs_nothing_else() -> None:
    errors: list[str] = []
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    fits = Fits(double, pool, errors.append)
    fits.submit([1])
    assert await fits.finished(wait=True) == []
    assert "the fit pool is gone" in errors[0]


async def test_workers_are_processes_of_their_own() -> None:
    errors: list[str] = []
    with process_pool(1) as pool:
        fits: Fits[int, int] = Fits(operator.neg, pool, errors.append)
        fits.submit([21])
        assert await fits.finished(wait=True) == [-21]
    assert errors == []
