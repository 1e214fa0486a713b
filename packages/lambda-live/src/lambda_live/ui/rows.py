"""What the page lists: invocations, and what became of each save between them."""

import re
from dataclasses import dataclass, field
from typing import Protocol

from lambda_live.checks.check_output import CheckOutput
from lambda_live.model.invocation import Report
from lambda_live.model.strict_json import loads
from lambda_live.telemetry.source_location import SourceLocation
from lambda_live.ui.preview import preview
from lambda_live.ui.truncated import Truncated

_STATUS = re.compile(r"[1-5]\d\d")
SHORT_SHA_LENGTH = 12
MAX_MESSAGE_LENGTH = 300


class Row(Protocol):
    """One line of the list."""

    id: int

    @property
    def size(self) -> int:
        """Bytes that are kept for it."""

    def summary(self) -> dict[str, object]:
        """Return what the list shows."""

    def detail(self) -> dict[str, object]:
        """Return all that is known."""


@dataclass(slots=True, eq=False)
class InvocationRow:
    """
    An invocation that ended.

    `at` is when it began, in seconds of the epoch; `waited_ms` what passed from its arrival to
    then, a cold start included.
    """

    id: int
    function: str
    label: str
    source: str
    request_id: str
    at: float
    waited_ms: float
    event: Truncated
    response: Truncated
    log: Truncated
    report: Report
    code_sha256: str
    client_context: str | None = None
    message: str = ""
    location: SourceLocation | None = None
    _http: int | None = field(default=-1)

    @property
    def size(self) -> int:
        """Part of Row."""
        return len(self.event.content) + len(self.response.content) + len(self.log.content)

    @property
    def http_status(self) -> int | None:
        """The status of a proxy response; None if it is none."""
        if self._http == -1:
            self._http = None if self.report.error_type else _http_status(self.response)
        return self._http

    def summary(self) -> dict[str, object]:
        """Part of Row."""
        report = self.report
        return {
            "kind": "invocation",
            "id": self.id,
            "function": self.function,
            "call": self.label,
            "preview": preview(self.label, self.event),
            "source": self.source,
            "requestId": self.request_id,
            "at": round(self.at * 1000),
            "status": report.status,
            "errorType": report.error_type,
            "message": self.message[:MAX_MESSAGE_LENGTH],
            "http": self.http_status,
            "durationMs": round(report.duration_ms, 2),
            "initMs": None if report.init_ms is None else round(report.init_ms, 1),
            "waitedMs": round(self.waited_ms, 2),
            "memoryMb": report.max_memory_mb,
            "code": self.code_sha256[:SHORT_SHA_LENGTH],
        }

    def detail(self) -> dict[str, object]:
        """Part of Row."""
        more: dict[str, object] = {
            "event": self.event.to_json(),
            "answer": self.response.to_json(),
            "memorySizeMb": self.report.memory_mb,
            "billedMs": self.report.billed_ms,
        }
        return self.summary() | _code_details(self) | more


@dataclass(slots=True, eq=False)
class ReloadRow:
    """Code was loaded for the first time, or could not be."""

    id: int
    function: str
    at: float
    code_sha256: str
    is_first: bool
    load_ms: float | None
    log: Truncated
    error_type: str | None = None
    message: str = ""
    location: SourceLocation | None = None

    @property
    def size(self) -> int:
        """Part of Row."""
        return len(self.log.content)

    def summary(self) -> dict[str, object]:
        """Part of Row."""
        return {
            "kind": "reload",
            "id": self.id,
            "function": self.function,
            "at": round(self.at * 1000),
            "first": self.is_first,
            "loadMs": None if self.load_ms is None else round(self.load_ms, 1),
            "code": self.code_sha256[:SHORT_SHA_LENGTH],
            "errorType": self.error_type,
            "message": self.message[:MAX_MESSAGE_LENGTH],
        }

    def detail(self) -> dict[str, object]:
        """Part of Row."""
        return self.summary() | _code_details(self)


@dataclass(slots=True, eq=False)
class ChecksRow:
    """The command after a reload, the checks for one, has ended."""

    id: int
    at: float
    outcome: CheckOutput

    @property
    def size(self) -> int:
        """Part of Row."""
        return sum(map(len, self.outcome.rows))

    def summary(self) -> dict[str, object]:
        """Part of Row."""
        return {
            "kind": "checks",
            "id": self.id,
            "at": round(self.at * 1000),
            "succeeded": self.outcome.succeeded,
            "message": self.outcome.summary[:MAX_MESSAGE_LENGTH],
        }

    def detail(self) -> dict[str, object]:
        """Part of Row."""
        return self.summary() | {"text": "\n".join(self.outcome.rows)}


def _code_details(row: InvocationRow | ReloadRow) -> dict[str, object]:
    """Return what the code wrote, what went wrong in it and where, and which it was."""
    return {
        "message": row.message,
        "place": location_json(row.location),
        "log": row.log.to_json(),
        "codeSha256": row.code_sha256,
    }


def location_json(location: SourceLocation | None) -> dict[str, object] | None:
    """Return a place as the page reads it."""
    if location is None:
        return None
    return {
        "path": location.path,
        "line": location.line,
        "first": location.first_line,
        "lines": list(location.lines),
    }


def _http_status(answer: Truncated) -> int | None:
    if answer.is_truncated or b'"statusCode"' not in answer.content:
        return None
    try:
        value = loads(answer.content)
    except ValueError:
        return None
    status = str(value.get("statusCode")) if isinstance(value, dict) else ""
    return int(status) if _STATUS.fullmatch(status) else None
