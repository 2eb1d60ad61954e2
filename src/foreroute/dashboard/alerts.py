"""The API of alerts: what is open, and what people do about it. Each change is on record."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foreroute.alerts.delivery import NotSent
from foreroute.alerts.desk import AlertDesk
from foreroute.alerts.values import Alert
from foreroute.control.decision_log import audit_record
from foreroute.control.mutes import Mutes
from foreroute.core.errors import StoreError
from foreroute.core.fields import BadField, Fields, flag, instant, several, text
from foreroute.core.ports import Clock, RecordStore
from foreroute.dashboard.alert_rows import (
    alert_row,
    delivery_row,
    in_order,
    mute_row,
    silence_row,
    state_of,
)
from foreroute.dashboard.answers import Refusal, body_of, json_of
from foreroute.dashboard.durations import duration_s

Row = dict[str, Any]
Answer = Callable[[Request, Row], Awaitable[Row]]
STATES: Final = ("firing", "acknowledged", "pending", "silenced", "explained", "resolved")
_NAME: Final = text(longest=80, empty=True)
_COMMENT: Final = text(longest=300, empty=True)
_MATCHERS: Final = several(text(longest=600), most=20)
_VOTES: Final = {"useful": True, "noise": False, "undo": None}


def alert_routes(
    desk: AlertDesk | None, records: RecordStore, clock: Clock, mutes: Mutes | None = None
) -> list[Route]:
    """All routes of alerts. Where those are switched off, they say so."""
    api = _AlertApi(desk, records, clock, mutes)
    return [
        answering("GET", "/api/alerts", api.alerts),
        answering("GET", "/api/alerts/{id}", api.alert),
        answering("POST", "/api/alerts/{id}/ack", api.acknowledge),
        answering("POST", "/api/alerts/{id}/feedback", api.feedback),
        answering("GET", "/api/silences", api.silences),
        answering("POST", "/api/silences", api.silence, 201),
        answering("DELETE", "/api/silences/{id}", api.end_silence),
        answering("POST", "/api/receivers/{name}/test", api.test),
    ]


class _AlertApi:
    def __init__(
        self, desk: AlertDesk | None, records: RecordStore, clock: Clock, mutes: Mutes | None
    ) -> None:
        self._maybe, self._records, self._clock, self._mutes = desk, records, clock, mutes

    async def alerts(self, request: Request, _body: Row) -> Row:
        """`?state=` keeps those in one state."""
        state = request.query_params.get("state")
        if state is not None and state not in STATES:
            raise Refusal(400, f"there is no state {state[:40]!r}", f"known: {', '.join(STATES)}")
        at = self._clock.now()
        known = () if self._mutes is None else self._mutes.known(at)
        mutes = [mute_row(one, at) for one in known]
        if self._maybe is None:
            nothing: Row = {"alerts": [], "silences": [], "receivers": [], "deliveries": []}
            return {"enabled": False, "mutes": mutes} | nothing
        desk = self._maybe
        shown = [one for one in desk.state.alerts.values() if state in (None, state_of(one))]
        return {
            "enabled": True,
            "at": at,
            "alerts": [alert_row(alert, desk, at) for alert in in_order(shown)],
            "silences": [silence_row(one, at) for one in desk.state.silences],
            "mutes": mutes,
            "receivers": desk.outbox.rows(),
            "deliveries": [delivery_row(one) for one in reversed(desk.outbox.recent)],
        }

    async def alert(self, request: Request, _body: Row) -> Row:
        desk = self._desk
        name = request.path_params["id"]
        alert = desk.state.alert(name)
        if alert is None:
            raise _unknown("alert", name)
        about = [one for one in reversed(desk.outbox.recent) if any(a.id == name for a in one.notice.alerts)]
        return self._row(alert) | {"deliveries": [delivery_row(one) for one in about]}

    async def acknowledge(self, request: Request, body: Row) -> Row:
        """`{"by": "ann"}`; `{"undo": true}` takes it back."""
        fields = Fields(body)
        by, undo = fields.take("by", _NAME, ""), fields.take("undo", flag, False)
        fields.end()
        name = request.path_params["id"]
        alert = await self._of("alert", name, self._desk.acknowledge(name, by=by, on=not undo))
        await self._note("alert_unack" if undo else "alert_ack", name)
        return self._row(alert)

    async def feedback(self, request: Request, body: Row) -> Row:
        """`{"vote": "useful"}`, `noise`, or `undo`."""
        fields = Fields(body)
        said = fields.take("vote", text(longest=10))
        fields.end()
        if said not in _VOTES:
            raise BadField("vote", f"there is no {said!r}", f"known: {', '.join(_VOTES)}")
        name = request.path_params["id"]
        alert = await self._of("alert", name, self._desk.vote(name, _VOTES[said]))
        await self._note("alert_feedback", f"{name} {said}")
        return self._row(alert)

    async def silences(self, _request: Request, _body: Row) -> Row:
        at = self._clock.now()
        return {"silences": [silence_row(one, at) for one in self._desk.state.silences]}

    async def silence(self, _request: Request, body: Row) -> Row:
        """`{"matchers": ["channel=a"], "duration": "1h"}`, or with `start_at` and `end_at`."""
        at = self._clock.now()
        fields = Fields(body)
        has_length, has_end = fields.has("duration"), fields.has("end_at")
        matchers = fields.take("matchers", _MATCHERS)
        start_at = fields.take("start_at", instant, at)
        lasts_s = fields.take("duration", duration_s, 0.0)
        end_at = fields.take("end_at", instant, start_at + lasts_s)
        author, comment = fields.take("author", _NAME, ""), fields.take("comment", _COMMENT, "")
        fields.end()
        if has_length is has_end:
            raise BadField("duration", "give either duration or end_at", "for example: duration: 1h")
        made = await self._desk.silence(
            matchers,
            start_at=start_at,
            end_at=end_at,
            author=author,
            comment=comment,
        )
        await self._note("silence", f"{made.id} {' '.join(made.matchers)}")
        return silence_row(made, at)

    async def end_silence(self, request: Request, _body: Row) -> Row:
        name = request.path_params["id"]
        ended = await self._of("silence", name, self._desk.end_silence(name))
        await self._note("unsilence", name)
        return silence_row(ended, self._clock.now())

    async def test(self, request: Request, _body: Row) -> Row:
        name = request.path_params["name"]
        try:
            await self._of("receiver", name, self._desk.test(name))
        except NotSent as error:
            raise Refusal(502, f"the message did not get through: {error}", "see docs/alerts.md") from None
        await self._note("receiver_test", name)
        return {"receiver": name, "sent": True}

    @property
    def _desk(self) -> AlertDesk:
        if self._maybe is None:
            raise Refusal(409, "alerts are switched off", "set alerts.enabled: true")
        return self._maybe

    def _row(self, alert: Alert) -> Row:
        return alert_row(alert, self._desk, self._clock.now())

    @staticmethod
    async def _of(kind: str, name: str, work: Awaitable[Any]) -> Any:
        try:
            return await work
        except KeyError:
            raise _unknown(kind, name) from None

    async def _note(self, action: str, detail: str) -> None:
        record = audit_record(at=self._clock.now(), action=action, detail=detail)
        await self._records.append([record])


def _unknown(kind: str, name: str) -> Refusal:
    where = "foreroute alerts" if kind != "silence" else "foreroute alerts silences"
    return Refusal(404, f"there is no {kind} {name[:60]!r}", f"`{where}` lists them")


def answering(method: str, path: str, answer: Answer, status: int = 200) -> Route:
    """A route that answers with a row, and with words for a person where it cannot."""

    async def handle(request: Request) -> Response:
        try:
            body = await body_of(request) if method == "POST" else {}
            return Response(json_of(await answer(request, body)), status, media_type="application/json")
        except BadField as error:
            raise Refusal(400, str(error), error.hint) from None
        except StoreError as error:
            raise Refusal(503, str(error), "it holds all the same, until the process ends") from None

    return Route(path, handle, methods=[method])
