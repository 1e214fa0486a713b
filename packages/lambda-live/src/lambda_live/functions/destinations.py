"""
Where it is told what became of an event: another function of this service, or a file.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-dlq.html
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from lambda_live.functions.async_invocations import AsyncOutcome
from lambda_live.functions.stopping import ServiceStoppingError
from lambda_live.model.invocation import Invocation

RECORDS_FILE = ".cache/destinations.jsonl"
"""In the project's folder, one object a line: the destination's ARN, and what it would get."""


class _Target(Protocol):
    def enqueue_event(self, invocation: Invocation) -> None:
        """Accept an event."""


class Destinations:
    """Tells each destination of an event that has ended."""

    def __init__(self, find: Callable[[str], _Target | None], log: Callable[..., None]) -> None:
        """`find` knows the functions that are here by their ARNs."""
        self._find = find
        self._log = log

    def deliver(self, ended: AsyncOutcome) -> None:
        """Tell of success, or of failure, or of neither."""
        settings = ended.configuration.event_invoke_config
        success = ended.condition == "Success"
        destination = settings.on_success if success else settings.on_failure
        if destination is not None:
            self._record(ended, destination)
        if settings.dead_letter is not None and not success:
            self._write(ended, settings.dead_letter, _dead_letter(ended))

    def _record(self, ended: AsyncOutcome, destination: str) -> None:
        record = _record(ended)
        target = self._find(destination)
        try:
            if target is not None:
                call = f"{ended.condition} of {ended.configuration.name}"
                target.enqueue_event(Invocation(json.dumps(record).encode(), label=call))
                return
        except ServiceStoppingError:
            pass  # then it is in the file
        self._write(ended, destination, {"record": record})

    def _write(self, ended: AsyncOutcome, destination: str, what: dict[str, Any]) -> None:
        file = ended.configuration.project / RECORDS_FILE
        line = json.dumps({"destination": destination, **what}, ensure_ascii=False)
        try:
            _append(file, f"{line}\n")
        except OSError as error:
            self._log(f"{file} cannot be written: {error.strerror}", "ERROR", record=line)
            return
        kind = destination.rpartition(":")[2]
        self._log(f"{ended.condition}: what {kind} would get is in {file}")


def _append(file: Path, line: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8", errors="replace") as lines:
        lines.write(line)


def _record(ended: AsyncOutcome) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": now,
        "requestContext": {
            "requestId": ended.invocation.request_id,
            "functionArn": f"{ended.configuration.arn}:$LATEST",
            "condition": ended.condition,
            "approximateInvokeCount": ended.attempts,
        },
        "requestPayload": _json(ended.invocation.payload),
    }
    if ended.result is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
        if ended.result.error_type is not None:
            context["functionError"] = "Unhandled"
        record |= {"responseContext": context, "responsePayload": _json(ended.result.payload)}
    return record


def _dead_letter(ended: AsyncOutcome) -> dict[str, Any]:
    error = _json(ended.result.payload) if ended.result else None
    message = error.get("errorMessage") if isinstance(error, dict) else None
    attributes = {
        "RequestID": ended.invocation.request_id,
        "ErrorCode": "200" if ended.result else "429",
        "ErrorMessage": message or ended.condition,
    }
    return {"attributes": attributes, "body": _json(ended.invocation.payload)}


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload.decode("utf-8", "replace")
