"""Where models are fitted, as the settings say."""

from collections.abc import Callable
from concurrent.futures import Executor

from foreroute.app.ray_pool import RayPool
from foreroute.control.fits import process_pool
from foreroute.settings.model import Settings


def fit_pool(settings: Settings) -> Callable[[], Executor] | None:
    """Makes the pool, again when it has died. None: nothing is fitted. The pool raises MissingExtra without its library."""
    loop = settings.loop
    if loop.fit_workers == 0:
        return None
    if loop.fit_on == "ray":
        return lambda: RayPool(loop.fit_workers, loop.ray_address)
    return lambda: process_pool(loop.fit_workers)
