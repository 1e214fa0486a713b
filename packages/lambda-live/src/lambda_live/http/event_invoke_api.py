"""
The configuration of asynchronous invocations: retries, maximum event age and destinations.

A change applies until the template is saved or the service stops.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
"""

from dataclasses import replace
from typing import Any

from lambda_live.functions.function import Function
from lambda_live.http.asgi import Response
from lambda_live.http.aws_errors import json_response, raise_not_found, raise_user_error
from lambda_live.http.operations import OperationRoute, Request, parse_integer, read_json_body
from lambda_live.model.template import EventInvokeConfig

_PATH = "/2019-09-25/functions/{FunctionName}/event-invoke-config"
_DEFAULTS = EventInvokeConfig()
"""AWS's defaults."""


class EventInvokeApi:
    """Serves the EventInvokeConfig operations."""

    def __init__(self) -> None:
        self.routes = (
            OperationRoute("GET", _PATH, self._get),
            OperationRoute("GET", f"{_PATH}/list", self._list),
            OperationRoute("PUT", _PATH, self._put, reports_latest=True),
            OperationRoute("POST", _PATH, self._update, reports_latest=True),
            OperationRoute("DELETE", _PATH, self._delete),
        )

    async def _get(self, request: Request) -> Response:
        _check_configured(request.function)
        return json_response(_describe(request.function))

    async def _list(self, request: Request) -> Response:
        function = request.function
        configs = [_describe(function)] if _is_configured(function) else []
        return json_response({"FunctionEventInvokeConfigs": configs})

    async def _put(self, request: Request) -> Response:
        function, members = request.function, await read_json_body(request)
        return _configure(function, _unconfigured(function), members)

    async def _update(self, request: Request) -> Response:
        function, members = request.function, await read_json_body(request)
        return _configure(function, function.desired_configuration.event_invoke_config, members)

    async def _delete(self, request: Request) -> Response:
        function = request.function
        _check_configured(function)
        _configure(function, _unconfigured(function), {})
        return Response(204)


def _unconfigured(function: Function) -> EventInvokeConfig:
    """Return AWS's defaults. A dead-letter queue belongs to the function, so it stays."""
    return replace(
        _DEFAULTS, dead_letter=function.desired_configuration.event_invoke_config.dead_letter
    )


def _is_configured(function: Function) -> bool:
    return function.desired_configuration.event_invoke_config != _unconfigured(function)


def _check_configured(function: Function) -> None:
    if not _is_configured(function):
        arn = f"{function.desired_configuration.arn}:$LATEST"
        raise_not_found(f"The function {arn} doesn't have an EventInvokeConfig")


def _configure(
    function: Function, settings: EventInvokeConfig, members: dict[str, Any]
) -> Response:
    if (attempts := members.get("MaximumRetryAttempts")) is not None:
        number = parse_integer(attempts, "maximumRetryAttempts", 0, 2)
        settings = replace(settings, maximum_retry_attempts=number)
    if (age := members.get("MaximumEventAgeInSeconds")) is not None:
        seconds = parse_integer(age, "maximumEventAgeInSeconds", 60, 21_600)
        settings = replace(settings, maximum_event_age_seconds=seconds)
    destinations = _object(members, "DestinationConfig")
    if "OnSuccess" in destinations:
        success = _object(destinations, "OnSuccess").get("Destination")
        settings = replace(settings, on_success=success)
    if "OnFailure" in destinations:
        failure = _object(destinations, "OnFailure").get("Destination")
        settings = replace(settings, on_failure=failure)
    function.configure(replace(function.desired_configuration, event_invoke_config=settings))
    return json_response(_describe(function))


def _object(members: dict[str, Any], name: str) -> dict[str, Any]:
    value = members.get(name) or {}
    if not isinstance(value, dict):
        raise_user_error("SerializationException", f"{name} must be a JSON object.")
    return value


def _describe(function: Function) -> dict[str, Any]:
    settings = function.desired_configuration.event_invoke_config
    success, failure = settings.on_success, settings.on_failure
    return {
        "LastModified": function.code_version.created_at,
        "FunctionArn": f"{function.desired_configuration.arn}:$LATEST",
        "MaximumRetryAttempts": settings.maximum_retry_attempts,
        "MaximumEventAgeInSeconds": settings.maximum_event_age_seconds,
        "DestinationConfig": {
            "OnSuccess": {"Destination": success} if success else {},
            "OnFailure": {"Destination": failure} if failure else {},
        },
    }
