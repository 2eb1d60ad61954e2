"""What a request names must exist: the errors for what does not."""

from foreroute.control.state import Board
from foreroute.core.ids import ChannelId
from foreroute.core.series import Metric
from foreroute.dashboard.answers import Refusal


def known_channel(board: Board, name: str) -> ChannelId:
    """Raises Refusal."""
    if ChannelId(name) not in board.series:
        known = ", ".join(channel.id for channel in board.channels[:20])
        raise Refusal(404, f"there is no channel {name[:80]!r}", f"known: {known}")
    return ChannelId(name)


def known_metric(name: str) -> Metric:
    """Raises Refusal."""
    try:
        return Metric(name)
    except ValueError:
        raise Refusal(400, f"there is no metric {name[:40]!r}", f"known: {', '.join(Metric)}") from None
