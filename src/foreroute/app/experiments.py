"""Settings to experiments: the desk that runs them, and what the API asks of it."""

from dataclasses import dataclass

from foreroute.app.plane import Plane
from foreroute.app.prices import price_book
from foreroute.control.controls import Steering
from foreroute.control.experiments.book import Book, House
from foreroute.control.experiments.counting import Counting
from foreroute.control.experiments.desk import ExperimentDesk
from foreroute.control.experiments.held_out import HeldOut, HeldOutSettings
from foreroute.control.experiments.operator import Controls, Operator
from foreroute.control.experiments.scoring import Scoring
from foreroute.control.overrides import in_force
from foreroute.control.stages import Stages
from foreroute.core.attempt import Usage
from foreroute.core.experiment_ports import ExperimentedStore
from foreroute.core.ids import ChannelId
from foreroute.core.ports import Clock, Store
from foreroute.cost.budget import zone_of
from foreroute.cost.calendar import Period, period_of
from foreroute.dashboard.experiments import ExperimentSources
from foreroute.settings.experiments import definition_of, read_experiment
from foreroute.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Experiments:
    """`desk.start` comes before the loop's own start."""

    desk: ExperimentDesk
    book: Book
    clock: Clock

    def sources(self, store: Store, controls: Controls) -> ExperimentSources | None:
        if not isinstance(store, ExperimentedStore):
            return None
        kept = store.experiments
        return ExperimentSources(
            book=self.book,
            desk=self.desk,
            operator=Operator(self.book, self.desk, kept.marked, controls, self.clock),
            scoring=Scoring(self.book, kept.scores, store.ledger),
            read=read_experiment,
            clock=self.clock,
        )


def build_experiments(
    settings: Settings, data: Plane, store: Store, stages: Stages, steering: Steering, clock: Clock
) -> Experiments | None:
    """None for a store that keeps none."""
    if not isinstance(store, ExperimentedStore):
        return None
    kept = store.experiments
    house = House(
        routes=data.configured.routes,
        channels=frozenset(channel.id for channel in data.channels),
        unpriced=_unpriced(settings, data, clock),
        definitions=tuple(definition_of(one) for one in settings.experiments),
        processes=settings.gateway.workers,
    )
    book = Book(house, kept.runs)
    counting = Counting(kept, lambda: stages.expectations({}))
    return Experiments(ExperimentDesk(book, counting, steering, store.records), book, clock)


def build_savings(
    settings: Settings, data: Plane, store: Store, stages: Stages, steering: Steering
) -> HeldOut | None:
    """None where the optimum is off, nobody is held out, or the store keeps no experiments."""
    asked = settings.cost.savings
    if stages.optimum is None or asked.control_share <= 0 or not isinstance(store, ExperimentedStore):
        return None
    zone = zone_of(settings.cost.time_zone)
    return HeldOut(
        settings=HeldOutSettings(control_share=asked.control_share, unit=asked.unit),
        counting=Counting(store.experiments, lambda: stages.expectations({})),
        runs=store.experiments.runs,
        steering=steering,
        routes=lambda: in_force(steering, data.configured),
        month=lambda at: period_of(Period.MONTH, at, zone).name,
    )


def _unpriced(settings: Settings, data: Plane, clock: Clock) -> frozenset[ChannelId]:
    prices, usage = price_book(settings), Usage(input_tokens=1, output_tokens=1)
    return frozenset(
        channel.id
        for channel in data.channels
        if prices.cost_usd(channel, usage, clock.now()).cost_usd is None
    )
