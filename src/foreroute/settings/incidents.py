"""What is told of incidents."""

from foreroute.settings.section import Section
from foreroute.settings.units import Duration


class IncidentSettings(Section):
    """How incidents belong together."""

    reopen_within: Duration = 600.0
    """The same trouble within this time after its end is the same incident."""
    recurs_within: Duration = 14 * 86400.0
    """An incident of the same scope and kind within this time is linked as a recurrence."""
