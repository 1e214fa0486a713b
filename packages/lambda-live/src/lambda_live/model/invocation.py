"""One invocation: what the caller sent, and what comes back."""

import asyncio
import base64
import math
import secrets
import time
import uuid
from dataclasses import dataclass, field

LOG_TAIL_BYTES = 4096
"""Bytes of log that `X-Amz-Log-Type: Tail` returns (AWS, Invoke, LogResult: "the last 4 KB")."""

MAX_SYNC_PAYLOAD_BYTES = 6 * 2**20
MAX_ASYNC_PAYLOAD_BYTES = 2**20
"""Limits of an event (Lambda quotas, "Invocation payload"): of the type RequestResponse; Event."""


@dataclass(frozen=True, slots=True)
class Result:
    """
    What an invocation returned.

    `error_type` is None on success; otherwise the payload is AWS's JSON of the error.
    """

    payload: bytes
    content_type: str = "application/json"
    error_type: str | None = None
    code_sha256: str = ""


def _request_id() -> str:
    return str(uuid.uuid4())


def _trace_id() -> str:
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"


def continue_trace(trace: str | None) -> str:
    """Return the trace id of an invocation whose caller sent one, or none, by AWS's header."""
    fields = dict(part.strip().partition("=")[::2] for part in (trace or "").split(";"))
    own = _trace_id()
    if not fields.get("Root"):
        return own
    parent, sampled = fields.get("Parent") or secrets.token_hex(8), fields.get("Sampled") or "0"
    return f"Root={fields['Root']};Parent={parent};Sampled={sampled}"


def _future() -> asyncio.Future[Result]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class Invocation:
    """
    An event on its way through the service.

    `qualifier` is the one by which the function was asked for, if it was by one.
    `call` says in a few words how it was called: an event file's name, `POST /path`, `Event`.
    `source` is which of this project's tools did, `check` for one; empty for everybody else.
    `arrived`, monotonic, is when it came, or was to be tried again.

    Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """

    payload: bytes
    client_context: str | None = None
    request_id: str = field(default_factory=_request_id)
    trace_id: str = field(default_factory=_trace_id)
    result: asyncio.Future[Result] = field(default_factory=_future)
    log_tail: bytearray = field(default_factory=bytearray)
    init_ms: float | None = None
    is_started: bool = False
    qualifier: str | None = None
    label: str = ""
    client: str = ""
    arrived_at: float = field(default_factory=time.monotonic)

    def reset_for_retry(self) -> None:
        """Make ready for another try of the same event."""
        self.result = _future()
        self.arrived_at = time.monotonic()
        self.is_started = False

    def append_log(self, text: bytes) -> None:
        """Remember the end of the log."""
        self.log_tail += text
        if len(self.log_tail) > 2 * LOG_TAIL_BYTES:
            del self.log_tail[:-LOG_TAIL_BYTES]

    def encoded_log_tail(self) -> str:
        """Return the end of the log as `X-Amz-Log-Result` has it."""
        return base64.b64encode(self.log_tail[-LOG_TAIL_BYTES:]).decode()

    def set_result(self, result: Result) -> None:
        """Give the caller its answer; the first answer counts."""
        if not self.result.done():
            self.result.set_result(result)


@dataclass(frozen=True, slots=True)
class Report:
    """
    What AWS says of an invocation that ended. Times are in milliseconds, memory in MB.

    `status` is one of AWS's: success, error, timeout, failure.
    """

    duration_ms: float
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None = None
    status: str = "success"
    error_type: str | None = None

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds, with the init (as AWS bills since August 2025)."""
        return math.ceil(self.duration_ms + (self.init_ms or 0.0))


@dataclass(frozen=True, slots=True)
class InitReport:
    """
    How an init ended, after so many milliseconds; `status` as in `Report`.

    One that is tried again is part of the `invocation` that waits for it.
    """

    init_ms: float
    status: str = "success"
    error_type: str | None = None
    invocation: Invocation | None = None

    @property
    def phase(self) -> str:
        """AWS's name for when it was: init or invoke."""
        return "init" if self.invocation is None else "invoke"
