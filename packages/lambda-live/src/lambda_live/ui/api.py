"""The page's JSON API on the admin port."""

import json
from typing import Any
from urllib.parse import parse_qs, unquote

from lambda_live.checks.event_files import SaveError
from lambda_live.http.asgi import BodyTooLargeError, Receive, Scope, header, read_body
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES
from lambda_live.model.strict_json import loads
from lambda_live.ui.rows import InvocationRow
from lambda_live.ui.runner import UI_CLIENT, ApiError, rerun
from lambda_live.ui.sender import Sender
from lambda_live.ui.state import UiState

_MAX_BODY_BYTES = 2 * MAX_SYNC_PAYLOAD_BYTES
"""An event is longer when it is quoted as a JSON string."""


class UiApi:
    """Handles requests below `/api/`, except the event stream."""

    def __init__(self, state: UiState) -> None:
        self._state = state
        self._sender = Sender(state)

    async def handle(self, scope: Scope, receive: Receive) -> tuple[int, Any]:
        """Return the status and the JSON value of the response. Raises DisconnectedError."""
        try:
            return 200, await self._route(scope, receive)
        except ApiError as error:
            return error.status, {"message": str(error)}
        except SaveError as error:
            return 409, {"message": str(error)}

    async def _route(self, scope: Scope, receive: Receive) -> Any:
        path = [unquote(part) for part in scope["path"].split("/")[2:]]
        query = {
            name: values[0]
            for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()
        }
        match scope["method"]:
            case "GET":
                return self._handle_get(path, query)
            case "POST" | "PUT":
                return await self._handle_write(path, await _read_json_body(scope, receive))
            case "DELETE":
                return self._unpin(path)
        raise ApiError(405, "Method not allowed")

    def _handle_get(self, path: list[str], query: dict[str, str]) -> Any:
        match path:
            case ["rows"]:
                return [row.summary() for row in self._state.history]
            case ["rows", row_id]:
                return self._detail(row_id)
            case ["pins", pin_id]:
                return self._pin(pin_id)
            case ["search"]:
                return self._state.search(query.get("q", ""))
            case ["events", *name]:
                return self._event_file(query.get("function", ""), name)
        raise ApiError(404, "Not found")

    async def _handle_write(self, path: list[str], body: dict[str, Any]) -> Any:
        state = self._state
        match path:
            case ["invoke"]:
                return await self._sender.send_event(body)
            case ["request"]:
                return await self._sender.send_request(body)
            case ["replay"]:
                state.replay.set_enabled(enabled=bool(body.get("enabled")))
                return {"enabled": state.replay.is_enabled}
            case ["rows", row_id, "rerun"]:
                row = await rerun(
                    state.functions, state.history, self._invocation(row_id), UI_CLIENT
                )
                return state.invocation_detail(row)
            case ["rows", row_id, "pin"]:
                return self._pin_row(self._invocation(row_id))
            case ["rows", row_id, "save-as-check"]:
                return self._save_as_check(self._invocation(row_id), str(body.get("name", "")))
        raise ApiError(404, "Not found")

    def _invocation(self, row_id: str) -> InvocationRow:
        row = self._state.history.get(_parse_id(row_id))
        if not isinstance(row, InvocationRow):
            raise ApiError(404, "This invocation is no longer in the history.")
        return row

    def _detail(self, row_id: str) -> dict[str, object]:
        row = self._state.history.get(_parse_id(row_id))
        if row is None:
            raise ApiError(404, "This entry is no longer in the history.")
        if isinstance(row, InvocationRow):
            return self._state.invocation_detail(row)
        return row.detail()

    def _event_file(self, function: str, path: list[str]) -> Any:
        event_files = self._state.event_files(function)
        if not path:
            return event_files.names()
        try:
            found = event_files.get(path[0])
        except ValueError as error:
            raise ApiError(413, str(error)) from error
        if found is None:
            raise ApiError(404, f"Event file {path[0]!r} not found.")
        return {"name": path[0], "event": found[0], "expected": found[1]}

    def _pin_row(self, row: InvocationRow) -> dict[str, object]:
        try:
            return self._state.replay.pins.pin(row).summary()
        except ValueError as error:
            raise ApiError(409, f"Cannot pin this invocation: {error}.") from error

    def _pin(self, pin_id: str) -> dict[str, object]:
        pin = self._state.replay.pins.get(_parse_id(pin_id))
        if pin is None:
            raise ApiError(404, "Pin not found.")
        return pin.detail()

    def _unpin(self, path: list[str]) -> dict[str, object]:
        match path:
            case ["pins", pin_id] if self._state.replay.pins.unpin(_parse_id(pin_id)):
                return {}
        raise ApiError(404, "Pin not found.")

    def _save_as_check(self, row: InvocationRow, name: str) -> dict[str, object]:
        if row.report.error_type is not None:
            message = f"Cannot save a failed invocation as a check: {row.message}"
            raise ApiError(409, message)
        try:
            event, response = (_pretty(each.parse()) for each in (row.event, row.response))
        except ValueError as error:
            raise ApiError(409, f"Cannot save this invocation as a check: {error}.") from error
        event_files = self._state.event_files(row.function)
        paths = event_files.paths_for(name)
        if event_files.writable:
            event_files.write(name, event, response)
        texts = (event, response)
        files = [{"path": each, "text": text} for each, text in zip(paths, texts, strict=True)]
        return {"saved": event_files.writable, "files": files}


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _parse_id(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # not a number, or one with more digits than Python parses
        return -1


async def _read_json_body(scope: Scope, receive: Receive) -> dict[str, Any]:
    """
    Return the body. Raises ApiError.

    A form on another site can't send `application/json`, so no other content type is accepted.
    """
    media_type = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ApiError(415, "Content-Type must be application/json")
    try:
        value = loads(await read_body(scope, receive, _MAX_BODY_BYTES))
    except BodyTooLargeError as error:
        raise ApiError(413, f"Body too large (limit {_MAX_BODY_BYTES:,} bytes).") from error
    except ValueError as error:
        raise ApiError(400, f"Invalid JSON body: {error}") from error
    if not isinstance(value, dict):
        raise ApiError(400, "The body must be a JSON object.")
    return value
