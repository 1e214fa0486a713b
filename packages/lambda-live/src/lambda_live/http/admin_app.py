"""The admin port: readiness, metrics, the web page, and the terminal's stream."""

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.functions.request_queue import NotInvokedError
from lambda_live.http.asgi import App, Receive, Response, Scope, Send, header, read_body, send
from lambda_live.http.aws_errors import json_response
from lambda_live.model.strict_json import loads

if TYPE_CHECKING:
    from lambda_live.events.event_sources import EventSources

_MAX_RESPONSE_BYTES = 2**20
"""AWS accepts 4 KB from a custom resource."""


class AdminApp:
    """The ASGI application of the admin port."""

    def __init__(
        self,
        functions: FunctionRegistry,
        registry: CollectorRegistry,
        page: App,
        terminal: App,
        aws: "EventSources | None" = None,
    ) -> None:
        self._aws = aws
        self._functions = functions
        self._registry = registry
        self._page = page
        self._terminal = terminal

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        """Serve one request."""
        match scope["path"]:
            case "/metrics":
                # OpenMetrics, if accepted: it has creation times, so a counter's first value counts
                encode, content_type = choose_encoder(header(scope, b"accept") or "")
                body = encode(self._registry)
                response = Response(200, body, [("Content-Type", content_type)])
            case "/ready":
                response = self._ready()
            case "/terminal":
                await self._terminal(scope, receive, send_message)
                return
            case path if path.startswith("/schedules/") and scope["method"] == "POST":
                response = await self._fire(path.removeprefix("/schedules/").removesuffix("/fire"))
            case path if path.startswith("/custom-resources/") and scope["method"] == "PUT":
                body = await read_body(scope, receive, _MAX_RESPONSE_BYTES)
                response = self._receive(path.removeprefix("/custom-resources/"), body)
            case "/resources/reset" if scope["method"] == "POST":
                response = await self._reset()
            case _:
                await self._page(scope, receive, send_message)
                return
        await send(response, send_message)

    async def _fire(self, name: str) -> Response:
        """Fire a schedule now."""
        schedules = self._aws.schedules if self._aws is not None else {}
        if name not in schedules:
            known = ", ".join(schedules) or "none"
            return json_response({"message": f"no schedule {name}; there are: {known}"}, 404)
        try:
            await schedules[name].fire()
        except (NotInvokedError, ValueError) as error:
            return json_response({"message": str(error)}, 503)
        return json_response({"fired": name})

    def _receive(self, request_id: str, body: bytes) -> Response:
        """Accept the response of a custom resource."""
        try:
            found = loads(body)
        except ValueError:
            found = None
        if self._aws is None or not isinstance(found, dict):
            return json_response({"message": "the body must be a JSON object"}, 400)
        is_accepted = self._aws.custom_resources.receive(request_id, found)
        return json_response({}, 200 if is_accepted else 404)

    async def _reset(self) -> Response:
        """Delete all data, and create the resources again."""
        if self._aws is None:
            return json_response({"message": "the template needs no AWS resources"}, 409)
        try:
            await self._aws.reset()
        except (ValueError, OSError) as error:
            return json_response({"message": str(error)}, 409)
        return json_response({})

    def _ready(self) -> Response:
        is_ready = self._functions.is_loaded
        code = {each.configuration.name: each.code_version.code_sha256 for each in self._functions}
        default = self._functions.default.code_version.code_sha256
        state: dict[str, object] = {"ready": is_ready, "code_sha256": default}
        if len(code) > 1:
            state["functions"] = code
        return json_response(state, 200 if is_ready else 503)
