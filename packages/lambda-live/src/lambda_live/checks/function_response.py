"""
What an invocation's response contains: the payload, the error, and the log of the function.

The Invoke API and the front ends (function URL, API Gateway) report errors in different ways. The
log comes from the header `X-Amz-Log-Result`, which has the last 4 KB in AWS's text or JSON format.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from lambda_live.checks.comparison import json_structure, parse_json
from lambda_live.checks.http_file import HttpResponse

_OK, _FIRST_OF_REDIRECTS = 200, 300
_INTERNAL_ERROR, _BAD_GATEWAY = 500, 502
_PLATFORM_LINES = (
    *("START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START ", "INIT_REPORT "),
)
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>[0-9]+)')
_OTHERS_CODE = re.compile(r"/site-packages/|/lib/python3|<frozen|/lambda_live/|/awslambdaric/")
_LOGGED_ERROR = re.compile(
    r"\[ERROR\] (?:[0-9T:.Z-]+\s+\S+\s+)?"
    r"(?P<type>[A-Za-z_.][A-Za-z0-9_.]*): (?P<message>[^\r\n]*)"
)
_TIMEOUT = "Sandbox.Timedout"
_LOGGED_TIMEOUT = re.compile(r"^\S+ [0-9a-f-]{36} (?P<message>Task timed out .*)$", re.MULTILINE)
_REQUEST_ID = re.compile(r"^RequestId: \S+ (?:Error: )?")
"""Prefix of AWS's messages. Without it, equal errors have equal messages."""

_UNCOMPARED_HEADERS = re.compile(
    "date|server|connection|keep-alive|transfer-encoding|content-length|via"
    "|x-amz.*|apigw-requestid|x-lambda-live.*"
)
"""Headers that differ for each response, or belong to the connection."""


@dataclass(frozen=True, slots=True)
class CheckError:
    """
    The error of an invocation or of loading the code.

    `file` is relative to the project. `advice` says what to do, if that is known.
    """

    type: str
    message: str
    file: str | None = None
    line: int | None = None
    advice: str | None = None

    @classmethod
    def from_json(cls, value: dict[str, Any] | None) -> Self | None:
        """Return the error, or None for null."""
        return None if value is None else cls(**value)


@dataclass(frozen=True, slots=True)
class InvocationLog:
    """What the function wrote, and the durations of AWS's REPORT line."""

    lines: Sequence[str]
    duration_ms: float | None
    init_ms: float | None


def parse_response(headers: str, body: bytes) -> HttpResponse:
    """Return a response from what `curl --dump-header` wrote. Interim responses are skipped."""
    heads = [head for head in headers.split("\r\n\r\n") if head.startswith("HTTP/")] or [""]
    first, *lines = heads[-1].split("\r\n")
    pairs = (line.partition(":") for line in lines)
    fields = first.split(" ")
    status = int(fields[1]) if len(fields) > 1 and fields[1].isdecimal() else 0
    return HttpResponse(
        status, [(name, value.removeprefix(" ")) for name, colon, value in pairs if colon], body
    )


def payload_of(response: HttpResponse) -> Any:
    """Return the payload of an Invoke API response: a JSON value, else the text."""
    return parse_json(response.text)


def http_payload_of(response: HttpResponse) -> dict[str, Any]:
    """Return what a check shows of an HTTP response."""
    names = dict.fromkeys(name.lower() for name, _ in response.headers)
    headers = {name: response.header(name) for name in names if not _UNCOMPARED_HEADERS.match(name)}
    text = response.text.rstrip("\n")
    structure = json_structure(text)
    return {
        "status": response.status,
        "headers": headers,
        "body": text if structure is None else structure,
    }


def request_id_of(response: HttpResponse) -> str | None:
    """Return the request ID, which API Gateway puts into a header of its own."""
    return response.header("x-amzn-requestid") or response.header("apigw-requestid")


def error_of(
    response: HttpResponse, payload: Any, log: InvocationLog, projects: Sequence[str]
) -> CheckError | None:
    """
    Return the error that an Invoke API response reports, of the function or of the service.

    AWS's emulator sets no header for it, so an error is also recognised by its payload. Where a
    timeout stopped the code is in the log only.
    """
    is_object = isinstance(payload, dict)
    has_error = is_object and "errorType" in payload and "errorMessage" in payload
    if response.header("x-amz-function-error") or (response.status == _OK and has_error):
        if not is_object:
            return CheckError("Error", _as_text(payload))
        error_type = str(payload.get("errorType") or "Error")
        if error_type == _TIMEOUT and (timeout := _logged_error(log.lines, projects)):
            return timeout
        file, line = _location(payload.get("stackTrace"), projects)
        without_id = _REQUEST_ID.sub("", str(payload.get("errorMessage") or ""))
        return CheckError(error_type, without_id, file, line)
    if _OK <= response.status < _FIRST_OF_REDIRECTS:
        return None
    message = payload.get("message") or payload.get("Message") if is_object else None
    service_error = response.header("x-amzn-errortype") or f"HTTP {response.status}"
    return CheckError(service_error, message or _as_text(payload))


def http_error_of(
    response: HttpResponse, log: InvocationLog, projects: Sequence[str]
) -> CheckError | None:
    """Return the function's error behind an HTTP response, which only the log contains."""
    is_gateway_error = (
        response.status == _INTERNAL_ERROR
        and response.header("apigw-requestid") is not None
        and payload_of(response) == {"message": "Internal Server Error"}
    )
    if response.status != _BAD_GATEWAY and not is_gateway_error:
        return None
    return _logged_error(log.lines, projects)


def log_of(response: HttpResponse) -> InvocationLog:
    """Return the invocation's log, empty if the response has none."""
    try:
        encoded = response.header("x-amz-log-result") or ""
        text = base64.b64decode(encoded).decode("utf-8", "replace")
    except binascii.Error:
        text = ""
    lines: list[str] = []
    metrics: dict[str, float] = {}
    report = ""
    for line in filter(None, text.split("\n")):
        record = json_structure(line) if line.startswith("{") else None
        kind = str(record.get("type")) if isinstance(record, dict) else ""
        if kind.startswith("platform."):
            metrics = _metrics(record) if kind == "platform.report" else metrics
        elif line.startswith(_PLATFORM_LINES):
            report = line if line.startswith("REPORT ") else report
        else:
            lines.append(line)
    return InvocationLog(
        lines,
        metrics.get("durationMs", _reported(report, "Duration")),
        metrics.get("initDurationMs", _reported(report, "Init Duration")),
    )


def _metrics(record: Any) -> dict[str, float]:
    found = record.get("record")
    metrics = found.get("metrics") if isinstance(found, dict) else None
    return metrics if isinstance(metrics, dict) else {}


def _reported(report: str, name: str) -> float | None:
    found = re.search(rf"\t{name}: ([0-9.]+) ms", f"\t{report}")
    return float(found[1]) if found else None


def _logged_error(lines: Iterable[str], projects: Sequence[str]) -> CheckError | None:
    """Return the error that AWS's runtime client logged last, as JSON or as text."""
    lines = list(lines)
    records = [json_structure(line) for line in lines if line.startswith("{")]
    errors = [
        record
        for record in records
        if isinstance(record, dict)
        and record.get("level") == "ERROR"
        and isinstance(record.get("errorType"), str)
    ]
    if errors:
        file, line = _location(errors[-1].get("stackTrace"), projects)
        message = errors[-1].get("errorMessage") or ""
        return CheckError(errors[-1]["errorType"], message, file, line)
    text = "\n".join(lines)
    if timeout := _LOGGED_TIMEOUT.search(text):
        frames = [each[0] for each in _FRAME.finditer(text, timeout.end())]
        return CheckError(_TIMEOUT, timeout["message"], *_location(frames, projects))
    start = text.rfind("[ERROR] ")
    if start < 0:
        return None
    text = text[start:]
    found = _LOGGED_ERROR.match(text)
    file, line = _location([each[0] for each in _FRAME.finditer(text)], projects)
    if found is None:
        return CheckError("Error", text, file, line)
    return CheckError(found["type"], found["message"], file, line)


def _location(trace: Any, projects: Sequence[str]) -> tuple[str | None, int | None]:
    """Return the innermost frame of the function's own code, else the innermost of all."""
    entries = trace if isinstance(trace, list) else []
    frames = [found for each in entries if isinstance(each, str) and (found := _FRAME.search(each))]
    if not frames:
        return None, None
    own = [frame for frame in frames if not _OTHERS_CODE.search(frame["file"])]
    frame = (own or frames)[-1]
    file = frame["file"]
    for project in (*projects, "/var/task"):
        file = file.removeprefix(f"{project}/")
    return file, int(frame["line"])


def _as_text(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
