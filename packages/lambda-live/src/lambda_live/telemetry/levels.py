"""
Which lines of a JSON log are written.

Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

from collections.abc import Iterable

APPLICATION_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
SYSTEM_LEVELS = ("DEBUG", "INFO", "WARN")
DEFAULT_LEVEL = "INFO"

_ALIASES = {"WARNING": "WARN", "CRITICAL": "FATAL"}
"""Python's names for two of them."""


def is_below(level: str, least: str) -> bool:
    """Whether a line of a level is left out where another is the least; of none known, it isn't."""
    level = _ALIASES.get(level.upper(), level.upper())
    if level not in APPLICATION_LEVELS or least not in APPLICATION_LEVELS:
        return False
    return APPLICATION_LEVELS.index(level) < APPLICATION_LEVELS.index(least)


def find_level(members: Iterable[tuple[str, object]]) -> str:
    """Return the level that a JSON object says it has, or none."""
    levels = [value for name, value in members if name == "level" and isinstance(value, str)]
    return levels[-1] if levels else ""
