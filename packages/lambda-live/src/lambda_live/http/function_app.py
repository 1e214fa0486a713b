"""
The function's port: AWS's API below its dates, then the routes of the template's APIs.

Every other path is the function URL's.
"""

import asyncio

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.functions.request_queue import ThrottledError
from lambda_live.functions.stopping import ServiceStoppingError
from lambda_live.http.api_gateway import ApiGateway
from lambda_live.http.asgi import DisconnectedError, Receive, Scope, Send, header, send
from lambda_live.http.aws_errors import ServiceError, to_service_error
from lambda_live.http.function_url import FunctionUrl
from lambda_live.http.headers import AddIdHeaders, add_function_url_ids, add_lambda_ids
from lambda_live.http.operations import OperationMatch, OperationRouter, Request, is_operation
from lambda_live.http.origin_policy import OriginPolicy, raise_foreign_origin
from lambda_live.model.invocation import Invocation, continue_trace

_AWAIT_CODE = b"x-lambda-live-await-code-sha256"
_SOURCE = b"x-lambda-live-source"
_LOG_TYPE = b"x-lambda-live-log"
_LOAD_TIMEOUT_SECONDS = 2.0
"""Seconds that a request waits for the code which it names; then the code that is there answers."""


class FunctionApp:
    """An ASGI application; every answer says which code it is from."""

    def __init__(
        self,
        operations: OperationRouter,
        api: ApiGateway,
        function_url: FunctionUrl,
        functions: FunctionRegistry,
        origin_policy: OriginPolicy,
    ) -> None:
        self._operations = operations
        self._api = api
        self._function_url = function_url
        self._functions = functions
        self._origin_policy = origin_policy

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        """Answer one request."""
        of_aws = is_operation(scope["path"])
        trace = continue_trace(header(scope, b"x-amzn-trace-id"))
        invocation = Invocation(b"", client=header(scope, _SOURCE) or "", trace_id=trace)
        function = self._functions.default
        sign: AddIdHeaders = add_lambda_ids if of_aws else add_function_url_ids
        try:
            self._origin_policy.check_host(scope)
            found = self._resolve(scope, of_aws=of_aws)
            function, sign = found.reference.function, found.add_id_headers
            stranger = self._origin_policy.foreign_origin(scope)
            if stranger is not None and not found.allows_origin(stranger):
                raise_foreign_origin(stranger)
            if awaited := header(scope, _AWAIT_CODE):
                await function.wait_for_code(awaited, _LOAD_TIMEOUT_SECONDS)
            response = await found.operation(Request(found.reference, scope, receive, invocation))
        except DisconnectedError:
            return
        except asyncio.CancelledError:  # the service ends, and the request has not all come
            response = to_service_error(ServiceStoppingError(), reserved=False).response()
        except (ServiceError, ThrottledError, ServiceStoppingError) as error:
            reserved = function.desired_configuration.has_reserved_concurrency
            response = to_service_error(error, reserved=reserved).response()
        sign(response, invocation)
        if header(scope, _LOG_TYPE) == "Tail":
            response.headers.append(("X-Amz-Log-Result", invocation.encoded_log_tail()))
        code_sha256 = response.code_sha256 or function.code_version.code_sha256
        response.headers.append(("X-Lambda-Live-Code-Sha256", code_sha256))
        await send(response, send_message)

    def _resolve(self, scope: Scope, *, of_aws: bool) -> OperationMatch:
        """Return who answers, and how. Raises ServiceError."""
        if of_aws:
            return self._operations.resolve(scope)
        found = None
        if self._functions.by_host(header(scope, b"host") or "") is None:
            found = self._api.resolve(scope)
        return found or self._function_url.resolve(scope)
