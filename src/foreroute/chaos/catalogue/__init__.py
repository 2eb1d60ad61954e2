"""All faults, in the order of the page."""

from dataclasses import replace
from typing import Final

from foreroute.chaos.catalogue.acts_gone_wrong import ACTS_GONE_WRONG
from foreroute.chaos.catalogue.answers import ANSWERS
from foreroute.chaos.catalogue.house import HOUSE
from foreroute.chaos.catalogue.limits import LIMITS
from foreroute.chaos.catalogue.network import NETWORK
from foreroute.chaos.catalogue.pages import PAGES
from foreroute.chaos.catalogue.refusals import REFUSALS
from foreroute.chaos.catalogue.streams import STREAMS
from foreroute.chaos.catalogue.whole import WHOLE
from foreroute.chaos.fault import Fault

_GROUPS: Final = {
    "No fault": (
        Fault(id="ok", what="no fault, plain", healthy=True, compared=True),
        Fault(id="ok_stream", what="no fault, streamed", healthy=True, stream=True, compared=True),
    ),
    "Network, names and certificates": NETWORK,
    "Answers that are none": ANSWERS,
    "Streams": STREAMS,
    "Pages of proxies": PAGES,
    "Refusals": REFUSALS,
    "Limits": LIMITS,
    "Slowness, processes, regions": WHOLE,
    "The house itself": HOUSE,
    "The house's own acts": ACTS_GONE_WRONG,
}
FAULTS: Final[tuple[Fault, ...]] = tuple(
    replace(fault, group=group) for group, faults in _GROUPS.items() for fault in faults
)

__all__ = ["FAULTS"]
