"""An invocation: the event, its result, and the reports of AWS's log about it."""

import base64
import hashlib
import math
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lambda_live.model.outcome import SUCCEEDED, Outcome

if TYPE_CHECKING:
    from asyncio import Future

LOG_TAIL_BYTES = 4096
"""What `X-Amz-Log-Type: Tail` returns (AWS, Invoke, LogResult: "the last 4 KB")."""

MAX_SYNC_PAYLOAD_BYTES = 6 * 2**20
MAX_ASYNC_PAYLOAD_BYTES = 2**20
"""AWS's limits of an event (Lambda quotas, "Invocation payload")."""

CHECK_CLIENT = "check"
REPLAY_CLIENT = "replay"
"""Values of `Invocation.client` for invocations that no person and no application started."""


@dataclass(frozen=True, slots=True)
class Result:
    """
    The result of an invocation.

    `error_type` is None on success. Otherwise the payload is AWS's JSON of the error. `stack` has
    the frames of the code that a timeout stopped. AWS does not report them, so callers never see
    them.
    """

    payload: bytes
    content_type: str = "application/json"
    error_type: str | None = None
    code_sha256: str = ""
    stack: tuple[str, ...] = ()


def new_request_id() -> str:
    """Return a request id like AWS's."""
    return str(uuid.uuid4())


def _trace_id() -> str:
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"


def continue_trace(trace: str | None) -> str:
    """Return a trace header (`X-Amzn-Trace-Id`) that continues the caller's, if there is one."""
    fields = _trace_fields(trace or "")
    own = _trace_id()
    if not fields.get("Root"):
        return own
    parent, sampled = fields.get("Parent") or secrets.token_hex(8), fields.get("Sampled") or "0"
    lineage = f";Lineage={fields['Lineage']}" if fields.get("Lineage") else ""
    return f"Root={fields['Root']};Parent={parent};Sampled={sampled}{lineage}"


def _trace_fields(trace: str) -> dict[str, str]:
    # AWS's SDKs escape the "|" between the functions of a lineage.
    return dict(part.strip().partition("=")[::2] for part in unquote(trace).split(";"))


def count_lineage(trace: str, function_arn: str) -> tuple[str, int]:
    """
    Return the trace header with one more call of the function, and the number of its calls.

    AWS counts the calls of each function in one chain of requests in the field `Lineage`, as
    `HASH:COUNT|HASH:COUNT`. Its SDKs send the header of the current invocation.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
    """
    fields = _trace_fields(trace)
    pairs = (part.rpartition(":")[::2] for part in fields.pop("Lineage", "").split("|") if part)
    counts = {name: int(count) for name, count in pairs if count.isdecimal()}
    key = hashlib.sha256(function_arn.encode()).hexdigest()[:8]
    counts[key] = counts.get(key, 0) + 1
    lineage = "|".join(f"{name}:{count}" for name, count in counts.items())
    header = ";".join(f"{name}={value}" for name, value in fields.items())
    return f"{header};Lineage={lineage}", counts[key]


def _future() -> "Future[Result]":
    from asyncio import get_running_loop  # noqa: PLC0415  # commands without a loop start faster

    return get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class Invocation:
    """
    An event on its way through the service.

    `qualifier` is the version or alias in the request. `label` is a short description of the
    call: the name of an event file, `POST /path`, or `Event`. `client` is the tool of this project
    that called, such as `check`; it is empty for every other caller. `arrived_at` is the monotonic
    time of arrival, or of the last retry. `tenant_id` is the tenant of a function with tenant
    isolation. `is_started` is whether the runtime received the event.
    `source` describes what delivered the event, such as `{"queue": "Orders"}`; it is empty if a
    client sent it. `keys` are the ids of the messages or records in it, which a retry repeats;
    `attempt` counts from 1.
    `read_status` returns the HTTP status of a result; it raises ValueError if the result is not a
    valid response. It is None if the client does not expect an HTTP response.

    Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """

    payload: bytes
    client_context: str | None = None
    request_id: str = field(default_factory=new_request_id)
    trace_id: str = field(default_factory=_trace_id)
    result: "Future[Result]" = field(default_factory=_future)
    log_tail: bytearray = field(default_factory=bytearray)
    init_ms: float | None = None
    is_started: bool = False
    qualifier: str | None = None
    label: str = ""
    client: str = ""
    tenant_id: str | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    attempt: int = 1
    read_status: Callable[[Result], int] | None = None
    arrived_at: float = field(default_factory=time.monotonic)

    @property
    def is_check(self) -> bool:
        """Whether `scripts/check` sent the event."""
        return self.client == CHECK_CLIENT

    def reset_for_retry(self) -> None:
        """Prepare another attempt of the same event."""
        self.result = _future()
        self.arrived_at = time.monotonic()
        self.is_started = False

    def append_log(self, text: bytes) -> None:
        """Append to the log; only its end is stored."""
        self.log_tail += text
        if len(self.log_tail) > 2 * LOG_TAIL_BYTES:
            del self.log_tail[:-LOG_TAIL_BYTES]

    def encoded_log_tail(self) -> str:
        """Return the end of the log in the encoding of `X-Amz-Log-Result`."""
        return base64.b64encode(self.log_tail[-LOG_TAIL_BYTES:]).decode()

    def set_result(self, result: Result) -> None:
        """Return the result to the caller; later results are ignored."""
        if not self.result.done():
            self.result.set_result(result)


@dataclass(frozen=True, slots=True)
class Report:
    """
    The figures of AWS's REPORT line about an invocation.

    `status` is one of AWS's: success, error, timeout, failure. `outcome` is more strict: it also
    looks at the result, see `outcome.py`.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
    """

    duration_ms: float
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None = None
    status: str = "success"
    error_type: str | None = None
    outcome: Outcome = SUCCEEDED

    @property
    def billed_ms(self) -> int:
        """The billed duration; it includes the init, as on AWS since August 2025."""
        return math.ceil(self.duration_ms + (self.init_ms or 0.0))


@dataclass(frozen=True, slots=True)
class ImportTime:
    """
    How long an import took during an init, with and without the imports inside it.

    `depth` is the number of imports around it. A preloaded module was imported by the standby
    process, before a request arrived.
    """

    name: str
    depth: int
    ms: float
    self_ms: float
    is_preloaded: bool = False


@dataclass(frozen=True, slots=True)
class InitReport:
    """
    The outcome of an init; `status` is as in `Report`.

    An init that AWS repeats after a failure is part of an `invocation`.
    """

    init_ms: float
    status: str = "success"
    error_type: str | None = None
    invocation: Invocation | None = None
    imports: tuple[ImportTime, ...] = ()
    memory_mb: int = 0

    @property
    def phase(self) -> str:
        """AWS's name of the phase: init or invoke."""
        return "init" if self.invocation is None else "invoke"
