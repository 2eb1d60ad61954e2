"""An exception as it may be logged: what it is and where it came from, without its words, which may quote a prompt."""

from pathlib import Path
from traceback import walk_tb
from typing import Final

_FRAMES_MAX: Final = 12
_CHAIN_MAX: Final = 4


def places_of(error: BaseException) -> str:
    """`ValueError at reception.py:81 in serve < asgi.py:120 in _serve`, causes after it, innermost frame first."""
    told: list[str] = []
    link: BaseException | None = error
    while link is not None and len(told) < _CHAIN_MAX:
        frames = [
            f"{Path(frame.f_code.co_filename).name}:{line} in {frame.f_code.co_name}"
            for frame, line in walk_tb(link.__traceback__)
        ]
        told.append(f"{type(link).__name__} at {' < '.join(frames[::-1][:_FRAMES_MAX]) or 'nowhere'}")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "; from ".join(told)
