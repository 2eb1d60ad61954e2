"""Fits on a real Ray cluster of one machine."""

import asyncio
from concurrent.futures import Executor

import pytest

from foreroute.control.fits import Fits
from foreroute.core.errors import MissingExtra, TooLittleHistory

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")

from foreroute.app.ray_pool import RayPool  # noqa: E402 - after it is known that Ray is there


def fitted(job: int) -> int:
    if job < 0:
        raise TooLittleHistory("too early")
    if job == 0:
        raise ZeroDivisionError("a fit that is wrong")
    return job * job


async def test_jobs_come_back_and_what_they_raise_is_what_they_raised() -> None:
    errors: list[str] = []
    early: list[str] = []

    def pool() -> Executor:
        return RayPool(2)

    fits: Fits[int, int] = Fits(fitted, pool, errors.append, early.append)
    try:
        fits.submit([1, 2, 3, 0, -1])
        async with asyncio.timeout(120.0):
            assert sorted(await fits.finished(wait=True)) == [1, 4, 9]
        assert errors == ["ZeroDivisionError: a fit that is wrong"]
        assert early == ["too early"]
    finally:
        fits.close()
        ray.shutdown()


async def test_a_cluster_that_is_not_there_is_an_error_of_the_fit() -> None:
    errors: list[str] = []
    fits: Fits[int, int] = Fits(fitted, lambda: RayPool(1, "127.0.0.1:1"), errors.append)
    try:
        fits.submit([1])
        async with asyncio.timeout(120.0):
            assert await fits.finished(wait=True) == []
        (said,) = errors
        assert "no Ray cluster at 127.0.0.1:1" in said
    finally:
        fits.close()
        ray.shutdown()


def test_without_it_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'foreroute\[ray\]'"):
        RayPool(1)
