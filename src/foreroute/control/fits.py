"""Model fits in a process pool, so that nothing is trained on an event loop or in a tick."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import Generic, TypeVar

from foreroute.core.errors import TooLittleHistory

Job = TypeVar("Job")
Result = TypeVar("Result")


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Workers are spawned, never forked: the parent has threads and a running loop."""
    return ProcessPoolExecutor(
        max_workers=workers, mp_context=multiprocessing.get_context("spawn"), initializer=_quiet_worker
    )


def _quiet_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # One thread a worker: spinning OpenMP threads would take the gateway's core.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NIXTLA_ID_AS_COL="1")
    threading.Thread(target=_end_with_parent, name="foreroute-parent-watch", daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed has told nobody: its workers would wait for work for good."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class Fits(Generic[Job, Result]):
    """Sends jobs to a pool and collects results between ticks. A job that fails is reported and dropped; a pool whose
    worker has died is made anew. `on_too_early` hears of jobs for which there is not enough to learn from yet: no failure.
    """

    def __init__(
        self,
        run: Callable[[Job], Result],
        make_pool: Callable[[], Executor],
        on_error: Callable[[str], None],
        on_too_early: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._run = run
        self._make_pool = make_pool
        self._pool = make_pool()
        self._on_error, self._on_too_early = on_error, on_too_early
        self._pending: set[asyncio.Future[Result]] = set()

    @property
    def pending(self) -> int:
        return len(self._pending)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Raises RuntimeError when a pool that was made anew takes no jobs either."""
        try:
            self._send(jobs)
        except RuntimeError as error:  # BrokenProcessPool is one, and so is a pool that was shut down
            self._on_error(f"the fit pool is gone and made anew: {error}")
            self.close()
            self._pool = self._make_pool()
            self._send(jobs)

    def close(self) -> None:
        """Waits for nothing: what is being fitted is not needed any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _send(self, jobs: Sequence[Job]) -> None:
        loop = asyncio.get_running_loop()
        sent = {loop.run_in_executor(self._pool, self._run, job) for job in jobs}
        self._pending |= sent

    async def finished(self, *, wait: bool) -> list[Result]:
        """Results that are ready; with `wait`, of all jobs sent so far."""
        if wait and self._pending:
            await asyncio.wait(self._pending)
        done = [future for future in self._pending if future.done()]
        self._pending.difference_update(done)
        results = []
        for future in done:
            error = future.exception()
            if isinstance(error, TooLittleHistory):
                self._on_too_early(str(error))
            elif error is not None:
                self._on_error(f"{type(error).__name__}: {error}")
            else:
                results.append(future.result())
        return results
