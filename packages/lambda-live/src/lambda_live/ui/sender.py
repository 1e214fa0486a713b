"""Send an event of the page or an event file, and compare the response with the expected one."""

import asyncio
from typing import Any

from lambda_live.checks.comparison import fill_json_text, json_text_matches
from lambda_live.checks.event_files import EventFiles
from lambda_live.checks.expected_response import HttpMessage
from lambda_live.checks.http_file import HttpRequest, HttpResponse, parse_request
from lambda_live.http.invoke_api import MAX_TENANT_ID_CHARACTERS, TENANT_ID
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES, Invocation
from lambda_live.model.strict_json import validate
from lambda_live.ui.rows import truncate
from lambda_live.ui.runner import UI_CLIENT, ApiError, invoke
from lambda_live.ui.state import UiState

_MAX_LABEL_LENGTH = 200
_SERVICE_HEADER_PREFIXES = ("x-amz", "apigw-requestid", "x-lambda-live")


class Sender:
    """
    Sends events through the Invoke API, and HTTP requests to a function's URL.

    If the page sends an unchanged event file, the result has `matchesExpected` and both sides of
    the comparison: `expected`, and for HTTP requests `actual`.
    """

    def __init__(self, state: UiState) -> None:
        self._state = state

    async def send_event(self, body: dict[str, Any]) -> dict[str, object]:
        """Invoke a function with an event. Raises ApiError."""
        event, function = _string_fields(body, "event", "function")
        payload = event.encode("utf-8", "replace")
        _check_size("Event", payload)
        try:
            validate(payload)
        except ValueError as error:
            raise ApiError(400, f"The event is not valid JSON: {error}") from error
        label = str(body.get("label") or "Send")[:_MAX_LABEL_LENGTH]
        tenant = str(body.get("tenantId") or "") or None
        if tenant and (
            len(tenant) > MAX_TENANT_ID_CHARACTERS or TENANT_ID.fullmatch(tenant) is None
        ):
            allowed = f"up to {MAX_TENANT_ID_CHARACTERS} letters, digits, spaces and ._:/=+-@"
            raise ApiError(400, f"Invalid tenant id {tenant!r}. Use {allowed}.")
        invocation = Invocation(payload, label=label, client=UI_CLIENT, tenant_id=tenant)
        row = await invoke(self._state.functions, self._state.history, function, invocation)
        detail = row.detail()
        expected = _expected_text(self._state.event_files(function), body)
        if expected is None or row.response.is_truncated:
            return detail | {"matchesExpected": None}
        response = row.response.text
        return detail | {
            "matchesExpected": json_text_matches(expected, response),
            "expected": fill_json_text(expected, response),
        }

    async def send_request(self, body: dict[str, Any]) -> dict[str, object]:
        """Send a request, written as in a `.http` file, to a function's URL. Raises ApiError."""
        text, function = _string_fields(body, "request", "function")
        event_files = self._state.event_files(function)
        request, name = _parse(text, event_files), str(body.get("eventFile") or "")
        response = await self._send(request, function, name)
        request_id = response.header("x-amzn-requestid") or response.header("apigw-requestid")
        row = self._state.history.find_request(request_id or "")
        sent: dict[str, object] = {
            "row": None if row is None else row.detail(),
            "response": _response_json(response),
            "matchesExpected": None,
        }
        expected = _expected_text(event_files, body)
        if expected is None:
            return sent
        want = HttpMessage.parse(expected)
        got = HttpMessage.from_response(response, want)
        sides = {"expected": str(want.fill_placeholders(got)), "actual": str(got)}
        return sent | {"matchesExpected": want.matches(response)} | sides

    async def _send(self, request: HttpRequest, function: str, name: str) -> HttpResponse:
        headers = {"X-Lambda-Live-Source": UI_CLIENT}
        headers |= {"X-Lambda-Live-Event": name[:_MAX_LABEL_LENGTH]} if name else {}
        headers |= self._state.functions.host_headers(function, self._state.local_url)
        try:
            return await asyncio.to_thread(request.send, self._state.local_url, **headers)
        except ValueError as error:
            raise ApiError(400, f"Not a valid HTTP request: {error}") from error
        except OSError as error:
            raise ApiError(409, f"No response: {error}") from error


def _string_fields(body: dict[str, Any], *names: str) -> list[str]:
    values = [body.get(name) for name in names]
    found = [value for value in values if isinstance(value, str)]
    if len(found) < len(names):
        raise ApiError(400, f"{' and '.join(names)} must be strings.")
    return found


def _parse(text: str, event_files: EventFiles) -> HttpRequest:
    try:
        request = parse_request(text, event_files.folder, event_files.project)
    except OSError as error:
        raise ApiError(400, f"Cannot read the file of the request's body: {error}") from error
    except ValueError as error:
        raise ApiError(400, f"Not a valid HTTP request: {error}") from error
    _check_size("Request body", request.body)
    return request


def _check_size(subject: str, content: bytes) -> None:
    size, limit = len(content), MAX_SYNC_PAYLOAD_BYTES
    if size > limit:
        raise ApiError(413, f"{subject} too large ({size:,} bytes; limit {limit:,}).")


def _expected_text(event_files: EventFiles, body: dict[str, Any]) -> str | None:
    found = event_files.get(str(body.get("eventFile") or ""))
    return None if found is None else found[1]


def _response_json(response: HttpResponse) -> dict[str, object]:
    headers = [
        (name, value)
        for name, value in response.headers
        if not name.lower().startswith(_SERVICE_HEADER_PREFIXES)
    ]
    return {
        "status": response.status,
        "headers": headers,
        "body": truncate(response.body).to_json(),
    }
