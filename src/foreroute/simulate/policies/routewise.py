"""RouteWise as a policy: its own code (`llm-routewise`, MIT), on the world's clock. Extra `compare`.

Its router keeps fifteen minutes of times to first token of each provider, adds a minute's penalty for each failure, and
solves a linear program for the mix that waits least within a cost budget: `alpha` of the way from the cheapest to the
dearest provider. Three failures in a row take a provider out for half a minute; a provider that nothing is known of
gets one request. Its hedging is not played: the seam of the simulator has one attempt of a request at a time.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any, Final

from foreroute.core.attempt import Attempt, Outcome
from foreroute.core.errors import MissingExtra
from foreroute.core.failure import FAILURE_ADVICE, FailureClass
from foreroute.core.ids import ChannelId, RequestId
from foreroute.simulate.channel import UnitPrice
from foreroute.simulate.limits import LimitsLeft
from foreroute.simulate.policies.rules import is_over
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Hold, Pick

PACKAGE: Final = "llm_routewise"
_ALPHA: Final = 0.25
"""RouteWise's own default."""
_CODES: Final = {
    FailureClass.RATE_LIMITED: "rate_limited",
    FailureClass.TIMEOUT_CONNECT: "timeout",
    FailureClass.TIMEOUT_READ: "timeout",
    FailureClass.AUTHENTICATION: "auth",
    FailureClass.CONNECTION_REFUSED_OR_RESET: "connection",
    FailureClass.DNS_FAILURE: "connection",
    FailureClass.INVALID_REQUEST: "bad_request",
}


def is_installed() -> bool:
    return importlib.util.find_spec(PACKAGE) is not None


def missing() -> MissingExtra:
    return MissingExtra("llm-routewise", "compare", "the policy routewise")


class RouteWise:
    """`prices` in US dollars per million tokens; one that is unknown counts as nothing, as it cannot be left out."""

    def __init__(
        self,
        prices: Mapping[ChannelId, UnitPrice | None],
        *,
        seed: int,
        limit_s: float,
        alpha: float = _ALPHA,
    ) -> None:
        """Raises MissingExtra."""
        if not is_installed():
            raise missing()
        self._package: Any = importlib.import_module(PACKAGE)
        self._at = 0.0
        self._router = self._package.Router(
            [self._provider(name, price) for name, price in prices.items()],
            alpha=alpha,
            slo_ms=limit_s * 1000.0,
            seed=seed,
            clock=lambda: self._at,
        )
        self._chosen: dict[RequestId, Any] = {}
        self._under_way: dict[tuple[RequestId, int], Any] = {}

    def pick(self, asking: Asking) -> Pick | Hold | None:
        if is_over(asking):
            return None
        self._at = asking.at
        try:
            decision = self._router.route(
                input_tokens=asking.request.input_tokens, exclude=frozenset(asking.tried)
            )
        except self._package.NoProviderError:
            return None
        self._chosen[asking.request.id] = decision
        return Pick(channel=ChannelId(decision.provider))

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None:  # noqa: ARG002 - the seam
        self._at = at
        self._under_way[request.id, number] = self._chosen.pop(request.id)

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None:  # noqa: ARG002 - the seam
        self._at = attempt.ended_at
        decision = self._under_way.pop((attempt.request_id, attempt.number))
        if attempt.outcome is Outcome.SUCCESS:
            decision.completed(
                output_tokens=attempt.usage.output_tokens,
                ttft_ms=(attempt.time_to_first_chunk_s or attempt.duration_s) * 1000.0,
                adopted=True,
            )
        elif attempt.outcome is Outcome.IGNORED:
            decision.cancelled()
        else:
            kind, code = _kind(attempt.failure_class)
            decision.failed(kind=kind, code=code)

    def _provider(self, name: ChannelId, price: UnitPrice | None) -> Any:
        inputs, outputs = (0.0, 0.0) if price is None else (float(price.input_usd), float(price.output_usd))
        return self._package.Provider(str(name), price_in=inputs, price_out=outputs)


def _kind(failure: FailureClass | None) -> tuple[str, str]:
    """Whether it is the provider's health or the request, in RouteWise's words."""
    if failure is None:
        return "health", "server_error"
    request = not FAILURE_ADVICE[failure].counts_against_channel and failure is not FailureClass.RATE_LIMITED
    return "request" if request else "health", _CODES.get(failure, "server_error")
