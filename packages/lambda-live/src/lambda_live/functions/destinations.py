"""
Records of finished asynchronous invocations: OnSuccess, OnFailure and dead-letter queues.

A destination that is a function of this service is invoked. A queue, a topic or a bus of the
template gets the record in the local emulator. Every other record is written to a file.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-dlq.html
"""

import json
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from lambda_live.functions.async_invocations import AsyncOutcome
from lambda_live.functions.function import Function
from lambda_live.functions.request_queue import NotInvokedError
from lambda_live.model.function import LATEST, split_qualifier
from lambda_live.model.invocation import Invocation, continue_trace

RECORDS_FILE = ".cache/destinations.jsonl"
"""In the project's folder, one JSON object a line: the destination's ARN and the record."""


class LocalAws(Protocol):
    """AWS's other services on this machine."""

    @property
    def url(self) -> str:
        """The emulator's URL; empty without one."""

    def send(
        self, arn: str, text: str, attributes: Mapping[str, str]
    ) -> Coroutine[None, None, str | None]:
        """Send a text to a queue, topic, event bus or bucket; return why that failed, or None."""


class Destinations:
    """Delivers the record of each outcome to its destination."""

    def __init__(
        self,
        find_function: Callable[[str], Function | None],
        log: Callable[..., None],
        aws: LocalAws | None = None,
    ) -> None:
        """`find_function` returns the function of an ARN, if this service has it."""
        self._find_function = find_function
        self._log = log
        self._aws = aws

    async def deliver(self, outcome: AsyncOutcome) -> None:
        """Deliver the record to OnSuccess, or to OnFailure and the dead-letter queue."""
        config = outcome.configuration.event_invoke_config
        is_success = outcome.condition == "Success"
        destination = config.on_success if is_success else config.on_failure
        if destination is not None:
            await self._send(outcome, destination)
        if config.dead_letter is not None and not is_success:
            await self._send_outside(outcome, config.dead_letter, _dead_letter(outcome))

    async def _send(self, outcome: AsyncOutcome, destination: str) -> None:
        record = _record(outcome)
        target = self._find_function(destination)
        try:
            if target is not None:
                label = f"{outcome.condition} of {outcome.configuration.name}"
                _, qualifier = split_qualifier(destination)
                trace = continue_trace(outcome.invocation.trace_id)
                payload = json.dumps(record).encode()
                target.enqueue_event(
                    Invocation(payload, qualifier=qualifier, label=label, trace_id=trace)
                )
                return
        except NotInvokedError:
            pass  # the file gets it
        await self._send_outside(outcome, destination, {"record": record})

    async def _send_outside(
        self, outcome: AsyncOutcome, destination: str, members: dict[str, Any]
    ) -> None:
        """Send a record to a queue, topic or bus; write it to the file if there is none."""
        problem = None
        if self._aws is not None and self._aws.url:
            text = json.dumps(members["record"] if "record" in members else members["body"])
            problem = await self._aws.send(destination, text, members.get("attributes", {}))
            if problem is None:
                return
        self._write(outcome, destination, members)
        if problem is not None:
            place, function = outcome.configuration.handler_place, outcome.configuration.name
            message = f"{function} cannot send to {destination}: {problem}"
            self._log(f"{place}: {message}" if place else message, "ERROR")

    def _write(self, outcome: AsyncOutcome, destination: str, members: dict[str, Any]) -> None:
        file = outcome.configuration.project / RECORDS_FILE
        line = json.dumps({"destination": destination, **members}, ensure_ascii=False)
        try:
            _append(file, f"{line}\n")
        except OSError as error:
            self._log(f"cannot write {file}: {error.strerror}", "ERROR", record=line)
            return
        name = destination.rpartition(":")[2]
        self._log(f"{outcome.condition}: the record for {name} was written to {file}")


def _append(file: Path, line: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8", errors="replace") as lines:
        lines.write(line)


def _record(outcome: AsyncOutcome) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    qualifier = outcome.invocation.qualifier or LATEST
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": now,
        "requestContext": {
            "requestId": outcome.invocation.request_id,
            "functionArn": f"{outcome.configuration.arn}:{qualifier}",
            "condition": outcome.condition,
            "approximateInvokeCount": outcome.attempts,
        },
        "requestPayload": json_or_text(outcome.invocation.payload),
    }
    if outcome.result is not None:
        version = outcome.configuration.version_of(qualifier)
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": version}
        if outcome.result.error_type is not None:
            context["functionError"] = "Unhandled"
        record |= {
            "responseContext": context,
            "responsePayload": json_or_text(outcome.result.payload),
        }
    return record


def _dead_letter(outcome: AsyncOutcome) -> dict[str, Any]:
    error = json_or_text(outcome.result.payload) if outcome.result else None
    message = error.get("errorMessage") if isinstance(error, dict) else None
    attributes = {
        "RequestID": outcome.invocation.request_id,
        "ErrorCode": "200" if outcome.result else "429",
        "ErrorMessage": message or outcome.condition,
    }
    return {"attributes": attributes, "body": json_or_text(outcome.invocation.payload)}


def json_or_text(payload: bytes) -> Any:
    """Return the JSON value of a payload, or else its text."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload.decode("utf-8", "replace")
