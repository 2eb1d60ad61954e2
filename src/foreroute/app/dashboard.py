"""The dashboard of a control plane, served on the control thread's event loop."""

from foreroute.testing.serving import Server


async def serve_dashboard(_plane: object) -> Server:
    raise OSError("no dashboard")
