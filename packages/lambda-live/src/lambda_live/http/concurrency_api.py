"""
How many environments a function may have at once.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
"""

from dataclasses import replace
from typing import Any

from lambda_live.functions.function import Function
from lambda_live.functions.registry import Functions
from lambda_live.http.asgi import Response
from lambda_live.http.aws_errors import answer_json, refuse
from lambda_live.http.operations import Request, Route
from lambda_live.http.update_api import json_body, whole_number
from lambda_live.model.function import UNRESERVED

_PATH = "/2017-10-31/functions/{FunctionName}/concurrency"
_ACCOUNT = 1000
_LEFT = 100


class ConcurrencyApi:
    """Reserves concurrency, and gives it back."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self.routes = (
            Route("PUT", _PATH, self._put, latest=True),
            Route("DELETE", _PATH, self._delete, latest=True),
            Route("GET", _PATH.replace("2017-10-31", "2019-09-30"), self._get),
        )

    async def _get(self, request: Request) -> Response:
        return answer_json(_described(request.named.function))

    async def _put(self, request: Request) -> Response:
        _check_unqualified(request)
        function, members = request.named.function, await json_body(request)
        name = "reservedConcurrentExecutions"
        asked = members.get("ReservedConcurrentExecutions")
        number = whole_number(asked, name, 0, _ACCOUNT)
        self._check_left(function, number)
        function.configure(replace(function.wanted, concurrency=number, reserved=True))
        return answer_json(_described(function))

    async def _delete(self, request: Request) -> Response:
        _check_unqualified(request)
        function = request.named.function
        function.configure(replace(function.wanted, concurrency=UNRESERVED, reserved=False))
        return Response(204)

    def _check_left(self, function: Function, number: int) -> None:
        others = (each.wanted for each in self._functions if each is not function)
        reserved = sum(each.concurrency for each in others if each.reserved)
        if number > max(0, _ACCOUNT - _LEFT - reserved):
            message = (
                "Specified ReservedConcurrentExecutions for function decreases account's"
                f" UnreservedConcurrentExecution below its minimum value of [{_LEFT}]."
            )
            refuse(400, "InvalidParameterValueException", message)


def _check_unqualified(request: Request) -> None:
    if request.named.qualifier is not None:
        message = (
            "This operation is permitted on Lambda functions only. Aliases and versions do not"
            " support this operation. Please specify either a function name or an unqualified"
            " function ARN."
        )
        refuse(400, "InvalidParameterValueException", message)


def _described(function: Function) -> dict[str, Any]:
    settings = function.wanted
    return {"ReservedConcurrentExecutions": settings.concurrency} if settings.reserved else {}
