"""
Changes of what a function is run with.

They hold for its next environments, until the template is saved or the service ends.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn

from lambda_live.functions.function import Function
from lambda_live.http.asgi import SYNC_LIMIT, BodyTooLargeError, Response, read_body
from lambda_live.http.aws_errors import ServiceError, answer_json, refuse, refuse_value
from lambda_live.http.configuration_api import configuration_of
from lambda_live.http.operations import Request, Route
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.strict_json import parsed
from lambda_live.project.template.reserved import RESERVED_VARIABLES

_FUNCTION = "/2015-03-31/functions/{FunctionName}"


class UpdateApi:
    """Changes settings; the code is changed by saving it."""

    def __init__(self) -> None:
        self.routes = (
            Route("PUT", f"{_FUNCTION}/configuration", self._update, latest=True),
            Route("PUT", f"{_FUNCTION}/code", self._refuse_code, latest=True),
        )

    async def _update(self, request: Request) -> Response:
        function, members = request.named.function, await json_body(request)
        _check_revision(function, members.pop("RevisionId", None))
        function.configure(_changed(function, members))
        return answer_json(configuration_of(function))

    async def _refuse_code(self, request: Request) -> Response:
        settings = request.named.function.configuration
        message = f"The code of {settings.name} is what is in {settings.task_root}:"
        refuse(400, "InvalidParameterValueException", f"{message} save a file there, and it runs.")


async def json_body(request: Request) -> dict[str, Any]:
    """Return the members of a request. Raises ServiceError, DisconnectedError."""
    try:
        members = parsed(await read_body(request.scope, request.receive, SYNC_LIMIT) or b"{}")
    except BodyTooLargeError:
        refuse(413, "RequestTooLargeException", f"A request has {SYNC_LIMIT} bytes at most.")
    except ValueError as error:
        refuse(400, "SerializationException", f"Could not parse request body into json: {error}")
    if not isinstance(members, dict):
        refuse(400, "SerializationException", "The body of a request is a JSON object.")
    return members


def whole_number(value: object, member: str, least: int, most: int) -> int:
    """Return the value of a member if it can be. Raises ServiceError."""
    if type(value) is not int:
        refuse(400, "SerializationException", f"{value!r} can not be converted to an Integer")
    if not least <= value <= most:
        how, bound = ("less", most) if value > most else ("greater", least)
        failed = "failed to satisfy constraint: Member must have value"
        refuse_value(f"Value '{value}' at '{member}' {failed} {how} than or equal to {bound}")
    return value


def _check_revision(function: Function, revision: object) -> None:
    if revision not in (None, configuration_of(function)["RevisionId"]):
        message = (
            "The Revision Id provided does not match the latest Revision Id."
            " Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
        )
        body = {"Type": "User", "Message": message}
        raise ServiceError(412, "PreconditionFailedException", body)


def _changed(function: Function, members: dict[str, Any]) -> FunctionConfiguration:
    settings, now = function.wanted, configuration_of(function)
    for name, value in members.items():
        match name:
            case "Timeout":
                settings = replace(settings, timeout=whole_number(value, "timeout", 1, 900))
            case "MemorySize":
                memory = whole_number(value, "memorySize", 128, 10_240)
                settings = replace(settings, memory=memory)
            case "Environment":
                settings = replace(settings, environment=dict(_variables(value)))
            case _ if value != now.get(name):
                _refuse_member(name)
    return settings


def _refuse_member(name: str) -> NoReturn:
    message = f"{name} can't be changed here: Timeout, MemorySize and Environment can."
    refuse(400, "InvalidParameterValueException", f"{message} The template says the rest.")


def _variables(environment: object) -> Iterator[tuple[str, str]]:
    variables = environment.get("Variables", {}) if isinstance(environment, dict) else None
    if not isinstance(variables, dict):
        refuse(400, "SerializationException", 'Environment is {"Variables": {NAME: VALUE, …}}.')
    if reserved := sorted(set(variables) & set(RESERVED_VARIABLES)):
        message = (
            "Lambda was unable to configure your environment variables because the environment"
            " variables you have provided contains reserved keys that are currently not supported"
            f" for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
        refuse(400, "InvalidParameterValueException", message)
    for name, value in variables.items():
        if not isinstance(value, str):
            refuse(400, "SerializationException", f"{value!r}, of {name}, is not a string")
        yield name, value
