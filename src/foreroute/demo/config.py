"""The demo's configuration: the same YAML that an operator would write, with the providers' ports filled in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foreroute.core.ids import ChannelId
from foreroute.demo.scene import CAST, LIMIT_S, ROUTE
from foreroute.settings import Settings, parse_settings


def demo_settings(
    provider_urls: Mapping[ChannelId, str], *, store: Path, port: int, dashboard_port: int
) -> Settings:
    document: dict[str, Any] = {
        "autopilot": "act",
        "gateway": {"port": port, "region": "us-east"},
        "dashboard": {"port": dashboard_port},
        "store": {"path": str(store)},
        "regions": [{"name": "us-east", "round_trip": {"eu-west": "80ms"}}, {"name": "eu-west"}],
        "channels": [
            {
                "id": part.id,
                "provider": part.provider,
                "cloud": part.cloud,
                "region": part.region,
                "model": part.model,
                "base_url": f"{provider_urls[ChannelId(part.id)]}/v1",
                **({"price": dict(part.price)} if part.price else {}),
            }
            for part in CAST
        ],
        "routes": [
            {
                "model": ROUTE,
                "objective": {"metric": "first_chunk_p95", "limit": f"{LIMIT_S * 1000:g}ms"},
                "targets": [{"channel": part.id, "weight": part.weight} for part in CAST],
            }
        ],
        "budgets": [{"name": "monthly", "limit_usd": 9000}],
        # The clock runs many times as fast: once a tick is often enough there.
        "loop": {"collect": "60s"},
        "log": {"level": "warning"},
    }
    # JSON is YAML; so the demo's settings pass the same checks as anybody's file.
    return parse_settings(json.dumps(document).encode(), name="demo", environment={})
