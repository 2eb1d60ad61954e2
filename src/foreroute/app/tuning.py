"""Settings to the tuning of limits."""

from foreroute.control.tuning import TuningDesk, TuningSettings
from foreroute.core.plan import RoutingPlan
from foreroute.gateway.settings import GatewaySettings
from foreroute.heal.tuning.rails import BOUNDS, Rails
from foreroute.heal.tuning.tuner import Tuner
from foreroute.heal.tuning.values import Bounds
from foreroute.settings.model import Settings


def build_tuning(settings: Settings, configured: RoutingPlan) -> TuningDesk | None:
    """None where no parameter is to be tuned."""
    section = settings.tuning
    if not section.parameters:
        return None
    own = {one.parameter: Bounds(least=one.least, most=one.most) for one in section.bounds}
    rails = Rails(
        parameters=frozenset(section.parameters),
        bounds={**BOUNDS, **own},
        dead_band=section.dead_band,
        step_max=section.step_max,
        tighten_every_s=section.tighten_every,
        loosen_every_s=section.loosen_every,
        settle_s=section.settle,
        samples_min=section.samples_min,
        young_samples_min=section.young_samples_min,
        canary_ratio=section.canary_ratio,
        canary_samples_min=section.canary_samples_min,
        canary_s_min=section.canary_min,
        canary_s_max=section.canary_max,
        held_s=section.held,
        leash_ratio=section.leash_ratio,
        jump_s=max(300.0, 3 * section.every, 3 * settings.loop.tick),
    )
    told = TuningSettings(
        every_s=section.every,
        horizon_s=settings.loop.horizon,
        retry_ratio=GatewaySettings().retry_ratio,
        gateways=settings.gateway.workers,
    )
    return TuningDesk(Tuner(rails), told, configured)
