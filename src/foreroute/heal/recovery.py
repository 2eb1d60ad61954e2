"""When a channel's trouble is over."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Over when, from `after_s` after the last run and the end of its ejection on, `window_s` have passed with at least
    `min_requests` attempts of which the share `success` (0…1) did well.
    """

    after_s: float = 0.0
    window_s: float = 120.0
    success: float = 0.95
    min_requests: int = 5


DEFAULT_RECOVERY: Final = Recovery()
