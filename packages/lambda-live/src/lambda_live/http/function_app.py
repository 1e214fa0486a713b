"""
The function's port: AWS's API below its dates, then the routes of the template's APIs.

Every other path is the function URL's.
"""

import asyncio

from lambda_live.functions.registry import Functions
from lambda_live.functions.request_queue import ThrottledError
from lambda_live.functions.stopping import StoppingError
from lambda_live.http import id_headers
from lambda_live.http.api_gateway import Api
from lambda_live.http.asgi import DisconnectedError, Receive, Scope, Send, header, send
from lambda_live.http.aws_errors import ServiceError, service_error
from lambda_live.http.function_url import FunctionUrl
from lambda_live.http.operations import Found, Operations, Request, is_operation
from lambda_live.http.origin_policy import Trust, refuse_stranger
from lambda_live.model.invocation import Invocation, continued

_AWAITED = b"x-lambda-live-await-code-sha256"
_SOURCE = b"x-lambda-live-source"
_LOG = b"x-lambda-live-log"
_PATIENCE = 2.0
"""Seconds that a request waits for the code which it names; then the code that is there answers."""


class FrontDoor:
    """An ASGI application; every answer says which code it is from."""

    def __init__(
        self,
        operations: Operations,
        api: Api,
        function_url: FunctionUrl,
        functions: Functions,
        trust: Trust,
    ) -> None:
        self._operations = operations
        self._api = api
        self._function_url = function_url
        self._functions = functions
        self._trust = trust

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        """Answer one request."""
        of_aws = is_operation(scope["path"])
        trace = continued(header(scope, b"x-amzn-trace-id"))
        invocation = Invocation(b"", source=header(scope, _SOURCE) or "", trace_id=trace)
        function = self._functions.default
        sign: id_headers.Sign = id_headers.of_lambda if of_aws else id_headers.of_url
        try:
            self._trust.check_host(scope)
            found = self._found(scope, of_aws=of_aws)
            function, sign = found.named.function, found.sign
            stranger = self._trust.stranger(scope)
            if stranger is not None and not found.allows(stranger):
                refuse_stranger(stranger)
            if awaited := header(scope, _AWAITED):
                await function.await_code(awaited, _PATIENCE)
            response = await found.operation(Request(found.named, scope, receive, invocation))
        except DisconnectedError:
            return
        except asyncio.CancelledError:  # the service ends, and the request has not all come
            response = service_error(StoppingError(), reserved=False).response()
        except (ServiceError, ThrottledError, StoppingError) as error:
            reserved = function.wanted.reserved
            response = service_error(error, reserved=reserved).response()
        sign(response, invocation)
        if header(scope, _LOG) == "Tail":
            response.headers.append(("X-Amz-Log-Result", invocation.encoded_log_tail()))
        code_sha256 = response.code_sha256 or function.generation.code_sha256
        response.headers.append(("X-Lambda-Live-Code-Sha256", code_sha256))
        await send(response, send_message)

    def _found(self, scope: Scope, *, of_aws: bool) -> Found:
        """Return who answers, and how. Raises ServiceError."""
        if of_aws:
            return self._operations.find(scope)
        found = None
        if self._functions.named(header(scope, b"host") or "") is None:
            found = self._api.find(scope)
        return found or self._function_url.find(scope)
