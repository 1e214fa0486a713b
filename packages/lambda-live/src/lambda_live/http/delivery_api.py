"""Sends a message, an item or an object for a check, and responds with what follows."""

from typing import TYPE_CHECKING

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.asgi import Response, query_parameter
from lambda_live.http.aws_errors import json_response, raise_user_error
from lambda_live.http.code_status_api import PATH
from lambda_live.http.operations import OperationRoute, Request, read_whole_body

if TYPE_CHECKING:
    from lambda_live.events.deliveries import Deliveries


class DeliveryApi:
    """
    Serves `POST PATH/deliveries?folder=queues&resource=NAME&key=KEY&functions=NAME,NAME`.

    The response has the result of each function, by name.
    """

    def __init__(self, functions: FunctionRegistry, deliveries: "Deliveries | None") -> None:
        """`deliveries` is None if the template has no resources."""
        self._functions = functions
        self._deliveries = deliveries
        self.routes = (OperationRoute("POST", f"{PATH}/deliveries", self._post),)

    async def _post(self, request: Request) -> Response:
        if self._deliveries is None:
            hint = "the template has no AWS resources, so the service started no emulator"
            raise_user_error(409, "ResourceConflictException", f"Nothing can be sent: {hint}.")
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # few projects need it

        folder, resource, key, names = (
            query_parameter(request.scope, each) or ""
            for each in ("folder", "resource", "key", "functions")
        )
        functions = names.split(",") if names else []
        body = await read_whole_body(request)
        try:
            found = await self._deliveries.send(folder, resource, key, body, functions)
        except (BotoCoreError, ClientError, ValueError, KeyError) as error:
            message = f"{folder}/{resource}: {error}"
            raise_user_error(400, "InvalidParameterValueException", message)
        function = self._functions.get(next(iter(functions), "")) or self._functions.default
        response = json_response(found.results)
        response.code_sha256 = function.code_version.code_sha256
        request.invocation.request_id = found.request_id or request.invocation.request_id
        if found.has_error:
            response.headers.append(("X-Amz-Function-Error", "Unhandled"))
        return response
