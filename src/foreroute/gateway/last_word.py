"""What the client is told when no channel has answered. Pure."""

from collections.abc import Sequence
from typing import Final

from foreroute.core.accounts import Refusal
from foreroute.core.budgets import ScopedBudget
from foreroute.core.failure import FAILURE_ADVICE, FailureFamily
from foreroute.core.plan import Route
from foreroute.gateway.budgets import turned_away
from foreroute.gateway.dialogue import Failure
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer

_CALLERS: Final = frozenset({FailureFamily.REQUEST_FAULT, FailureFamily.REQUEST_MISMATCH})


def never_asked(
    route: Route, wait_s: float | None, refusal: Refusal | None, budget: ScopedBudget | None
) -> ErrorAnswer:
    """No channel was asked: a budget stood in the way, none may serve, or all are busy. `wait_s`: until one may."""
    if refusal is not None and budget is not None:
        return turned_away(refusal, budget)
    dead = all(target.weight <= 0 for target in route.targets)
    return errors.unavailable(route.name, wait_s) if dead else errors.busy(route.name, wait_s)


def callers_own(failures: Sequence[Failure]) -> Failure | None:
    """The newest failure that is the caller's to mend, or that every channel of the route would repeat."""
    return next(
        (
            failure
            for failure in reversed(failures)
            if failure.answer is not None and FAILURE_ADVICE[failure.kind].family in _CALLERS
        ),
        None,
    )


def none_answered(route: Route, failures: Sequence[Failure], wait_s: float | None) -> ErrorAnswer:
    """All that were asked have failed. `failures` is not empty."""
    last = failures[-1]
    if wait_s is None:
        wait_s = last.evidence.retry_after_s
    hopeless = all(FAILURE_ADVICE[one.kind].family is FailureFamily.DOWN_UNTIL_CHANGE for one in failures)
    return errors.all_failed(route.name, last.kind, wait_s, final=hopeless)
