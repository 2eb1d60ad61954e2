"""Cost reports that are sent by themselves."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from foreroute.settings.section import Name, Section


class Attach(StrEnum):
    """What lies beside the text of a report."""

    HTML = "html"
    """Every division in full, as one page that needs nothing else."""
    CSV = "csv"
    FOCUS = "focus"
    """A FOCUS 1.2 data set, by day."""
    NONE = "none"


class CostReportSettings(Section):
    """A report of each day, week or month that has ended. Its addresses are secrets: they stand in the environment or in a
    file of their own.
    """

    name: Name
    """As logs and the command line call it."""
    every: Annotated[tuple[Literal["day", "week", "month"], ...], Field(min_length=1)] = ("month",)
    """Of which periods: weeks begin on Monday."""
    at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "08:00"
    """At which time of the day after, in `cost.time_zone`."""
    attach: Attach = Attach.HTML
    """What is attached, where the receiver takes files."""
    apprise_urls: tuple[SecretStr, ...] = ()
    """Mail, Slack, a webhook and more, one address each: `["${FINANCE_MAIL_URL}"]`. Needs the extra `alerts`."""
    apprise_urls_file: Path | None = None
    """A file with one address a line. Relative to the configuration file."""

    @model_validator(mode="after")
    def _has_one_way(self) -> "CostReportSettings":
        if bool(self.apprise_urls) == (self.apprise_urls_file is not None):
            raise ValueError("a report has exactly one of apprise_urls and apprise_urls_file")
        return self
