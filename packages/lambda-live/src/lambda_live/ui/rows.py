"""The rows of the history: invocations, and the saves and checks between them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, override

from lambda_live.model.invocation import CHECK_CLIENT, REPLAY_CLIENT, ImportTime, Report
from lambda_live.model.outcome import OutcomeKind
from lambda_live.model.strict_json import loads
from lambda_live.telemetry.log_message import is_runtime_error, parse_log_message
from lambda_live.telemetry.source_location import SourceLocation

MAX_BODY_BYTES = 64 * 2**10
"""The part of an event, a response or an invocation's log that stays in memory."""

type Part = Literal["event", "response", "log"]

PARTS: tuple[Part, ...] = ("event", "response", "log")
"""The bodies of an invocation."""

SHORT_SHA_LENGTH = 12
MAX_MESSAGE_LENGTH = 300
_MAX_PREVIEW_LENGTH = 100
_PREVIEW_SCAN_LENGTH = 4 * _MAX_PREVIEW_LENGTH
_EVENT_FILE_SUFFIXES = (".json", ".http")
_JSON_KEY = re.compile(r'"(\w+)" ?: ?')


class Truncated(NamedTuple):
    """The first `MAX_BODY_BYTES` of a body of `size` bytes."""

    content: bytes
    size: int

    @property
    def is_truncated(self) -> bool:
        """Whether the body is longer than `content`."""
        return self.size > len(self.content)

    @property
    def text(self) -> str:
        """The content as text; invalid UTF-8 is replaced."""
        return self.content.decode("utf-8", "replace")

    def to_json(self) -> dict[str, object]:
        """Return the fields that the page shows."""
        return {"text": self.text, "size": self.size, "truncated": self.is_truncated}

    def parse(self) -> Any:
        """Return the JSON value. Raises ValueError, also if the body was truncated."""
        if self.is_truncated:
            size, limit = format_size(self.size), format_size(MAX_BODY_BYTES)
            message = f"it is too large ({size}; limit {limit})"
            raise ValueError(message)
        return loads(self.content)


EMPTY = Truncated(b"", 0)


def truncate(content: bytes) -> Truncated:
    """Keep the first `MAX_BODY_BYTES`; shorter content is not copied."""
    kept = content if len(content) <= MAX_BODY_BYTES else content[:MAX_BODY_BYTES]
    return Truncated(kept, len(content))


def format_size(size: int) -> str:
    """Return a number of bytes with its unit, as the page shows it."""
    if size < 2**10:
        return f"{size} bytes"
    return f"{size / 2**10:.0f} KB" if size < 2**20 else f"{size / 2**20:.1f} MB"


def preview(label: str, event: Truncated) -> str:
    """Return the start of an event on one line; nothing for an event file, whose name is enough."""
    if label.endswith(_EVENT_FILE_SUFFIXES):
        return ""
    text = _request_preview(event) if b'"requestContext"' in event.content else None
    if text is None:
        text = event.content[:_PREVIEW_SCAN_LENGTH].decode("utf-8", "replace")
    text = _JSON_KEY.sub(r"\1: ", " ".join(text[:_PREVIEW_SCAN_LENGTH].split()))
    return (text.strip("{} ") if text.startswith("{") else text)[:_MAX_PREVIEW_LENGTH]


def _request_preview(event: Truncated) -> str | None:
    """Return the query and the body of an HTTP request; None for any other event."""
    try:
        value: Any = event.parse()
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    query, body = value.get("rawQueryString"), value.get("body")
    shown = body if isinstance(body, str) and not value.get("isBase64Encoded") else ""
    return f"?{query} {shown}" if query else shown


@dataclass(slots=True, eq=False)
class Row:
    """One entry of the history. `timestamp` is in seconds since the epoch."""

    kind: ClassVar[str]
    id: int
    timestamp: float

    @property
    def size(self) -> int:
        """Bytes that the row keeps in memory."""
        raise NotImplementedError

    def summary(self) -> dict[str, object]:
        """Return the fields that the list shows."""
        raise NotImplementedError

    def head(self) -> dict[str, object]:
        """Return the fields that all rows have."""
        return {"kind": self.kind, "id": self.id, "timestamp": round(self.timestamp * 1000)}

    def detail(self) -> dict[str, object]:
        """Return all fields."""
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class InvocationRow(Row):
    """
    A finished invocation.

    `timestamp` is its start. `waited_ms` is the time from its arrival
    to its start, including a cold start. `check` is the outcome of the check that sent the event,
    once the checks have finished. `log_times` has two numbers for each record of the log: its first
    line, and the milliseconds since the start. `imports` are those of its cold start. `source`,
    `keys`, `attempt` and `tenant_id` are as in `Invocation`; `consequence` is what happened to the
    messages after a failure.
    """

    kind = "invocation"
    function: str
    label: str
    client: str
    request_id: str
    waited_ms: float
    event: Truncated
    response: Truncated
    log: Truncated
    report: Report
    code_sha256: str
    client_context: str | None = None
    message: str = ""
    location: SourceLocation | None = None
    check: str = ""
    log_times: Sequence[int] = ()
    imports: Sequence[dict[str, Any]] = ()
    source: Mapping[str, str] = field(default_factory=dict)
    keys: Sequence[str] = ()
    attempt: int = 1
    consequence: str = ""
    tenant_id: str | None = None

    @property
    @override
    def size(self) -> int:
        return len(self.event.content) + len(self.response.content) + len(self.log.content)

    @property
    def is_automatic(self) -> bool:
        """Whether the checks or the replay started it, and not a client or a person."""
        return self.client in (CHECK_CLIENT, REPLAY_CLIENT)

    @property
    def outcome(self) -> OutcomeKind:
        """The outcome as the check judges it, or as the model does."""
        if self.check == "passed":
            return OutcomeKind.SUCCEEDED
        return OutcomeKind.FAILED if self.check == "failed" else self.report.outcome.kind

    @override
    def summary(self) -> dict[str, object]:
        report = self.report
        return self.head() | {
            "function": self.function,
            "label": self.label,
            "preview": preview(self.label, self.event),
            "client": self.client,
            "requestId": self.request_id,
            "status": report.status,
            "errorType": report.error_type,
            "message": self.message[:MAX_MESSAGE_LENGTH],
            "outcome": self.outcome,
            "problem": self._problem,
            "httpStatus": report.outcome.http_status,
            "check": self.check,
            "attempt": self.attempt,
            "consequence": self.consequence,
            "durationMs": round(report.duration_ms, 2),
            "initMs": None if report.init_ms is None else round(report.init_ms, 1),
            "waitedMs": round(self.waited_ms, 2),
            "memoryMb": report.max_memory_mb,
            "shortSha": self.code_sha256[:SHORT_SHA_LENGTH],
        }

    @property
    def _problem(self) -> str:
        """Why it failed although the function raised no error."""
        if self.check == "failed" and not self.report.error_type:
            return self.report.outcome.problem or "the response differs from the expected one"
        return self.report.outcome.problem

    @override
    def detail(self) -> dict[str, object]:
        more: dict[str, object] = {
            "event": self.event.to_json(),
            "response": self.response.to_json(),
            "imports": list(self.imports),
            "memorySizeMb": self.report.memory_mb,
            "billedMs": self.report.billed_ms,
            "source": dict(self.source),
            "tenantId": self.tenant_id,
        }
        return self.summary() | _code_details(self, self.report.error_type) | more


@dataclass(slots=True, eq=False)
class ReloadRow(Row):
    """
    The first load of a code version, successful or not.

    `load_ms` is the time from the save, or from the start, until the code was loaded: the same
    number as in the terminal. `init_ms` is the part of it that the init took. `before` has the
    figures of the load before the save: `importMs` and `memoryMb`.
    """

    kind = "reload"
    function: str
    code_sha256: str
    is_first: bool
    load_ms: float | None
    init_ms: float | None
    log: Truncated
    error_type: str | None = None
    message: str = ""
    location: SourceLocation | None = None
    imports: Sequence[dict[str, Any]] = ()
    log_times: Sequence[int] = ()
    memory_mb: int = 0
    before: dict[str, Any] | None = None

    @property
    @override
    def size(self) -> int:
        return len(self.log.content)

    @override
    def summary(self) -> dict[str, object]:
        return self.head() | {
            "function": self.function,
            "isFirst": self.is_first,
            "loadMs": self.load_ms,
            "initMs": None if self.init_ms is None else round(self.init_ms, 1),
            "shortSha": self.code_sha256[:SHORT_SHA_LENGTH],
            "errorType": self.error_type,
            "message": self.message[:MAX_MESSAGE_LENGTH],
        }

    @override
    def detail(self) -> dict[str, object]:
        more: dict[str, object] = {
            "imports": list(self.imports),
            "memoryMb": self.memory_mb,
            "before": self.before,
        }
        return self.summary() | _code_details(self, self.error_type) | more


@dataclass(slots=True, eq=False)
class ChecksRow(Row):
    """
    The result of the command that runs after each reload, usually the checks.

    `failures` are the checks that did not pass: their event, function, outcome, problems, and the
    id of their invocation's row. `can_accept` is whether responses can be saved as expected.
    """

    kind = "checks"
    succeeded: bool
    summary_text: str
    output: Sequence[str]
    failures: Sequence[dict[str, Any]] = ()
    code_sha256: str = ""
    can_accept: bool = False

    @property
    @override
    def size(self) -> int:
        return sum(map(len, self.output)) + sum(len(str(each)) for each in self.failures)

    @override
    def summary(self) -> dict[str, object]:
        return self.head() | {
            "succeeded": self.succeeded,
            "message": self.summary_text[:MAX_MESSAGE_LENGTH],
        }

    @override
    def detail(self) -> dict[str, object]:
        return self.summary() | {
            "output": "\n".join(self.output),
            "failures": list(self.failures),
            "canAccept": self.can_accept,
        }


def _code_details(row: InvocationRow | ReloadRow, error_type: str | None) -> dict[str, object]:
    """Return the code's version, its log, and its error with the location."""
    return {
        "message": row.message,
        "location": location_json(row.location),
        "log": row.log.to_json(),
        "logRecords": _log_records(row.log.content, row.log_times, has_failed=bool(error_type)),
        "codeSha256": row.code_sha256,
    }


def _log_records(log: bytes, times: Sequence[int], *, has_failed: bool) -> list[dict[str, object]]:
    """Return the parts of each record of a log, except the runtime client's about an error."""
    lines = log.split(b"\n")
    starts = [first for first in times[::2] if first < len(lines)]
    ends = [*starts[1:], len(lines)]
    found = []
    for first, end, ms in zip(starts, ends, times[1::2], strict=False):
        record = b"\n".join(lines[first:end])
        if not (has_failed and is_runtime_error(record)):
            level, text, fields, details = parse_log_message(record)
            shown = "".join((*(f" {each}" for each in fields), *(f"\n{each}" for each in details)))
            found.append({"ms": ms, "level": level, "text": text, "fields": shown})
    return found


def location_json(location: SourceLocation | None) -> dict[str, object] | None:
    """Return the fields of a location that the page shows."""
    if location is None:
        return None
    return {
        "path": location.path,
        "line": location.line,
        "firstLine": location.first_line,
        "lines": list(location.lines),
    }


def import_json(each: ImportTime) -> dict[str, Any]:
    """Return the fields of an import that the page shows."""
    return {
        "name": each.name,
        "depth": each.depth,
        "ms": each.ms,
        "selfMs": each.self_ms,
        "preloaded": each.is_preloaded,
    }
