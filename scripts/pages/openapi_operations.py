"""What each operation of the admin API takes. Its answers are objects that docs/api.md describes."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from foreroute.core.decision import Autopilot, Capability
from foreroute.core.mute import MuteReason
from foreroute.core.playbook_run import RunState
from foreroute.core.series import Metric
from foreroute.dashboard.alerts import STATES

Schema = dict[str, Any]


def text(**more: Any) -> Schema:
    return {"type": "string", **more}


def of(words: type[StrEnum] | list[str]) -> Schema:
    return {"type": "string", "enum": [str(getattr(one, "value", one)) for one in words]}


def count(lowest: int, highest: int) -> Schema:
    return {"type": "integer", "minimum": lowest, "maximum": highest}


FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
INSTANT: Schema = {
    "type": "number",
    "minimum": 0,
    "maximum": 4e9,
    "description": "Seconds since the epoch, UTC.",
}
DURATION: Schema = text(pattern=r"^\d+(\.\d+)?(ms|[smhd])$", examples=["30m"])
LINE: Schema = text(maxLength=80, pattern="^[ -~]*$")
"""One line, also of other alphabets; the pattern is the part that any tool can make."""
NAME: Schema = text(minLength=1, maxLength=40, pattern="^[A-Za-z0-9][A-Za-z0-9._:/-]*$")
USD: Schema = text(pattern=r"^\d+(\.\d+)?$", examples=["10"])
MANY: Schema = {"type": "array", "items": NAME}
ANY: Schema = {"type": "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    summary: str
    query: dict[str, Schema] = field(default_factory=dict)
    body: dict[str, Schema] | None = None
    """The fields of its JSON body; None: it has none, or an empty one."""
    required: tuple[str, ...] = ()
    """Of the body, or of the query where there is no body."""
    closed: bool = True
    """Fields that are not named are refused."""
    status: int = 200


def looks(summary: str, *, needed: tuple[str, ...] = (), **query: Schema) -> Operation:
    return Operation(summary=summary, query=query, required=needed)


def does(
    summary: str,
    *required: str,
    status: int = 200,
    closed: bool = True,
    more: dict[str, Schema] | None = None,
    **body: Schema,
) -> Operation:
    """`more` are fields that several operations have."""
    return Operation(
        summary=summary, body=body | (more or {}), required=required, status=status, closed=closed
    )


_LIMITS: Schema = {
    "type": "object",
    "properties": {
        "requests_per_minute": count(1, 10**9),
        "tokens_per_minute": count(1, 10**12),
        "parallel_max": count(1, 10**6),
        "allow_unpriced": FLAG,
        "budgets": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["limit_usd", "window"],
                "properties": {
                    "limit_usd": USD,
                    "window": of(["hour", "day", "week", "month", "total"]),
                    "hard": FLAG,
                },
            },
        },
    },
}
_KEY = {
    "name": NAME, "models": MANY, "limits": _LIMITS, "expires_at": INSTANT, "expires_in": DURATION, "tags": MANY,
    "regions": MANY, "disabled": FLAG, "role": of(["call", "read", "admin"]),
}  # fmt: skip
_TEAM = {"name": NAME, "models": MANY, "limits": _LIMITS, "regions": MANY}
_ALIAS = {
    "models": MANY, "max_budget": NUMBER, "soft_budget": NUMBER, "budget_duration": text(), "rpm_limit": count(1, 10**9),
    "tpm_limit": count(1, 10**12), "max_parallel_requests": count(1, 10**6), "duration": text(), "key_alias": NAME,
    "team_id": NAME, "tags": MANY, "metadata": ANY, "blocked": FLAG,
}  # fmt: skip
_FORCED = {"force": FLAG, "reason": LINE}
_BY = {"by": LINE}
_ACTOR = {"actor": LINE, "reason": LINE}

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/api/status"): looks("The whole first screen."),
    ("GET", "/api/sparks"): looks("Three hours of every channel, and the next one with its interval."),
    ("GET", "/api/channels/{channel}"): looks("One channel: series, forecast, anomalies, decisions, share."),
    ("GET", "/api/forecasts"): looks("What is expected.", channel=NAME, metric=of(Metric)),
    ("GET", "/api/forecasts/record"): looks(
        "What was said beside what came.", channel=NAME, metric=of(Metric), since_s={"type": "number", "minimum": 1, "maximum": 604_800}
    ),
    ("GET", "/api/anomalies"): looks("What was strange.", channel=NAME, metric=of(Metric), since=DURATION),
    ("GET", "/api/decisions"): looks("Decisions and what became of them, newest first.", limit=count(1, 500)),
    ("GET", "/api/spend"): looks("The current budget period by day and by channel."),
    ("GET", "/api/requests/{request_id}"): looks("A request's attempts and the decision behind its plan."),
    ("GET", "/api/stream"): looks("Server-sent events: `tick` at once and after each tick."),
    ("POST", "/api/autopilot"): does(
        "Sets all capabilities.", "mode", closed=False, mode=of(Autopilot), more=_FORCED
    ),
    ("POST", "/api/kill-switch"): does("The configured weights serve at once.", "on", closed=False, on=FLAG),
    ("POST", "/api/undo"): does("Takes the newest applied decision back.", closed=False),
    ("POST", "/api/reload"): does("Reads the configuration file again.", closed=False, status=202),
    ("GET", "/api/rollout"): looks("Where each capability stands, and what is missing for the next stage."),
    ("POST", "/api/rollout"): does(
        "One stage up or down.", "capability", "move", closed=False,
        capability=of(Capability), move=of(["raise", "lower"]), more=_FORCED,
    ),
    ("POST", "/api/suggestions/{suggestion}"): does(
        "Does or dismisses what is suggested.", "answer", closed=False, answer=of(["approve", "dismiss"])
    ),
    ("GET", "/api/tuning"): looks("Every tuned parameter.", channel=NAME),
    ("POST", "/api/tuning/{channel}/{parameter}"): does(
        "As configured at once, or begins what is proposed.", "do", closed=False, do=of(["reset", "approve"]),
        reason=LINE,
    ),
    ("GET", "/api/keys"): looks("Virtual keys.", deleted=LINE),
    ("POST", "/api/keys"): does("Makes a key; it is told this once.", "name", status=201, team=NAME, more=_KEY),
    ("GET", "/api/keys/{id}"): looks("One key."),
    ("PATCH", "/api/keys/{id}"): does("Changes what is given.", more=_KEY),
    ("DELETE", "/api/keys/{id}"): does("Deletes it; its spend stays on record.", closed=False),
    ("POST", "/api/keys/{id}/rotate"): does("Another secret under the same id.", closed=False),
    ("GET", "/api/teams"): looks("Teams.", deleted=LINE),
    ("POST", "/api/teams"): does("Makes a team.", "name", status=201, more=_TEAM),
    ("GET", "/api/teams/{id}"): looks("One team."),
    ("PATCH", "/api/teams/{id}"): does("Changes what is given.", more=_TEAM),
    ("DELETE", "/api/teams/{id}"): does("Deletes a team that has no keys.", closed=False),
    ("POST", "/key/generate"): does("As LiteLLM names it.", closed=False, more=_ALIAS),
    ("GET", "/key/info"): looks("As LiteLLM names it.", needed=("key",), key=NAME),
    ("POST", "/key/update"): does("As LiteLLM names it.", "key", closed=False, key=NAME, more=_ALIAS),
    ("POST", "/key/delete"): does("As LiteLLM names it.", keys=MANY, key_aliases=MANY),
    ("GET", "/api/cost/report"): looks(
        "What a period has cost, in every division.", period=of(["day", "week", "month"]), back=count(0, 1000)
    ),
    ("GET", "/api/cost/report.csv"): looks(
        "The same as a file.", period=of(["day", "week", "month"]), back=count(0, 1000)
    ),
    ("GET", "/api/cost/report-focus.csv"): looks(
        "The same as FOCUS, by day.", period=of(["day", "week", "month"]), back=count(0, 1000)
    ),
    ("GET", "/api/cost/forecast"): looks("What the period will have cost."),
    ("GET", "/api/cost/forecast/record"): looks("How well that was forecast before."),
    ("GET", "/api/cost/budgets"): looks("All budgets, keys' and teams' too."),
    ("GET", "/api/cost/frontier"): looks("Channels by price and latency."),
    ("GET", "/api/cost/optimum"): looks("The cheapest shares that keep the promises.", budget={"type": "number", "minimum": 0, "maximum": 1e9}),
    ("GET", "/api/cost/savings"): looks("What steering has saved in a month.", back=count(0, 1000)),
    ("GET", "/api/budgets"): looks("The house's budgets."),
    ("POST", "/api/budgets"): does("Sets one, or changes what is given of it.", "name", closed=False, name=NAME, more=_BY),
    ("DELETE", "/api/budgets/{name}"): does("Removes one that was set at run time.", closed=False, more=_BY),
    ("GET", "/api/incidents"): looks("Incidents.", state=of(["all", "open"]), limit=count(1, 500)),
    ("GET", "/api/incidents/{id}"): looks("One incident with its course."),
    ("POST", "/api/incidents/{id}/notes"): does("A note for people.", "text", status=201, text={**LINE, "minLength": 1}, more=_BY),
    ("POST", "/api/incidents/{id}/close"): does("Calls it over.", more=_BY),
    ("GET", "/api/alerts"): looks("Alerts, silences, receivers.", state=of(list(STATES))),
    ("GET", "/api/alerts/{id}"): looks("One alert."),
    ("POST", "/api/alerts/{id}/ack"): does("Somebody is on it.", undo=FLAG, more=_BY),
    ("POST", "/api/alerts/{id}/feedback"): does(
        "Whether it was worth it.", "vote", vote=of(["useful", "noise", "undo"])
    ),
    ("GET", "/api/silences"): looks("Silences."),
    ("POST", "/api/silences"): does(
        "No messages about what matches.", "matchers", status=201, matchers=MANY, duration=DURATION,
        start_at=INSTANT, end_at=INSTANT, author=LINE, comment=LINE,
    ),
    ("DELETE", "/api/silences/{id}"): does("Ends one.", closed=False),
    ("POST", "/api/receivers/{name}/test"): does("Sends a test message.", closed=False),
    ("GET", "/api/mutes"): looks("Mutes."),
    ("POST", "/api/mutes"): does(
        "Nothing is strange on a channel for a while.", "channel", status=201, channel=NAME, reason=of(MuteReason),
        duration=DURATION, start_at=INSTANT, end_at=INSTANT, because=LINE, author=LINE,
    ),
    ("DELETE", "/api/mutes/{id}"): does("Ends one.", closed=False),
    ("GET", "/api/playbooks"): looks("What there is, and what may be treated."),
    ("POST", "/api/playbooks/{playbook}/run"): does(
        "Begins one.", "scope", closed=False, scope=NAME, dry_run=FLAG, more=_ACTOR
    ),
    ("GET", "/api/playbook-runs"): looks("Runs.", playbook=NAME, state=of(RunState), limit=count(1, 500)),
    ("GET", "/api/playbook-runs/{run}"): looks("One run."),
    ("POST", "/api/playbook-runs/{run}"): does(
        "Approves, rejects or undoes it.", "answer", closed=False, answer=of(["approve", "reject", "undo"]), more=_ACTOR
    ),
    ("GET", "/api/experiments"): looks("What is defined, and every run."),
    ("POST", "/api/experiments"): does("Defines one, as in the configuration file.", closed=False, status=201),
    ("GET", "/api/experiments/{id}"): looks("One run with all that was found."),
    ("GET", "/api/experiments/{id}/size"): looks("How many requests it needs."),
    ("POST", "/api/experiments/{id}/start"): does("Starts it.", status=201),
    ("POST", "/api/experiments/{id}/stop"): does("Stops it."),
    ("POST", "/api/experiments/{id}/promote"): does("Makes an arm the way to go.", arm=NAME, force=FLAG),
    ("POST", "/api/experiments/{id}/revert"): does("Takes that back."),
    ("POST", "/api/experiments/{id}/scores"): does(
        "Scores answers.", closed=False, request_id=NAME, score=NUMBER, scores={"type": "array", "items": ANY}
    ),
    ("GET", "/api/simulator"): looks("Scenarios, and the run there is."),
    ("POST", "/api/simulator/start"): does("Plays a scenario.", closed=False),
    ("POST", "/api/simulator/pace"): does("Its speed, or a pause.", closed=False),
    ("POST", "/api/simulator/inject"): does("A fault into it.", closed=False),
    ("POST", "/api/simulator/stop"): does("Ends it.", closed=False),
}  # fmt: skip
