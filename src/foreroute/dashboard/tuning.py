"""The API of tuned limits: what is in force, what is wanted and why, what holds it back, and how to take it back."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.control.decision_log import audit_record
from foreroute.control.tuning import TuningDesk
from foreroute.core.errors import StoreError
from foreroute.core.fields import BadField, Fields, text
from foreroute.core.ids import ChannelId
from foreroute.core.limits import EVERYWHERE, Parameter, Setting
from foreroute.core.ports import Clock, RecordStore
from foreroute.dashboard.answers import Refusal, body_of, json_of
from foreroute.heal.tuning.load import ADMIT_ALL, UNLIMITED
from foreroute.heal.tuning.values import Change, View

Row = dict[str, Any]
_UNITS: Final = {
    Parameter.CONNECT: "s",
    Parameter.FIRST_CHUNK: "s",
    Parameter.STALL: "s",
    Parameter.TOTAL: "s",
    Parameter.CONCURRENCY: "attempts",
    Parameter.ADMISSION: "sent per accepted",
    Parameter.FAILURES_IN_ROW: "failures",
    Parameter.OUTLIER_RATIO: "ratio",
    Parameter.RETRY_RATIO: "ratio",
}
_DOES: Final = ("approve", "reset")
_SHOWN: Final = 200


def tuning_routes(desk: TuningDesk | None, records: RecordStore, clock: Clock) -> list[Route]:
    async def show(request: Request) -> Response:
        if desk is None:
            return _answer({"enabled": False, "held": "", "parameters": [], "history": []})
        channel = request.query_params.get("channel")
        if channel is not None:
            _known(desk, channel)
        views = [one for one in desk.views if channel in (None, one.channel)]
        past = [one for one in desk.history if channel in (None, one.channel)]
        return _answer(
            {
                "enabled": True,
                "held": desk.held,
                "parameters": [_view(one) for one in views],
                "history": [change_row(one) for one in reversed(past[-_SHOWN:])],
            }
        )

    async def do(request: Request) -> Response:
        if desk is None:
            raise Refusal(409, "nothing is tuned here", "name parameters in tuning.parameters")
        channel = _known(desk, request.path_params["channel"])
        parameter = _parameter(desk, channel, request.path_params["parameter"])
        said, why = _asked(await body_of(request))
        at = clock.now()
        if said == "approve":
            if not desk.approve(channel, parameter):
                hint = "`foreroute heal tune --explain` shows what is proposed; what may act needs no yes"
                raise Refusal(409, f"nothing of {parameter} on {channel} waits for a yes", hint)
        else:
            record = desk.reset(channel, parameter, at, "operator")
            if record is None:
                raise Refusal(409, f"{parameter} of {channel} is as configured")
            await _keep(records, record)
        detail = f"{said} {channel} {parameter}{f' ({why})' if why else ''}"
        await _keep(records, audit_record(at=at, action="tuning", detail=detail))
        return _answer({"channel": channel, "parameter": parameter.value, "done": said})

    return [
        Route("/api/tuning", show, methods=["GET"]),
        Route("/api/tuning/{channel:path}/{parameter}", do, methods=["POST"]),
    ]


def setting_row(parameter: Parameter, one: Setting) -> Row:
    """`value` null: no limit."""
    unlimited = {Parameter.CONCURRENCY: UNLIMITED, Parameter.ADMISSION: ADMIT_ALL}.get(parameter)
    value = one.at()
    row: Row = {"value": None if unlimited is not None and value >= unlimited else round(value, 4)}
    if one.per_token:
        row |= {"base": one.base, "per_1000_tokens": 1000 * one.per_token}
    return row


def change_row(one: Change) -> Row:
    return {
        "at": one.at,
        "channel": one.channel,
        "parameter": one.parameter.value,
        "event": one.event.value,
        "old": setting_row(one.parameter, one.old),
        "new": setting_row(one.parameter, one.new),
        "reason": one.reason,
        "evidence": dict(one.evidence),
        "canary": one.canary,
        "actor": one.actor,
    }


def _view(one: View) -> Row:
    def row(setting: Setting | None) -> Row | None:
        return None if setting is None else setting_row(one.parameter, setting)

    undo = f"foreroute heal tune --reset {one.channel} {one.parameter}"
    return {
        "channel": one.channel,
        "parameter": one.parameter.value,
        "unit": _UNITS[one.parameter],
        "by_tokens": {Parameter.FIRST_CHUNK: "input", Parameter.TOTAL: "output"}.get(one.parameter),
        "configured": row(one.configured),
        "current": row(one.current),
        "tuned": one.tuned,
        "proposal": row(one.proposal),
        "wanted": row(one.wanted),
        "reason": one.reason,
        "evidence": dict(one.evidence),
        "rails": list(one.rails),
        "trial": one.trial,
        "approvable": one.approvable,
        "undo": undo if one.tuned or one.trial else None,
    }


def _asked(body: Row) -> tuple[str, str]:
    try:
        fields = Fields(body)
        said = fields.take("do", text(longest=20))
        why = fields.take("reason", text(longest=300, empty=True), "")
        fields.end()
    except BadField as error:
        raise Refusal(400, str(error), error.hint) from None
    if said not in _DOES:
        raise Refusal(400, f"do must be one of {', '.join(_DOES)}", 'send {"do": "reset"}')
    return said, why


def _known(desk: TuningDesk, channel: str) -> ChannelId:
    name = ChannelId(channel)
    if not desk.knows(name):
        raise Refusal(404, f"there is no channel {channel[:80]!r}", f"{EVERYWHERE!r} is the whole gateway")
    return name


def _parameter(desk: TuningDesk, channel: ChannelId, name: str) -> Parameter:
    known = desk.parameters(channel)
    found = next((one for one in known if one.value == name), None)
    if found is None:
        raise Refusal(404, f"{channel} has no parameter {name[:40]!r}", f"known: {', '.join(known)}")
    return found


async def _keep(records: RecordStore, record: Any) -> None:
    """What was done stands, also where it cannot be written down: the answer says so."""
    try:
        await records.append([record])
    except StoreError as error:
        raise Refusal(503, f"done, but not on record: {error}", "the store is away") from None


def _answer(row: Row) -> Response:
    return Response(json_of(row), media_type="application/json")
