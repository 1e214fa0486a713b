"""
The function's port, which serves three of AWS's front ends.

A path that starts with a date, such as /2015-03-31/…, is an operation of AWS's Lambda API. A path
of a route is API Gateway's. Every other path belongs to the function URL.
"""

import asyncio

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.functions.request_queue import NotInvokedError, ServiceStoppingError
from lambda_live.http.api_gateway import ApiGateway
from lambda_live.http.asgi import DisconnectedError, Receive, Scope, Send, header, send
from lambda_live.http.aws_errors import ServiceError, to_service_error
from lambda_live.http.function_url import FunctionUrl
from lambda_live.http.headers import AddIdHeaders, add_function_url_ids, add_lambda_ids
from lambda_live.http.operations import OperationMatch, OperationRouter, Request, is_operation
from lambda_live.http.origin_policy import OriginPolicy, raise_foreign_origin
from lambda_live.model.invocation import Invocation, continue_trace

_EXPECTED_CODE = b"x-lambda-live-await-code-sha256"
_CLIENT = b"x-lambda-live-source"
_LOG_TYPE = b"x-lambda-live-log"
_LOAD_TIMEOUT_SECONDS = 2.0
"""How long a request waits for the code that it names. Then the current code runs."""


class FunctionApp:
    """
    The ASGI application of the function's port.

    Each response names its code in a header. Another one says `installing` or `failed` if the
    function does not have the packages that it requires now.
    """

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
        """Serve one request."""
        is_aws_api = is_operation(scope["path"])
        trace = continue_trace(header(scope, b"x-amzn-trace-id"))
        invocation = Invocation(b"", client=header(scope, _CLIENT) or "", trace_id=trace)
        function = self._functions.default
        add_ids: AddIdHeaders = add_lambda_ids if is_aws_api else add_function_url_ids
        try:
            self._origin_policy.check_host(scope)
            match = self._resolve(scope, is_aws_api=is_aws_api)
            function, add_ids = match.function, match.add_id_headers
            origin = self._origin_policy.foreign_origin(scope)
            if origin is not None and not match.allows_origin(origin):
                raise_foreign_origin(origin)
            if expected := header(scope, _EXPECTED_CODE):
                await function.reloader.wait_for_code(expected, _LOAD_TIMEOUT_SECONDS)
            request = Request(function, match.qualifier, scope, receive, invocation)
            response = await match.operation(request)
        except DisconnectedError:
            return
        except asyncio.CancelledError:  # the service stops before the whole request arrived
            response = to_service_error(ServiceStoppingError(), is_reserved=False).response()
        except (ServiceError, NotInvokedError) as error:
            is_reserved = function.desired_configuration.has_reserved_concurrency
            response = to_service_error(error, is_reserved=is_reserved).response()
        add_ids(response, invocation)
        if header(scope, _LOG_TYPE) == "Tail":
            response.headers.append(("X-Amz-Log-Result", invocation.encoded_log_tail()))
        code_sha256 = response.code_sha256 or function.code_version.code_sha256
        response.headers.append(("X-Lambda-Live-Code-Sha256", code_sha256))
        if packages := function.package_state.label:
            response.headers.append(("X-Lambda-Live-Packages", packages))
        await send(response, send_message)

    def _resolve(self, scope: Scope, *, is_aws_api: bool) -> OperationMatch:
        """Return the operation of a request. Raises ServiceError."""
        if is_aws_api:
            return self._operations.resolve(scope)
        match = None
        if self._functions.by_host(header(scope, b"host") or "") is None:
            match = self._api.resolve(scope)
        return match or self._function_url.resolve(scope)
