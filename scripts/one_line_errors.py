"""
Pytest plugin of `scripts/unit --quiet`: print a line for each error instead of its traceback.

A line is `PATH:LINE: error: TEXT`, as editors read it. Tests that fail at the same place share a
line. Run `make unit` for the tracebacks.
"""

import os
import re
from collections.abc import Iterator

import pytest

_FRAME = re.compile(
    r'^(?:E\s+)?(?:File "(?P<file>[^"]+)", line |(?P<path>\S+\.py):)(?P<line>\d+)', re.MULTILINE
)
_MESSAGE = re.compile(r"^E\s+(?P<text>\w.*)", re.MULTILINE)
_MAX_LINES, _MAX_CHARACTERS = 20, 200
_LIBRARY = re.compile(r"/site-packages/|/lib/python3|^<")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Turn off the summary that lists each test."""
    config.option.tbstyle, config.option.reportchars, config.option.no_header = "short", "N", True


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn off tracebacks. The reports contain them by now."""
    session.config.option.tbstyle = "no"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the lines, each with the number of tests if there are several."""
    places: dict[str, list[str]] = {}
    for report in _failed(terminalreporter):
        place, message = _error(report)
        places.setdefault(place, []).append(message)
    for place, messages in list(places.items())[:_MAX_LINES]:
        count = f" ({len(messages)} tests)" * (len(messages) > 1)
        terminalreporter.write_line(f"{place}: error: {messages[0]}{count}", red=True)
    if (omitted := len(places) - _MAX_LINES) > 0:
        terminalreporter.write_line(f"and {omitted} other errors (make unit shows each)")


def _failed(
    reporter: pytest.TerminalReporter,
) -> Iterator[pytest.CollectReport | pytest.TestReport]:
    for kind in ("error", "failed"):
        yield from reporter.getreports(kind)


def _error(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str]:
    """Return the innermost place of the project's own code, and the first line of the message."""
    # pytest has objects for the errors of tests, but text for those of a collection
    text = report.longreprtext
    frames = [(each["file"] or each["path"], each["line"]) for each in _FRAME.finditer(text)]
    own = [frame for frame in frames if not _LIBRARY.search(frame[0])]
    messages = [each["text"] for each in _MESSAGE.finditer(text)]
    crash = getattr(report.longrepr, "reprcrash", None)
    message = crash.message if crash else next(reversed(messages), "failed")
    first = " ".join(message.split("\n", 1)[0].split())[:_MAX_CHARACTERS]
    if not frames:
        return report.nodeid, first
    path, line = (own or frames)[-1]
    return f"{os.path.relpath(path)}:{line}", first
