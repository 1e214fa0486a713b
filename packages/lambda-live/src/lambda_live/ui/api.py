"""The page's JSON API on the admin port."""

import base64
import io
import re
import zipfile
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from lambda_live.checks.event_files import SaveError
from lambda_live.http.asgi import BodyTooLargeError, Receive, Scope, header, media_type, read_body
from lambda_live.http.caller_policy import OTHER_USER, is_of_other_user
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES
from lambda_live.model.strict_json import loads
from lambda_live.ui.resources_view import ResourcesView
from lambda_live.ui.rows import ChecksRow, InvocationRow, Part, Row
from lambda_live.ui.runner import UI_CLIENT, ApiError, rerun
from lambda_live.ui.sender import Sender
from lambda_live.ui.snippets import json_text
from lambda_live.ui.state import UiState

_MAX_BODY_BYTES = 2 * MAX_SYNC_PAYLOAD_BYTES
"""An event is longer when it is quoted as a JSON string."""


_IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
"""Images that the page shows, by their first bytes. SVG is missing: it can contain scripts."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the browser saves, or an image that the page shows."""

    content: bytes
    media_type: str = "application/octet-stream"
    name: str = ""


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
        if scope["method"] != "GET" and not _is_invocation(path) and is_of_other_user(scope):
            raise ApiError(403, OTHER_USER)
        match scope["method"]:
            case "GET":
                return await self._handle_get(path, query)
            case "POST" | "PUT":
                return await self._handle_write(path, await _read_json_body(scope, receive))
            case "DELETE":
                return self._unpin(path)
        raise ApiError(405, "Method not allowed")

    async def _handle_get(self, path: list[str], query: dict[str, str]) -> Any:
        function = query.get("function", "")
        match path:
            case ["rows", row_id]:
                return self._state.detail(self._row(row_id, Row))
            case ["rows", row_id, part]:
                return await self._part(self._row(row_id, InvocationRow), part, query)
            case ["pins", pin_id]:
                return self._pin(pin_id)
            case ["resources", *rest]:
                return await self._resource(rest, query)
            case ["events", *name]:
                return self._event_file(function, name)
            case [collection]:
                return self._collection(collection, function, query.get("q", ""))
        raise ApiError(404, "Not found")

    @property
    def _resources(self) -> ResourcesView:
        if self._state.resources is None:
            raise ApiError(404, "The template has no resources.")
        return self._state.resources

    async def _resource(self, path: list[str], query: dict[str, str]) -> Any:
        match path:
            case []:
                return await self._resources.overview()
            case ["bucket", name] if key := query.get("key"):
                content = await self._resources.download(name, key)
                safe = re.sub(r"[^\w.-]", "_", key.rpartition("/")[2], flags=re.ASCII)
                return Download(content, name=safe or "object")
            case [kind, name]:
                return await self._resources.contents(kind, name)
        raise ApiError(404, "Not found")

    def _collection(self, name: str, function: str, text: str) -> Any:
        match name:
            case "rows":
                return [row.summary() for row in self._state.history]
            case "search":
                return self._state.search(text)
            case "functions":
                return self._state.function_details()
            case "samples":
                return self._state.samples(function)
        raise ApiError(404, "Not found")

    async def _part(self, row: InvocationRow, name: str, query: dict[str, str]) -> Any:
        """Return a part of an invocation that the page loads when it shows that part."""
        match name:
            case "event" | "response" | "log":
                return await self._body(row, name)
            case "snippets":
                return await self._state.snippets(row)
            case "export":
                return await self._export(row, query.get("name", ""))
            case "content":
                return await self._content(row)
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
            case ["checks"]:
                state.run_checks()
                return {}
            case ["resources", kind, name]:
                return await self._resources.add(kind, name, body)
            case ["rows", row_id, action]:
                return await self._act(row_id, action, body)
        raise ApiError(404, "Not found")

    async def _act(self, row_id: str, action: str, body: dict[str, Any]) -> Any:
        """Do what a button of a row does."""
        state = self._state
        match action:
            case "rerun":
                row = self._row(row_id, InvocationRow)
                return (await rerun(state.functions, state.history, row, UI_CLIENT)).detail()
            case "pin":
                return self._pin_row(self._row(row_id, InvocationRow))
            case "save-as-check":
                name = str(body.get("name", ""))
                return await self._save_as_check(self._row(row_id, InvocationRow), name)
            case "accept":
                state.accept_responses(self._row(row_id, ChecksRow))
                return {}
        raise ApiError(404, "Not found")

    def _row[R: Row](self, row_id: str, kind: type[R]) -> R:
        row = self._state.history.get(_parse_id(row_id))
        if not isinstance(row, kind):
            raise ApiError(404, "This entry is no longer in the history.")
        return row

    async def _body(self, row: InvocationRow, part: Part) -> Download:
        """Return a whole body as a file."""
        content = await self._state.whole_body(row, part)
        suffix = "txt" if part == "log" else "json"
        return Download(content, name=f"{part}-{row.request_id[:8]}.{suffix}")

    async def _content(self, row: InvocationRow) -> Download:
        """Return the decoded body of a binary HTTP response, as an image if it is one."""
        try:
            value = loads(await self._state.whole_body(row, "response"))
            content = base64.b64decode(value["body"], validate=True)
        except (ValueError, TypeError, LookupError) as error:
            raise ApiError(409, "This response has no binary body.") from error
        is_webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
        image = "image/webp" if is_webp else None
        found = (kind for start, kind in _IMAGES.items() if content.startswith(start))
        if media_type := image or next(found, None):
            return Download(content, media_type)
        return Download(content, name=f"response-{row.request_id[:8]}.bin")

    async def _export(self, row: InvocationRow, name: str) -> Download:
        """Return an archive with the event and its expected response, to unpack in the project."""
        files = await self._check_files(row, name or f"event_{row.request_id[:8]}")
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
            for path, text in files:
                written.writestr(path, text)
        return Download(archive.getvalue(), "application/zip", f"event-{row.request_id[:8]}.zip")

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

    async def _save_as_check(self, row: InvocationRow, name: str) -> dict[str, object]:
        files = await self._check_files(row, name)
        event_files = self._state.event_files(row.function)
        if event_files.writable:
            event_files.write(name, *(text for _, text in files))
        return {
            "saved": event_files.writable,
            "files": [{"path": path, "text": text} for path, text in files],
        }

    async def _check_files(self, row: InvocationRow, name: str) -> list[tuple[str, str]]:
        """Return the paths and texts of an event and its expected response. Raises ApiError."""
        if row.report.error_type is not None:
            message = f"Cannot save a failed invocation as a check: {row.message}"
            raise ApiError(409, message)
        bodies = [await self._state.whole_body(row, part) for part in ("event", "response")]
        try:
            texts = [json_text(loads(each)) for each in bodies]
        except ValueError as error:
            raise ApiError(409, f"Cannot save this invocation as a check: {error}.") from error
        return list(zip(self._state.event_files(row.function).paths_for(name), texts, strict=True))


def _is_invocation(path: list[str]) -> bool:
    """Return whether a request invokes a function, as other users of this machine may."""
    return path[0] in ("invoke", "request") or path[2:] == ["rerun"]


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
    if media_type(header(scope, b"content-type") or "") != "application/json":
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
