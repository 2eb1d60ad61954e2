"""What the experiments of a configuration say about the rest of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from foreroute.core.ids import ChannelId, RouteName
from foreroute.experiment.definition import faults
from foreroute.settings.document import Problem
from foreroute.settings.experiments import definition_of

if TYPE_CHECKING:
    from foreroute.settings.model import Settings


def experiment_problems(settings: "Settings") -> Iterator[Problem]:
    routes = [RouteName(route.model) for route in settings.routes]
    channels = [ChannelId(channel.id) for channel in settings.channels]
    for number, experiment in enumerate(settings.experiments):
        for fault in faults(definition_of(experiment), routes, channels):
            yield Problem(("experiments", number, *fault.path), fault.message, fault.hint)
