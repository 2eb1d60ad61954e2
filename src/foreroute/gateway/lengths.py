"""How long the answers of a route usually are: what to reserve for a request that sets no limit. Pure."""

from typing import Final

from foreroute.core.ids import RouteName

_RANK: Final = 0.9
_FIRST_GUESS: Final = 1024.0
_STEP: Final = 0.1
_ROUTES_MAX: Final = 1000


class Lengths:
    """A running 90 % quantile per route, moved by a part of itself at each answer (Robbins & Monro 1951)."""

    def __init__(self) -> None:
        self._usual: dict[RouteName, float] = {}

    def observe(self, route: RouteName, output_tokens: int) -> None:
        usual = self._usual.get(route, _FIRST_GUESS)
        if route not in self._usual and len(self._usual) >= _ROUTES_MAX:
            return
        above = output_tokens > usual
        self._usual[route] = max(1.0, usual * (1.0 + _STEP * (_RANK if above else _RANK - 1.0)))

    def usual(self, route: RouteName) -> int:
        """Tokens, ≥ 1, that nine of ten answers stay below."""
        return round(self._usual.get(route, _FIRST_GUESS))
