"""Which channel knows an object: a stored response, a file, a batch. Forgets the oldest; a restart forgets all."""

from collections import OrderedDict
from typing import Final

from foreroute.core.ids import ChannelId

_OBJECTS_MAX: Final = 20_000
_ID_CHARS_MAX: Final = 200


class Affinity:
    """Lives on the gateway's event loop."""

    def __init__(self) -> None:
        self._channels: OrderedDict[str, ChannelId] = OrderedDict()

    def note(self, object_id: str | None, channel: ChannelId) -> None:
        if object_id is None or len(object_id) > _ID_CHARS_MAX:
            return
        self._channels[object_id] = channel
        self._channels.move_to_end(object_id)
        if len(self._channels) > _OBJECTS_MAX:
            self._channels.popitem(last=False)

    def channel_of(self, object_id: str | None) -> ChannelId | None:
        return None if object_id is None else self._channels.get(object_id)
