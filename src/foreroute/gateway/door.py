"""Who calls, and may they? Static keys of the configuration, and virtual keys that come and go while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foreroute.core.ids import KeyId
from foreroute.core.keys import KeyBook, Role
from foreroute.gateway.keyring import Keyring, Known
from foreroute.gateway.keys import known_key, presented_key
from foreroute.gateway.wire import errors
from foreroute.gateway.wire.errors import ErrorAnswer


@dataclass(frozen=True, slots=True)
class Caller:
    """`known` has the models and limits of a virtual key; a static key, and everyone at an open door, has none."""

    key_id: KeyId | None = None
    known: Known | None = None

    def may_use(self, model: str) -> bool:
        return self.known is None or self.known.may_use(model)


_ANYONE: Final = Caller()


class Door:
    """`ring` may be exchanged from any thread; who is inside already is not asked again."""

    def __init__(self, static: Mapping[str, KeyId], *, locked: bool = False, shut: bool = False) -> None:
        """`locked`: a key is asked for even while there is none. `shut`: nobody enters before there is a ring."""
        self.ring = None if shut else Keyring(KeyBook())
        self.adopt(static, locked=locked)

    def adopt(self, static: Mapping[str, KeyId], *, locked: bool = False) -> None:
        """The static keys of a new configuration."""
        self._static = static
        self._locked = locked or bool(static)

    def let_in(self, headers: Mapping[bytes, bytes], at: float) -> Caller | ErrorAnswer:
        ring = self.ring
        if ring is None:
            return errors.accounts_unavailable()
        if not self._locked and not ring.locks:
            return _ANYONE
        presented = presented_key(headers)
        if presented is None:
            return errors.wrong_key()
        if ring.locks:
            found = ring.find(presented, at)
            if isinstance(found, Known):
                return errors.wrong_role() if found.key.role is not Role.CALL else Caller(found.key.id, found)
            if found.reason != "unknown":
                return errors.closed_key(found.reason)
        key_id = known_key(presented, self._static) if self._static else None
        return errors.wrong_key() if key_id is None else Caller(key_id)
