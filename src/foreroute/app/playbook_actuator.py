"""Does what steps of playbooks ask for: notes, messages, probes, keys, hooks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from foreroute.app.playbook_hooks import Hooks
from foreroute.app.playbook_probes import Probes
from foreroute.control.playbooks.orders import UNDO
from foreroute.core.errors import StoreError
from foreroute.core.keys import VirtualKey
from foreroute.core.playbook_ports import Answer, Order
from foreroute.core.ports import KeyStore, Record, RecordStore

NOTE: Final = "incident_note"
_KEY_BEFORE: Final = "playbook_key"
SendWord = Callable[[str, str, str, str], Awaitable[int]]
"""(text, severity, key, scope) → how many were told."""


@dataclass(slots=True, kw_only=True)
class HouseActuator:
    records: RecordStore
    hooks: Hooks
    probes: Probes
    send: SendWord | None = None
    """None: nobody can be told."""
    keys: KeyStore | None = None
    keys_changed: Callable[[], None] = field(default=lambda: None)

    def may_repeat(self, order: Order) -> bool:
        """What is done here replaces itself; of a hook, the settings know."""
        return order.action != "hook" or self.hooks.may_repeat(str(order.wanted["name"]))

    async def do(self, order: Order) -> Answer:
        try:
            return await self._do(order)
        except StoreError as error:
            return Answer(ok=False, said=str(error))

    async def undo(self, order: Order) -> Answer:
        try:
            match order.action:
                case "hook":
                    return await self.hooks.undo(order)
                case "disable_key":
                    return await self._enable(order)
                case _:
                    return Answer(ok=True, said="nothing to undo")
        except StoreError as error:
            return Answer(ok=False, said=str(error))

    async def _do(self, order: Order) -> Answer:
        match order.action:
            case "probe":
                return await self.probes.look(order)
            case "note":
                return await self._note(order)
            case "notify":
                return await self._notify(order)
            case "disable_key":
                return await self._disable(order)
            case "hook":
                return await self.hooks.do(order)
            case _:
                return Answer(ok=False, said=f"nobody here does {order.action}")

    async def _note(self, order: Order) -> Answer:
        """The same key is the same line."""
        text = str(order.wanted["text"])
        body = {
            "at": order.at,
            "actor": "foreroute",
            "run": order.run,
            "playbook": order.playbook,
            "scope": order.scope,
            "channels": list(order.channels),
            "text": text,
        }
        await self.records.append([Record(kind=NOTE, id=order.key, at=order.at, body=orjson.dumps(body))])
        return Answer(ok=True, said=text)

    async def _notify(self, order: Order) -> Answer:
        text = str(order.wanted["text"])
        if self.send is None:
            return Answer(ok=True, said=f"alerts are switched off, so nobody was told: {text}")
        told = await self.send(text, str(order.wanted["severity"]), order.key, order.scope)
        whom = f"{told} receivers" if told else "no receiver is configured"
        return Answer(ok=True, said=f"{whom}: {text}")

    async def _disable(self, order: Order) -> Answer:
        """What it was before is written down first: a step that is done twice must not take its own work for that."""
        key = await self._key(str(order.wanted["key"]))
        if self.keys is None or key is None:
            return Answer(ok=False, said=f"there is no virtual key {order.wanted['key']}")
        if await self._before(order.key) is None:
            body = orjson.dumps({"key": key.id, "disabled": key.disabled})
            await self.records.append([Record(kind=_KEY_BEFORE, id=order.key, at=order.at, body=body)])
        await self.keys.put(replace(key, disabled=True))
        self.keys_changed()
        return Answer(ok=True, said=f"{key.name} is refused from now on")

    async def _enable(self, order: Order) -> Answer:
        before = await self._before(order.key.removesuffix(UNDO))
        key = await self._key(str(order.wanted["key"]))
        if before is None or key is None or self.keys is None:
            return Answer(ok=True, said="it was never disabled, or is no longer there")
        if before:
            return Answer(ok=True, said=f"{key.name} was disabled before, and stays so")
        await self.keys.put(replace(key, disabled=False))
        self.keys_changed()
        return Answer(ok=True, said=f"{key.name} is let in again")

    async def _before(self, order_key: str) -> bool | None:
        for record in await self.records.read(_KEY_BEFORE):
            if record.id == order_key:
                return bool(orjson.loads(record.body)["disabled"])
        return None

    async def _key(self, name: str) -> VirtualKey | None:
        if self.keys is None:
            return None
        book = await self.keys.read()
        alive = [key for key in book.keys if key.deleted_at is None]
        by_id = next((key for key in alive if key.id == name), None)
        named = [key for key in alive if key.name == name]
        return by_id or (named[0] if len(named) == 1 else None)
