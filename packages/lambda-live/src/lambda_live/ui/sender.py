"""Sending what a person wrote on the page, or what is in `events/`; and what was expected of it."""

import asyncio
from typing import Any

from lambda_live.checks.comparison import fill_json_text, json_text_matches
from lambda_live.checks.event_files import EventFiles
from lambda_live.checks.expected_response import HttpMessage
from lambda_live.checks.http_file import HttpRequest, HttpResponse, parse_request
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES, Invocation
from lambda_live.model.strict_json import validate
from lambda_live.ui.errors import ApiError
from lambda_live.ui.runner import invoke
from lambda_live.ui.state import UiState
from lambda_live.ui.truncated import truncate

_SOURCE = "page"
_MAX_LABEL_LENGTH = 200
_SERVICE_HEADER_PREFIXES = ("x-amz", "apigw-requestid", "x-lambda-live")


class Sender:
    """
    Sends events by the Invoke API's way, and requests to the function's URL.

    The answer has `asExpected` if it was an unchanged one of `events/`, and then what is to be
    shown side by side: `expected`, and of a request `answered`.
    """

    def __init__(self, state: UiState) -> None:
        self._state = state

    async def send_event(self, body: dict[str, Any]) -> dict[str, object]:
        """Invoke a function with an event. Raises RefusedError, NotRunError."""
        event, function = _string_fields(body, "event", "function")
        payload = event.encode("utf-8", "replace")
        _check_size("The event", payload)
        try:
            validate(payload)
        except ValueError as error:
            raise ApiError(400, f"The event is not JSON: {error}") from error
        call = str(body.get("call") or "Send")[:_MAX_LABEL_LENGTH]
        invocation = Invocation(payload, label=call, client=_SOURCE)
        row = await invoke(self._state.functions, self._state.history, function, invocation)
        shown = self._state.invocation_detail(row)
        expected = _expected(self._state.event_files(function), body)
        if expected is None or row.response.is_truncated:
            return shown | {"asExpected": None}
        answer = row.response.text
        return shown | {
            "asExpected": json_text_matches(expected, answer),
            "expected": fill_json_text(expected, answer),
        }

    async def send_request(self, body: dict[str, Any]) -> dict[str, object]:
        """Send a request, as a `.http` file has it, to a function's URL. Raises RefusedError."""
        text, function = _string_fields(body, "request", "function")
        examples = self._state.event_files(function)
        answer = await self._send(
            _parse_request(text, examples), function, str(body.get("example") or "")
        )
        request_id = answer.header("x-amzn-requestid") or answer.header("apigw-requestid")
        row = self._state.history.find_request(request_id or "")
        told: dict[str, object] = {
            "row": None if row is None else self._state.invocation_detail(row),
            "http": _response_json(answer),
            "asExpected": None,
        }
        expected = _expected(examples, body)
        if expected is None:
            return told
        want = HttpMessage.parse(expected)
        got = HttpMessage.from_response(answer, want)
        sides = {"expected": str(want.fill_placeholders(got)), "answered": str(got)}
        return told | {"asExpected": want.matches(answer)} | sides

    async def _send(self, request: HttpRequest, function: str, name: str) -> HttpResponse:
        own = {"X-Lambda-Live-Source": _SOURCE}
        own |= {"X-Lambda-Live-Event": name[:_MAX_LABEL_LENGTH]} if name else {}
        own |= self._state.functions.host_headers(function, self._state.local_url)
        try:
            return await asyncio.to_thread(request.send, self._state.local_url, **own)
        except ValueError as error:
            raise ApiError(400, f"It is no request: {error}") from error
        except OSError as error:
            raise ApiError(409, f"It was not answered: {error}") from error


def _string_fields(body: dict[str, Any], *names: str) -> list[str]:
    values = [body.get(name) for name in names]
    found = [value for value in values if isinstance(value, str)]
    if len(found) < len(names):
        raise ApiError(400, f"{' and '.join(names)} are strings.")
    return found


def _parse_request(text: str, examples: EventFiles) -> HttpRequest:
    try:
        request = parse_request(text, examples.folder, examples.project)
    except OSError as error:
        raise ApiError(400, f"Its body can't be read: {error}") from error
    except ValueError as error:
        raise ApiError(400, f"It is no request: {error}") from error
    _check_size("Its body", request.body)
    return request


def _check_size(what: str, content: bytes) -> None:
    if len(content) > MAX_SYNC_PAYLOAD_BYTES:
        raise ApiError(
            413, f"{what} has {len(content)} bytes, and {MAX_SYNC_PAYLOAD_BYTES} may be sent."
        )


def _expected(examples: EventFiles, body: dict[str, Any]) -> str | None:
    found = examples.get(str(body.get("example") or ""))
    return None if found is None else found[1]


def _response_json(answer: HttpResponse) -> dict[str, object]:
    headers = [
        pair for pair in answer.headers if not pair[0].lower().startswith(_SERVICE_HEADER_PREFIXES)
    ]
    return {"status": answer.status, "headers": headers, "body": truncate(answer.body).to_json()}
