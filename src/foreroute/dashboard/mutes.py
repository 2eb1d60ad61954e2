"""The API of mutes: maintenance and deploys that people announce. Each change is on record."""

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from foreroute.control.decision_log import audit_record
from foreroute.control.mutes import Mutes
from foreroute.core.fields import BadField, Fields, instant, text
from foreroute.core.mute import Mute, MuteReason
from foreroute.core.ports import Clock, RecordStore
from foreroute.dashboard.alert_rows import mute_row
from foreroute.dashboard.alerts import answering
from foreroute.dashboard.answers import Refusal
from foreroute.dashboard.durations import duration_s

Row = dict[str, Any]
_DEFAULT_S = {MuteReason.MAINTENANCE: 3600.0, MuteReason.DEPLOY: 600.0}
_CHANNEL = text(longest=128)
_WORDS = text(longest=300, empty=True)


def mute_routes(mutes: Mutes | None, records: RecordStore, clock: Clock) -> list[Route]:
    """None where nothing detects."""
    if mutes is None:
        return []
    api = _MuteApi(mutes, records, clock)
    return [
        answering("GET", "/api/mutes", api.mutes),
        answering("POST", "/api/mutes", api.mute, 201),
        answering("DELETE", "/api/mutes/{id}", api.unmute),
    ]


class _MuteApi:
    def __init__(self, mutes: Mutes, records: RecordStore, clock: Clock) -> None:
        self._mutes, self._records, self._clock = mutes, records, clock

    async def mutes(self, _request: Request, _body: Row) -> Row:
        at = self._clock.now()
        return {"mutes": [mute_row(one, at) for one in self._mutes.known(at)]}

    async def mute(self, _request: Request, body: Row) -> Row:
        """`{"channel": "a", "duration": "1h", "because": "…"}`; `"reason": "deploy"` marks one, for ten minutes."""
        at = self._clock.now()
        fields = Fields(body)
        if fields.has("duration") and fields.has("end_at"):
            raise BadField("duration", "give either duration or end_at", "for example: duration: 1h")
        channel = fields.take("channel", _CHANNEL)
        reason = fields.take("reason", _reason, MuteReason.MAINTENANCE)
        start_at = fields.take("start_at", instant, at)
        lasts_s = fields.take("duration", duration_s, _DEFAULT_S[reason])
        end_at = fields.take("end_at", instant, start_at + lasts_s)
        because, author = fields.take("because", _WORDS, ""), fields.take("author", _WORDS, "")
        fields.end()
        asked = Mute(
            channel=channel,
            start_at=start_at,
            end_at=end_at,
            reason=reason,
            because=because,
            author=author,
        )
        made = await self._mutes.add(asked, at)
        await self._note("mute", f"{made.id} {made.reason} {made.channel}")
        return mute_row(made, at)

    async def unmute(self, request: Request, _body: Row) -> Row:
        name, at = request.path_params["id"], self._clock.now()
        try:
            ended = await self._mutes.end(name, at)
        except KeyError:
            hint = "`foreroute alerts mutes` lists them; those of the settings end there"
            raise Refusal(404, f"there is no mute {name[:60]!r}", hint) from None
        await self._note("unmute", name)
        return mute_row(ended, at)

    async def _note(self, action: str, detail: str) -> None:
        await self._records.append([audit_record(at=self._clock.now(), action=action, detail=detail)])


def _reason(value: Any, where: str) -> MuteReason:
    said = text(longest=20)(value, where)
    if said not in set(MuteReason):
        raise BadField(where, f"there is no {said!r}", f"known: {', '.join(MuteReason)}")
    return MuteReason(said)
