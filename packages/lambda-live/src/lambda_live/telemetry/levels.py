"""
Log levels of Lambda's JSON log format, and which lines they filter.

Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

from collections.abc import Iterable

APPLICATION_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
SYSTEM_LEVELS = ("DEBUG", "INFO", "WARN")
DEFAULT_LEVEL = "INFO"

_PYTHON_NAMES = {"WARNING": "WARN", "CRITICAL": "FATAL"}


def is_below(level: str, minimum: str) -> bool:
    """Return whether a level is below the minimum. An unknown level never is."""
    level = _PYTHON_NAMES.get(level.upper(), level.upper())
    if level not in APPLICATION_LEVELS or minimum not in APPLICATION_LEVELS:
        return False
    return APPLICATION_LEVELS.index(level) < APPLICATION_LEVELS.index(minimum)


def find_level(members: Iterable[tuple[str, object]]) -> str:
    """Return the level in the members of a JSON object, or an empty string."""
    levels = [value for name, value in members if name == "level" and isinstance(value, str)]
    return levels[-1] if levels else ""
