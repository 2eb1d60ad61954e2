"""What the requests of one gateway share."""

import random
from dataclasses import dataclass, field

from foreroute.core.ports import AttemptSink, Classifier, Clock
from foreroute.gateway.affinity import Affinity
from foreroute.gateway.fleet import Fleet
from foreroute.gateway.line import Line
from foreroute.gateway.narrow import Knowledge
from foreroute.gateway.plan_cell import PlanCell
from foreroute.gateway.ports import Transport
from foreroute.gateway.retry import RetryBudget
from foreroute.gateway.settings import GatewaySettings
from foreroute.gateway.suspects import Suspects
from foreroute.gateway.tuned import Tuned


@dataclass(slots=True)
class Tally:
    """Counts since the start. `attempts` equals the number of records that the sink was given."""

    requests: int = 0
    attempts: int = 0
    refused: int = 0
    """Requests for which no channel could be asked."""
    left: int = 0
    """Requests whose client left before any channel was asked."""
    unread: int = 0
    """Requests whose client left before all of the body had come."""
    failed: int = 0
    """Requests that ended in an error of the gateway's or a channel's making."""


@dataclass(slots=True, kw_only=True)
class Works:
    """One object for the life of the gateway: a new configuration is put into it, and requests under way see it."""

    settings: GatewaySettings
    plans: PlanCell
    fleet: Fleet
    sink: AttemptSink
    transport: Transport
    classifier: Classifier
    clock: Clock
    rng: random.Random
    budget: RetryBudget
    hedges: RetryBudget
    line: Line
    affinity: Affinity
    knowledge: Knowledge
    tally: Tally
    suspects: Suspects = field(default_factory=Suspects)
    tuned: Tuned = field(default_factory=Tuned)
