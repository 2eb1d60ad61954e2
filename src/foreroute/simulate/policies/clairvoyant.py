"""A policy that sees what each channel is about to answer, and takes the best for the request at hand.

It knows all queues and all luck, and only looks at one request at a time: what its choice does to the next one it does
not ask. Nobody could run it; beside the oracle it tells what of a regret is the world's load and not the policy.
"""

from foreroute.core.attempt import Attempt
from foreroute.core.ids import ChannelId
from foreroute.simulate.limits import LimitsLeft
from foreroute.simulate.policies.oracle import Loss
from foreroute.simulate.policies.rules import is_over
from foreroute.simulate.request import Request
from foreroute.simulate.routing import Asking, Hold, Pick
from foreroute.simulate.upstreams import Upstreams


class Clairvoyant:
    """`upstreams` are those of the run."""

    def __init__(self, upstreams: Upstreams, loss: Loss) -> None:
        self._upstreams, self._loss = upstreams, loss

    def pick(self, asking: Asking) -> Pick | Hold | None:
        if is_over(asking):
            return None
        losses = {channel: self._loss_of(channel, asking) for channel in self._upstreams.world.channels}
        return Pick(channel=min(losses, key=lambda channel: losses[channel]))

    def started(self, pick: Pick, request: Request, number: int, at: float) -> None: ...

    def ended(self, attempt: Attempt, limits: LimitsLeft | None) -> None: ...

    def _loss_of(self, channel: ChannelId, asking: Asking) -> tuple[float, float]:
        """The loss, and how soon one would know: among failures the quickest is best."""
        again = asking.tried.count(channel)
        reply = self._upstreams.peek(channel, asking.request, asking.at, again=again)
        spoken_s = reply.first_chunk_s if asking.request.stream else reply.ends_s
        waited_s = asking.at - asking.request.at + spoken_s
        return self._loss.of(waited_s, succeeded=reply.succeeds), reply.ends_s
