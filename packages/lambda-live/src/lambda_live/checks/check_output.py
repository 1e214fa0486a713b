"""What the command after a reload printed, as the terminal shows it."""

import re
from dataclasses import dataclass

from lambda_live.telemetry.sanitize import harmless

_LAST = 10
_SUMMARY = re.compile(r"\d+ of \d+ events .*")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line on how it went, and the rows that say what is wrong."""

    succeeded: bool
    summary: str
    rows: tuple[str, ...]
    of_checks: bool = False
    """Whether it says how many events are as expected, and of the others what is not."""


def outcome_of(output: bytes, status: int, *, last_sums_up: bool = False) -> Outcome:
    """Read what `scripts/check` printed; of any other command, how it ended and its last rows."""
    lines = [harmless(line) for line in output.decode("utf-8", "replace").splitlines()]
    while lines and not lines[-1].strip():
        lines.pop()
    if lines and _SUMMARY.fullmatch(lines[-1]):
        rows = () if status == 0 else tuple(lines[:-1])
        return Outcome(status == 0, lines[-1], rows, of_checks=True)
    if lines and last_sums_up:
        return Outcome(status == 0, lines[-1], tuple(lines[:-1]))
    summary = "the command succeeded" if status == 0 else f"the command failed ({_how(status)})"
    return Outcome(status == 0, summary, tuple(lines[-_LAST:]))


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"
