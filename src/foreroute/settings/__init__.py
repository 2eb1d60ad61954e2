"""One YAML file to frozen settings."""

from foreroute.settings.load import load_settings, parse_settings
from foreroute.settings.model import Settings

__all__ = ["Settings", "load_settings", "parse_settings"]
