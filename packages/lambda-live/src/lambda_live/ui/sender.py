"""Sending what a person wrote on the page, or what is in `events/`; and what was expected of it."""

import asyncio
from typing import Any

from lambda_live.checks.event_files import EventFiles
from lambda_live.checks.expected_response import HttpMessage
from lambda_live.checks.http_file import HttpRequest, HttpResponse, parse_request
from lambda_live.checks.placeholders import fill_json_text, json_text_matches
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES, Invocation
from lambda_live.model.strict_json import validate
from lambda_live.ui.errors import RefusedError
from lambda_live.ui.runner import run
from lambda_live.ui.state import Desk
from lambda_live.ui.truncated import keep

_SOURCE = "page"
_LONGEST_CALL = 200
_OF_THE_SERVICE = ("x-amz", "apigw-requestid", "x-lambda-live")


class Sending:
    """
    Sends events by the Invoke API's way, and requests to the function's URL.

    The answer has `asExpected` if it was an unchanged one of `events/`, and then what is to be
    shown side by side: `expected`, and of a request `answered`.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def event(self, body: dict[str, Any]) -> dict[str, object]:
        """Invoke a function with an event. Raises RefusedError, NotRunError."""
        event, function = _strings(body, "event", "function")
        payload = event.encode("utf-8", "replace")
        _refuse_large("The event", payload)
        try:
            validate(payload)
        except ValueError as error:
            raise RefusedError(400, f"The event is not JSON: {error}") from error
        call = str(body.get("call") or "Send")[:_LONGEST_CALL]
        invocation = Invocation(payload, label=call, client=_SOURCE)
        row = await run(self._desk.functions, self._desk.journal, function, invocation)
        shown = self._desk.shown(row)
        expected = _expected(self._desk.examples(function), body)
        if expected is None or row.answer.cut:
            return shown | {"asExpected": None}
        answer = row.answer.text
        return shown | {
            "asExpected": json_text_matches(expected, answer),
            "expected": fill_json_text(expected, answer),
        }

    async def request(self, body: dict[str, Any]) -> dict[str, object]:
        """Send a request, as a `.http` file has it, to a function's URL. Raises RefusedError."""
        text, function = _strings(body, "request", "function")
        examples = self._desk.examples(function)
        answer = await self._sent(_read(text, examples), function, str(body.get("example") or ""))
        request_id = answer.header("x-amzn-requestid") or answer.header("apigw-requestid")
        row = self._desk.journal.of_request(request_id or "")
        told: dict[str, object] = {
            "row": None if row is None else self._desk.shown(row),
            "http": _http(answer),
            "asExpected": None,
        }
        expected = _expected(examples, body)
        if expected is None:
            return told
        want = HttpMessage.parse(expected)
        got = HttpMessage.from_response(answer, want)
        sides = {"expected": str(want.fill_placeholders(got)), "answered": str(got)}
        return told | {"asExpected": got.matches(want)} | sides

    async def _sent(self, request: HttpRequest, function: str, name: str) -> HttpResponse:
        own = {"X-Lambda-Live-Source": _SOURCE}
        own |= {"X-Lambda-Live-Event": name[:_LONGEST_CALL]} if name else {}
        own |= self._desk.functions.host_headers(function, self._desk.own_url)
        try:
            return await asyncio.to_thread(request.send, self._desk.own_url, **own)
        except ValueError as error:
            raise RefusedError(400, f"It is no request: {error}") from error
        except OSError as error:
            raise RefusedError(409, f"It was not answered: {error}") from error


def _strings(body: dict[str, Any], *names: str) -> list[str]:
    values = [body.get(name) for name in names]
    found = [value for value in values if isinstance(value, str)]
    if len(found) < len(names):
        raise RefusedError(400, f"{' and '.join(names)} are strings.")
    return found


def _read(text: str, examples: EventFiles) -> HttpRequest:
    try:
        request = parse_request(text, examples.folder, examples.project)
    except OSError as error:
        raise RefusedError(400, f"Its body can't be read: {error}") from error
    except ValueError as error:
        raise RefusedError(400, f"It is no request: {error}") from error
    _refuse_large("Its body", request.body)
    return request


def _refuse_large(what: str, content: bytes) -> None:
    if len(content) > MAX_SYNC_PAYLOAD_BYTES:
        raise RefusedError(
            413, f"{what} has {len(content)} bytes, and {MAX_SYNC_PAYLOAD_BYTES} may be sent."
        )


def _expected(examples: EventFiles, body: dict[str, Any]) -> str | None:
    found = examples.get(str(body.get("example") or ""))
    return None if found is None else found[1]


def _http(answer: HttpResponse) -> dict[str, object]:
    headers = [pair for pair in answer.headers if not pair[0].lower().startswith(_OF_THE_SERVICE)]
    return {"status": answer.status, "headers": headers, "body": keep(answer.body).to_json()}
