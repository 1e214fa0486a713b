"""The one line of an invocation."""

import json
import re
from dataclasses import dataclass

import wcwidth

from lambda_live.model.invocation import Invocation, Report, Result
from lambda_live.telemetry.sanitize import harmless
from lambda_live.terminal.style import clock, cut, dim, green, milliseconds, red, yellow

_LONGEST_CALL = 40
_SMALL = 65_536
_STATUS = re.compile(r"[1-5]\d\d")


@dataclass(frozen=True, slots=True)
class Headline:
    """How a line is made: for a function's name, if there are several, and for a width."""

    name: str
    width: int

    def of(self, invocation: Invocation, result: Result, report: Report, where: str) -> str:
        """Return outcome, time, how it was called, what came of it, and REPORT's numbers."""
        failed = result.error_type is not None
        mark = red("✗") if failed else green("✓")
        called = f"{dim(clock())} {mark} {self.called(invocation)}"
        error = [red(each) for each in (error_name(result), where) if each]
        return self._fitted([called, *(error if failed else _status(result))], _numbers(report))

    def called(self, invocation: Invocation) -> str:
        """Return how it was called."""
        call = cut(harmless(invocation.label or invocation.request_id), _LONGEST_CALL)
        return f"{self.name} {call}".lstrip()

    def _fitted(self, parts: list[str], numbers: list[str]) -> str:
        """Leave out the numbers that have no room, the least wanted first."""
        line = "  ".join((*parts, *map(dim, numbers)))
        while numbers and wcwidth.width(line) > self.width:
            numbers = numbers[:-1]
            line = "  ".join((*parts, *map(dim, numbers)))
        return line


def error_name(result: Result) -> str:
    """Return AWS's name for the error, without the part of AWS's that met it."""
    return harmless((result.error_type or "").removeprefix("Runtime.").removeprefix("Sandbox."))


def _numbers(report: Report) -> list[str]:
    init = report.init_ms
    return [
        milliseconds(report.duration_ms),
        *([] if init is None else [f"cold start {milliseconds(init)}"]),
        f"{report.max_memory_mb} MB",
    ]


def _status(result: Result) -> list[str]:
    status = status_of(result)
    if status is None:
        return []
    return [status if status < "400" else yellow(status) if status < "500" else red(status)]


def status_of(result: Result) -> str | None:
    """Return the status of a proxy response, or None of any other."""
    if not result.payload.startswith(b"{") or len(result.payload) > _SMALL:
        return None
    try:
        status = str(json.loads(result.payload).get("statusCode"))
    except (ValueError, RecursionError):
        return None
    return status if _STATUS.fullmatch(status) else None
