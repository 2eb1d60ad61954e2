"""Which channels can serve a request at all, by what they have refused before. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from foreroute.core.ids import ChannelId
from foreroute.core.patterns import Refusals
from foreroute.core.plan import Route
from foreroute.core.work import Work


def able(
    route: Route, work: Work, names: Callable[[str], bool], refusals: Mapping[ChannelId, Refusals]
) -> Route:
    """The route without the channels that would refuse this request; all of it, if every one would.

    `names` says whether the request has a member of that name.
    """
    if not refusals:
        return route
    fitting = tuple(
        target
        for target in route.targets
        if (known := refusals.get(target.channel)) is None or not _refuses(known, work, names)
    )
    if len(fitting) == len(route.targets) or not any(target.weight > 0 for target in fitting):
        return route
    return replace(route, targets=fitting)


def _refuses(known: Refusals, work: Work, names: Callable[[str], bool]) -> bool:
    if known.input_tokens_max is not None and work.input_tokens > known.input_tokens_max:
        return True
    return (work.tools and not known.tools) or any(names(name) for name in known.parameters)
