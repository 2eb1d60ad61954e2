"""The models that a caller may ask for, as each kind of client expects to see them."""

from datetime import UTC, datetime
from typing import Any, Final

import orjson

from foreroute.core.channel import Dialect
from foreroute.core.ids import RouteName
from foreroute.gateway.delivery import Delivery
from foreroute.gateway.door import Caller
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.wire import errors

_JSON: Final = [(b"content-type", b"application/json")]


async def list_models(name: RouteName | None, caller: Caller, plans: PlanCell, delivery: Delivery) -> None:
    """All of them, or one by name."""
    plan = plans.configured
    known = {*plan.routes, *plans.current().routes}
    names = sorted(one for one in known if caller.may_use(one))
    if name is not None and name not in names:
        return await delivery.error(errors.unknown_model(name))
    entries = [_model_entry(one, plan.made_at, delivery.dialect) for one in names]
    if name is not None:
        return await delivery.whole(200, _JSON, orjson.dumps(entries[names.index(name)]))
    listing: dict[str, Any] = {"object": "list", "data": entries}
    if delivery.dialect is Dialect.ANTHROPIC:
        ends = (names[0], names[-1]) if names else (None, None)
        listing = {"data": entries, "has_more": False, "first_id": ends[0], "last_id": ends[1]}
    return await delivery.whole(200, _JSON, orjson.dumps(listing))


def _model_entry(name: RouteName, made_at: float, dialect: Dialect) -> dict[str, Any]:
    if dialect is Dialect.ANTHROPIC:
        created = datetime.fromtimestamp(int(made_at), UTC).isoformat().replace("+00:00", "Z")
        return {"id": name, "type": "model", "display_name": name, "created_at": created}
    return {"id": name, "object": "model", "created": int(made_at), "owned_by": "foreroute"}
