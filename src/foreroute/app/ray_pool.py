"""Fits on a Ray cluster, behind the interface of a process pool (https://docs.ray.io/en/latest/ray-core/api/core.html)."""

import importlib.util
import logging
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from foreroute.core.errors import MissingExtra

P = ParamSpec("P")
Result = TypeVar("Result")

_FEATURE: Final = "loop.fit_on: ray"
_REACH_S: Final = 5.0
_log: Final = logging.getLogger("foreroute.app")


class RayPool(Executor):
    """At most `workers` tasks at a time, each with one processor of the cluster.

    It connects with the first task, in a thread: starting or finding a cluster takes seconds. What a task raises is
    raised here as it was there; a cluster that cannot be reached is a RuntimeError of the task, and the next task tries
    again. Every node needs this version of Foreroute. Raises MissingExtra without Ray.
    """

    def __init__(self, workers: int, address: str | None = None) -> None:
        """`address`: of the cluster, `auto` for one that runs on this machine; None begins one here."""
        if importlib.util.find_spec("ray") is None:
            raise MissingExtra("ray", "ray", _FEATURE)
        self._workers, self._address = workers, address
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="foreroute-ray")
        self._connecting = threading.Lock()

    def submit(self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> "Future[Result]":
        return self._threads.submit(self._run, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """What runs on the cluster is not waited for with `wait` False; its result is dropped."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)

    def _run(self, function: Callable[..., Result], args: Any, kwargs: Any) -> Result:
        ray = self._connected()
        try:
            found: Result = ray.get(ray.remote(function).options(num_cpus=1).remote(*args, **kwargs))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            raise RuntimeError(f"the Ray cluster lost a fit: {type(error).__name__}: {error}") from None
        return found

    def _connected(self) -> Any:
        with self._connecting:
            # Nothing about this installation is sent anywhere.
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            import ray  # noqa: PLC0415 - heavy, and behind an extra

            if not ray.is_initialized():
                here = self._address is None
                try:
                    _reach(self._address)
                    ray.init(
                        address=self._address,
                        num_cpus=self._workers if here else None,
                        include_dashboard=False if here else None,
                        configure_logging=False,
                        log_to_driver=False,
                        namespace="foreroute",
                    )
                except (ConnectionError, OSError, ValueError, RuntimeError) as error:
                    where = "on this machine" if here else f"at {self._address}"
                    raise RuntimeError(f"no Ray cluster {where}: {error}") from None
                _log.info("ray_connected", extra={"nodes": len(ray.nodes())})
            return ray


def _reach(address: str | None) -> None:
    """Ray itself tries for minutes. Raises OSError when nothing listens there."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_REACH_S).close()
