"""Sends a message, an item or an object for a check, and responds with what follows."""

from typing import TYPE_CHECKING

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.asgi import BodyTooLargeError, Response, query_parameter, read_body
from lambda_live.http.aws_errors import json_response, raise_user_error
from lambda_live.http.code_status_api import PATH
from lambda_live.http.operations import OperationRoute, Request
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES

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
        try:
            body = await read_body(request.scope, request.receive, MAX_SYNC_PAYLOAD_BYTES)
            followed = await self._deliveries.send(folder, resource, key, body, functions)
        except BodyTooLargeError:
            message = f"Request must be smaller than {MAX_SYNC_PAYLOAD_BYTES} bytes"
            raise_user_error(413, "RequestTooLargeException", message)
        except (BotoCoreError, ClientError, ValueError, KeyError) as error:
            message = f"{folder}/{resource}: {error}"
            raise_user_error(400, "InvalidParameterValueException", message)
        function = self._functions.get(next(iter(functions), "")) or self._functions.default
        response = json_response(followed.results)
        response.code_sha256 = function.code_version.code_sha256
        request.invocation.request_id = followed.request_id or request.invocation.request_id
        if followed.has_error:
            response.headers.append(("X-Amz-Function-Error", "Unhandled"))
        return response
