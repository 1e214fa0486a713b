"""The admin port: readiness, metrics, the web page, and the terminal's stream."""

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.functions.request_queue import ServiceStoppingError, ThrottledError
from lambda_live.http.asgi import App, Receive, Response, Scope, Send, header, send
from lambda_live.http.aws_errors import json_response

if TYPE_CHECKING:
    from lambda_live.events.event_sources import EventSources


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
        except (ThrottledError, ServiceStoppingError, ValueError) as error:
            message = str(error) or "the function accepts no event now"
            return json_response({"message": message}, 503)
        return json_response({"fired": name})

    def _ready(self) -> Response:
        is_ready = self._functions.is_loaded
        code = {each.configuration.name: each.code_version.code_sha256 for each in self._functions}
        default = self._functions.default.code_version.code_sha256
        state: dict[str, object] = {"ready": is_ready, "code_sha256": default}
        if len(code) > 1:
            state["functions"] = code
        return json_response(state, 200 if is_ready else 503)
