"""What the page asks of the service: its own JSON, on the admin port."""

import json
from typing import Any
from urllib.parse import parse_qs, unquote

from lambda_live.checks.event_files import SaveError
from lambda_live.http.asgi import (
    BodyTooLargeError,
    Receive,
    Response,
    Scope,
    header,
    read_body,
)
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES
from lambda_live.model.strict_json import loads
from lambda_live.ui.assets import SECURITY_HEADERS
from lambda_live.ui.errors import ApiError
from lambda_live.ui.rows import InvocationRow
from lambda_live.ui.runner import InvokeError, rerun
from lambda_live.ui.sender import Sender
from lambda_live.ui.state import UiState

_BODY_LIMIT = 2 * MAX_SYNC_PAYLOAD_BYTES
"""Bytes; an event is longer as a string of JSON."""

_SOURCE = "page"
_NOTHING = "There is nothing at this path."


class UiApi:
    """Answers requests below `/api/`, but for the stream."""

    def __init__(self, state: UiState) -> None:
        self._state = state
        self._sender = Sender(state)

    async def handle(self, scope: Scope, receive: Receive) -> Response:
        """Answer one request; what is refused says why. Raises DisconnectedError."""
        try:
            return _json(200, await self._route(scope, receive))
        except ApiError as error:
            return _json(error.status, {"message": str(error)})
        except (InvokeError, SaveError) as error:
            return _json(409, {"message": str(error)})

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
        raise ApiError(405, "It is GET, POST, PUT or DELETE.")

    def _handle_get(self, path: list[str], query: dict[str, str]) -> Any:
        match path:
            case ["rows"]:
                return [row.summary() for row in self._state.history]
            case ["rows", number]:
                return self._detail(number)
            case ["pins", number]:
                return self._pin(number)
            case ["search"]:
                return self._state.search(query.get("q", ""))
            case ["examples", *name]:
                return self._event_file(query.get("function", ""), name)
        raise ApiError(404, _NOTHING)

    async def _handle_write(self, what: list[str], body: dict[str, Any]) -> Any:
        match what:
            case ["invoke"]:
                return await self._sender.send_event(body)
            case ["request"]:
                return await self._sender.send_request(body)
            case ["replay"]:
                self._state.replay.set_enabled(enabled=bool(body.get("on")))
                return {"on": self._state.replay.is_enabled}
            case ["rows", number, "again"]:
                row = await rerun(
                    self._state.functions, self._state.history, self._invocation(number), _SOURCE
                )
                return self._state.invocation_detail(row)
            case ["rows", number, "pin"]:
                return self._pin_row(self._invocation(number))
            case ["rows", number, "keep"]:
                return self._save_as_check(self._invocation(number), str(body.get("name", "")))
        raise ApiError(404, _NOTHING)

    def _invocation(self, number: str) -> InvocationRow:
        row = self._state.history.get(_parse_id(number))
        if not isinstance(row, InvocationRow):
            raise ApiError(404, "This invocation is not kept any more.")
        return row

    def _detail(self, number: str) -> dict[str, object]:
        row = self._state.history.get(_parse_id(number))
        if row is None:
            raise ApiError(404, "This is not kept any more.")
        return (
            self._state.invocation_detail(row) if isinstance(row, InvocationRow) else row.detail()
        )

    def _event_file(self, function: str, path: list[str]) -> Any:
        examples = self._state.event_files(function)
        if not path:
            return examples.names()
        try:
            found = examples.get(path[0])
        except ValueError as error:
            raise ApiError(413, str(error)) from error
        if found is None:
            raise ApiError(404, f"There is no event {path[0]!r}.")
        return {"name": path[0], "event": found[0], "expected": found[1]}

    def _pin_row(self, row: InvocationRow) -> dict[str, object]:
        try:
            return self._state.replay.pins.pin(row).summary()
        except ValueError as error:
            raise ApiError(409, f"It can't run again: {error}.") from error

    def _pin(self, number: str) -> dict[str, object]:
        pin = self._state.replay.pins.get(_parse_id(number))
        if pin is None:
            raise ApiError(404, "This is not pinned any more.")
        return pin.detail()

    def _unpin(self, path: list[str]) -> dict[str, object]:
        match path:
            case ["pins", number] if self._state.replay.pins.unpin(_parse_id(number)):
                return {}
        raise ApiError(404, "This is not pinned any more.")

    def _save_as_check(self, row: InvocationRow, name: str) -> dict[str, object]:
        if row.report.error_type is not None:
            raise ApiError(409, f"It failed, and is no answer to expect: {row.message}")
        try:
            event, answer = (_pretty(each.parse()) for each in (row.event, row.response))
        except ValueError as error:
            raise ApiError(409, f"It can't be a check: {error}.") from error
        examples = self._state.event_files(row.function)
        paths = examples.paths_for(name)
        if examples.writable:
            examples.write(name, event, answer)
        texts = (event, answer)
        files = [{"path": each, "text": text} for each, text in zip(paths, texts, strict=True)]
        return {"written": examples.writable, "files": files}


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _parse_id(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # it is none, or longer than Python reads
        return -1


async def _read_json_body(scope: Scope, receive: Receive) -> dict[str, Any]:
    """Return the body. Raises RefusedError, also for what a form of another site could send."""
    media_type = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ApiError(415, "What changes something is sent as application/json.")
    try:
        value = loads(await read_body(scope, receive, _BODY_LIMIT))
    except BodyTooLargeError as error:
        raise ApiError(413, f"More than {_BODY_LIMIT} bytes.") from error
    except ValueError as error:
        raise ApiError(400, f"The body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ApiError(400, "The body is a JSON object.")
    return value


def _json(status: int, value: Any) -> Response:
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status, body, [("Content-Type", "application/json"), *SECURITY_HEADERS])
