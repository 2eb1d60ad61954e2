# ruff: noqa: PLC0415 - a server's libraries are loaded when one is started
"""Verbs that start something: `demo` and `serve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foreroute.cli import demo_options
from foreroute.cli.options import AsJson, config_path
from foreroute.cli.say import CommandError

if TYPE_CHECKING:
    from foreroute.settings import Settings

_Port = Annotated[
    int | None,
    typer.Option("--port", metavar="N", min=0, max=65535, help="Instead of gateway.port; 0: a free one."),
]
_DashboardPort = Annotated[
    int | None,
    typer.Option(
        "--dashboard-port", metavar="N", min=0, max=65535, help="Instead of dashboard.port; 0: a free one."
    ),
]


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)
    app.command("serve")(serve)


def demo(
    headless: demo_options.Headless = False,
    seconds: demo_options.Seconds = None,
    as_json: AsJson = False,
    seed: demo_options.Seed = 1,
    speed: demo_options.Speed = 60.0,
    port: demo_options.Port = 8080,
    dashboard_port: demo_options.DashboardPort = 8081,
    kill_loop_at: demo_options.KillLoopAt = None,
    trace: demo_options.Trace = None,
) -> None:
    """Show it all on this machine, without keys.

    Six channels answer over real HTTP, and one of them is going to slow down: watch its traffic move before it does.
    """
    from foreroute.demo.run import DemoOptions, run_demo

    options = DemoOptions(
        headless=headless,
        seconds=seconds,
        as_json=as_json,
        seed=seed,
        speed=speed,
        port=port,
        dashboard_port=dashboard_port,
        kill_loop_at=kill_loop_at,
        trace=trace,
    )
    raise typer.Exit(run_demo(options))


def serve(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="The configuration file. Default: foreroute.yaml or configs/foreroute.yaml, whichever is there.",
            show_default=False,
        ),
    ] = None,
    port: _Port = None,
    dashboard_port: _DashboardPort = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, max=64, help="Instead of gateway.workers."),
    ] = None,
) -> None:
    """Run the gateway and the control loop until Ctrl-C or SIGTERM.

    A changed configuration file is applied while it runs; a wrong one is refused and the last good one serves on.
    """
    from foreroute.app.config_watch import ConfigSource
    from foreroute.app.serve import serve as run
    from foreroute.settings import load_settings

    def adapt(settings: "Settings") -> "Settings":
        return _with_workers(_with_ports(settings, port, dashboard_port), workers)

    path = config_path(config)
    raise typer.Exit(run(adapt(load_settings(path)), ConfigSource(path=path, adapt=adapt)))


def _with_ports(settings: "Settings", port: int | None, dashboard_port: int | None) -> "Settings":
    gateway = settings.gateway if port is None else settings.gateway.model_copy(update={"port": port})
    dashboard = settings.dashboard
    if dashboard_port is not None:
        dashboard = dashboard.model_copy(update={"port": dashboard_port})
    if gateway.port and gateway.port == dashboard.port and dashboard.enabled:
        message = f"the gateway and the dashboard cannot share port {gateway.port}"
        raise CommandError(message, hint="give one of them another port with --port or --dashboard-port")
    return settings.model_copy(update={"gateway": gateway, "dashboard": dashboard})


def _with_workers(settings: "Settings", workers: int | None) -> "Settings":
    if workers is None:
        return settings
    if workers > 1 and settings.store.kind == "memory":
        message = "several processes cannot share a store in memory"
        raise CommandError(message, hint="set store.kind: sqlite, or leave --workers out")
    gateway = settings.gateway.model_copy(update={"workers": workers})
    return settings.model_copy(update={"gateway": gateway})
