"""Parse the output of the command that runs after a reload."""

import re
from dataclasses import dataclass

from lambda_live.telemetry.sanitize import sanitize

_MAX_COMMAND_LINES = 10
_SUMMARY = re.compile(r"\d+ of \d+ events .*")


@dataclass(frozen=True, slots=True)
class CheckOutput:
    """The summary of a command's output, and the lines that explain a failure."""

    succeeded: bool
    summary: str
    rows: tuple[str, ...]
    is_check: bool = False
    """Whether `scripts/check` printed it, and not another command."""


def parse_check_output(output: bytes, status: int, *, last_is_summary: bool = False) -> CheckOutput:
    """
    Parse the output of `scripts/check`.

    For another command, the summary is its exit status, and the rows are its last lines.
    """
    lines = [sanitize(line) for line in output.decode("utf-8", "replace").splitlines()]
    while lines and not lines[-1].strip():
        lines.pop()
    if lines and _SUMMARY.fullmatch(lines[-1]):
        rows = () if status == 0 else tuple(lines[:-1])
        return CheckOutput(status == 0, lines[-1], rows, is_check=True)
    if lines and last_is_summary:
        return CheckOutput(status == 0, lines[-1], tuple(lines[:-1]))
    summary = "command succeeded" if status == 0 else f"command failed ({_reason(status)})"
    return CheckOutput(status == 0, summary, tuple(lines[-_MAX_COMMAND_LINES:]))


def _reason(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
