"""The dashboard of a control plane, served on the control thread's event loop."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from foreroute.alerts.desk import AlertDesk
from foreroute.app.budgets import budgets_of
from foreroute.app.config_watch import ReloadResult
from foreroute.app.costs import costs_of
from foreroute.app.simulator import Simulator
from foreroute.control.budgets import BudgetWatch
from foreroute.control.incidents.desk import IncidentDesk
from foreroute.control.loop import ControlLoop
from foreroute.control.mutes import Mutes
from foreroute.control.playbooks.desk import PlaybookDesk
from foreroute.control.stages import Stages
from foreroute.core.errors import ForerouteError
from foreroute.core.keys import Role
from foreroute.core.ports import Clock, KeyedStore, Store
from foreroute.dashboard.alerts import alert_routes
from foreroute.dashboard.anomalies import anomaly_routes
from foreroute.dashboard.door import Door
from foreroute.dashboard.experiments import ExperimentSources, experiment_routes
from foreroute.dashboard.forecast_record import RecordSources, record_routes
from foreroute.dashboard.incidents import IncidentSources, incident_routes
from foreroute.dashboard.key_desk import KeySources
from foreroute.dashboard.keys import key_routes
from foreroute.dashboard.mutes import mute_routes
from foreroute.dashboard.playbooks import playbook_routes
from foreroute.dashboard.rollout import rollout_routes
from foreroute.dashboard.routes import Dashboard
from foreroute.dashboard.simulator import simulator_routes
from foreroute.dashboard.sources import Sources
from foreroute.dashboard.tuning import tuning_routes
from foreroute.serving import Server, serve_asgi
from foreroute.settings.cross import is_loopback
from foreroute.settings.model import Settings

_PORTS_TRIED: Final = 20
_GRACE_S: Final = 0.2
"""Open pages reconnect by themselves; nobody waits for their streams to end."""


async def serve_dashboard(
    settings: Settings,
    loop: ControlLoop,
    stages: Stages,
    store: Store,
    clock: Clock,
    *,
    gateway_url: Callable[[], str | None],
    demo: bool,
    keys_changed: Callable[[], None] = lambda: None,
    reload: Callable[[], Awaitable[ReloadResult]] | None = None,
    role_of: Callable[[str], Role | None] = lambda _: None,
    desk: AlertDesk | None = None,
    simulator: Simulator | None = None,
    experiments: ExperimentSources | None = None,
    mutes: Mutes | None = None,
    budgets: BudgetWatch | None = None,
    playbooks: PlaybookDesk | None = None,
    incidents: IncidentDesk | None = None,
) -> Server:
    """On the wished port; a demo takes the next free one if that is taken. Raises ForerouteError without a port.

    `keys_changed` is called on this event loop after each change of a virtual key or team.
    """
    section = settings.dashboard
    sources = Sources(
        board=lambda: loop.board,
        controls=loop.operator,
        ledger=store.ledger,
        records=store.records,
        past_predictions=stages.past_predictions,
        windows=stages.windows,
        standings=stages.standings,
        period_start=stages.cost.period_start,
        clock=clock,
        store_kind=settings.store.kind,
        gateway_url=gateway_url,
        demo=demo,
        incidents=incidents,
    )
    dashboard = Dashboard(
        sources,
        more=[
            *_key_routes(store, clock, keys_changed),
            *costs_of(settings, store, clock, budgets),
            *budgets_of(settings, store, clock, budgets),
            *_reload_route(reload),
            *alert_routes(desk, store.records, clock, mutes),
            *mute_routes(mutes, store.records, clock),
            *anomaly_routes(sources),
            *([] if simulator is None else simulator_routes(simulator)),
            *([] if experiments is None else experiment_routes(experiments)),
            *(
                []
                if incidents is None
                else incident_routes(
                    IncidentSources(
                        desk=incidents,
                        rollups=store.rollups,
                        board=lambda: loop.board,
                        clock=clock,
                        playbooks=playbooks,
                    )
                )
            ),
            *rollout_routes(lambda: loop.board, loop.operator),
            *playbook_routes(playbooks),
            *tuning_routes(stages.tuning, store.records, clock),
            *record_routes(
                RecordSources(
                    board=lambda: loop.board,
                    records=store.records,
                    rollups=store.rollups,
                    standings=stages.standings,
                )
            ),
        ],
    )
    loop.on_board.append(dashboard.advance)
    key = section.admin_key.get_secret_value() if section.admin_key is not None else None
    loopback = is_loopback(section.host)
    door = Door(dashboard.app, admin_key=key, role_of=role_of, loopback_only=loopback)
    return await _listen(door, section.host, section.port, tries=_PORTS_TRIED if demo and section.port else 1)


async def _listen(door: Door, host: str, port: int, *, tries: int) -> Server:
    """On the first of so many ports that is free."""
    last = min(port + tries, 65_536)
    for one in range(port, last):
        try:
            return await serve_asgi(door, host, one, grace_s=_GRACE_S)
        except OSError as error:
            reason = error.strerror or str(error)
    raise ForerouteError(
        f"the dashboard cannot listen on {host}:{port}: {reason}. "
        "Choose another port with dashboard.port or --dashboard-port, or switch it off with dashboard.enabled: false"
    )


def _reload_route(reload: Callable[[], Awaitable[ReloadResult]] | None) -> list[Route]:
    """None where the configuration is no file, as in the demo."""
    if reload is None:
        return []

    async def answer(_: Request) -> JSONResponse:
        result = await reload()
        if not result.applied:
            hint = "the last good configuration serves on; correct the file and try again"
            return JSONResponse({"error": {"message": result.message, "hint": hint}}, status_code=422)
        body = {"message": result.message, "needs_restart": list(result.needs_restart)}
        return JSONResponse(body, status_code=202)

    return [Route("/api/reload", answer, methods=["POST"])]


def _key_routes(store: Store, clock: Clock, changed: Callable[[], None]) -> list[Route]:
    """None for a store that keeps no keys."""
    if not isinstance(store, KeyedStore):
        return []
    return key_routes(
        KeySources(
            store=store.keys,
            spend=lambda start_at, end_at: store.key_spend.spend_by_key(start_at=start_at, end_at=end_at),
            records=store.records,
            clock=clock,
            rng_bytes=secrets.token_bytes,
            changed=changed,
        )
    )
