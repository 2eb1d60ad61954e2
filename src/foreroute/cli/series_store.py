"""The store behind `foreroute series` and `foreroute collect`: the configured file, opened beside whoever serves from it."""

import asyncio
import difflib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from foreroute.cli.say import CommandError
from foreroute.core.series import Metric
from foreroute.monitor.fold import merge_rollups
from foreroute.settings import Settings
from foreroute.settings.units import seconds
from foreroute.store.sqlite import SqliteStore

_T = TypeVar("_T")


def on_file(
    settings: Settings, work: Callable[[SqliteStore], Coroutine[Any, Any, _T]], *, create: bool = False
) -> _T:
    """The result of the work on the configured store. Raises CommandError where there is none, or StoreError."""

    async def main() -> _T:
        async with opened(settings, create=create) as store:
            return await work(store)

    return asyncio.run(main())


@asynccontextmanager
async def opened(settings: Settings, *, create: bool = False) -> AsyncIterator[SqliteStore]:
    section = settings.store
    if not section.outlasts:
        hint = "set store.kind: sqlite; a store in memory is gone when its process ends"
        raise CommandError("is not kept in a file", where=f"store.kind: {section.kind}", hint=hint)
    if not create and not section.path.exists():
        hint = (
            "it is made by `foreroute serve` or `foreroute series import`; is this the directory they run in?"
        )
        raise CommandError("there is no such store", where=str(section.path), hint=hint)
    store = await SqliteStore.open(section.path, merge_rollups)
    try:
        yield store
    finally:
        await store.close()


def metric_named(name: str) -> Metric:
    try:
        return Metric(name)
    except ValueError:
        raise CommandError(
            f"there is no metric {name!r}", where="--metric", hint=_near(name, list(Metric))
        ) from None


def check_channel(settings: Settings, name: str, *, where: str = "--channel") -> None:
    known = [channel.id for channel in settings.channels]
    if name not in known:
        raise CommandError(f"there is no channel {name!r}", where=where, hint=_near(name, known))


def duration_of(text: str, where: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise CommandError(str(error), where=where) from None


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"one of {', '.join(known[:20])}"
