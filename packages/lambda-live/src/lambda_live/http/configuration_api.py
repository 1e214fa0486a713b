"""
The operations that read and change a function's configuration and its reserved concurrency.

A change applies to new environments, until the template is saved or the service stops.

Sources: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
"""

import base64
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lambda_live.functions.function import Function
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.asgi import Response
from lambda_live.http.aws_errors import (
    ServiceError,
    json_response,
    raise_not_found,
    raise_user_error,
    raise_validation_error,
)
from lambda_live.http.caller_policy import check_variables
from lambda_live.http.function_url import function_url
from lambda_live.http.operations import OperationRoute, Request, parse_integer, read_json_body
from lambda_live.model.code_version import CodeVersion, LoadOutcome
from lambda_live.model.function import DEFAULT_CONCURRENCY, LATEST, FunctionConfiguration
from lambda_live.model.reserved_variables import (
    MAX_VARIABLES_BYTES,
    RESERVED_VARIABLES,
    size_of_variables,
)
from lambda_live.model.template import Cors
from lambda_live.telemetry.levels import DEFAULT_LEVEL

_FUNCTIONS = "/2015-03-31/functions"
_FUNCTION = f"{_FUNCTIONS}/{{FunctionName}}"
_URL_FUNCTION = "/2021-10-31/functions/{FunctionName}"
_NO_URL = "The resource you requested does not exist."
_VARIABLE_NAME = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_MB = 2**20
_CONCURRENCY_PATH = "/2017-10-31/functions/{FunctionName}/concurrency"
_ACCOUNT_CONCURRENCY = 1000
_MIN_UNRESERVED = 100


class ConfigurationApi:
    """Serves the operations that read functions, URLs and the account, and update functions."""

    def __init__(self, functions: FunctionRegistry) -> None:
        self._functions = functions
        self.routes = (
            OperationRoute("GET", _FUNCTIONS, self._list_functions),
            OperationRoute("GET", _FUNCTION, self._get_function),
            OperationRoute("GET", f"{_FUNCTION}/configuration", self._get_function_configuration),
            OperationRoute("GET", f"{_FUNCTION}/versions", self._list_versions),
            OperationRoute("GET", f"{_FUNCTION}/aliases", self._list_aliases),
            OperationRoute("GET", f"{_FUNCTION}/aliases/{{Name}}", self._get_alias),
            OperationRoute("GET", f"{_URL_FUNCTION}/url", self._get_url, missing=_NO_URL),
            OperationRoute("GET", f"{_URL_FUNCTION}/urls", self._list_urls),
            OperationRoute("GET", "/2016-08-19/account-settings", self._get_account_settings),
            OperationRoute("PUT", f"{_FUNCTION}/configuration", self._update, reports_latest=True),
            OperationRoute("PUT", f"{_FUNCTION}/code", self._reject_code, reports_latest=True),
        )

    async def _list_functions(self, _: Request) -> Response:
        return json_response(
            {"Functions": [function_configuration(each) for each in self._functions]}
        )

    async def _list_versions(self, request: Request) -> Response:
        function = request.function
        qualifiers = (None, *function.desired_configuration.versions)
        versions = [_qualified_configuration(function, each) for each in qualifiers]
        return json_response({"Versions": versions})

    async def _list_aliases(self, request: Request) -> Response:
        function = request.function
        names = function.desired_configuration.aliases
        return json_response({"Aliases": [_alias(function, name) for name in names]})

    async def _get_alias(self, request: Request) -> Response:
        function, name = request.function, request.scope["path"].rpartition("/")[2]
        settings = function.desired_configuration
        if name not in settings.aliases:
            raise_not_found(f"Cannot find alias arn: {settings.arn}:{name}")
        return json_response(_alias(function, name))

    async def _get_function(self, request: Request) -> Response:
        function = request.function
        settings = function.desired_configuration
        description: dict[str, Any] = {
            "Configuration": _qualified_configuration(function, request.qualifier),
            "Code": {"Location": settings.task_root.as_uri()},
        }
        if concurrency := _reserved_concurrency(function):
            description["Concurrency"] = concurrency
        return json_response(description)

    async def _get_function_configuration(self, request: Request) -> Response:
        return json_response(_qualified_configuration(request.function, request.qualifier))

    async def _get_url(self, request: Request) -> Response:
        return json_response(self._url_config(request))

    async def _list_urls(self, request: Request) -> Response:
        return json_response({"FunctionUrlConfigs": [self._url_config(request)]})

    def _url_config(self, request: Request) -> dict[str, Any]:
        function = request.function
        settings, created = function.desired_configuration, _time(function.code_version)
        config = {
            "FunctionUrl": function_url(self._functions, function, request.scope),
            "FunctionArn": settings.arn,
            "AuthType": settings.url.auth_type,
            "InvokeMode": settings.url.invoke_mode,
            "CreationTime": created,
            "LastModifiedTime": created,
        }
        return config | ({"Cors": _cors(settings.url.cors)} if settings.url.cors else {})

    async def _get_account_settings(self, _: Request) -> Response:
        configurations = [each.configuration for each in self._functions]
        reserved = sum(each.concurrency for each in configurations if each.has_reserved_concurrency)
        return json_response(
            {
                "AccountLimit": {
                    "TotalCodeSize": 75 * 2**30,
                    "CodeSizeUnzipped": 250 * _MB,
                    "CodeSizeZipped": 50 * _MB,
                    "ConcurrentExecutions": _ACCOUNT_CONCURRENCY,
                    "UnreservedConcurrentExecutions": max(0, _ACCOUNT_CONCURRENCY - reserved),
                },
                "AccountUsage": {"FunctionCount": len(self._functions)},
            }
        )

    async def _update(self, request: Request) -> Response:
        function, members = request.function, await read_json_body(request)
        _check_revision(function, members.pop("RevisionId", None))
        changed = _changed(function, members)
        current = function.desired_configuration.environment
        check_variables(request.scope, changed.environment, current)
        function.configure(changed)
        return json_response(function_configuration(function))

    async def _reject_code(self, request: Request) -> Response:
        settings = request.function.configuration
        message = f"UpdateFunctionCode is not supported: edit the files in {settings.task_root}"
        raise_user_error("InvalidParameterValueException", message)


class ConcurrencyApi:
    """Serves the operations that reserve concurrency."""

    def __init__(self, functions: FunctionRegistry) -> None:
        self._functions = functions
        self.routes = (
            OperationRoute("PUT", _CONCURRENCY_PATH, self._put, reports_latest=True),
            OperationRoute("DELETE", _CONCURRENCY_PATH, self._delete, reports_latest=True),
            OperationRoute("GET", _CONCURRENCY_PATH.replace("2017-10-31", "2019-09-30"), self._get),
        )

    async def _get(self, request: Request) -> Response:
        return json_response(_reserved_concurrency(request.function))

    async def _put(self, request: Request) -> Response:
        _check_unqualified(request)
        function, members = request.function, await read_json_body(request)
        name = "reservedConcurrentExecutions"
        value = members.get("ReservedConcurrentExecutions")
        number = parse_integer(value, name, 0, _ACCOUNT_CONCURRENCY)
        self._check_unreserved(function, number)
        _configure(function, concurrency=number, has_reserved_concurrency=True)
        return json_response(_reserved_concurrency(function))

    async def _delete(self, request: Request) -> Response:
        _check_unqualified(request)
        function = request.function
        _configure(function, concurrency=DEFAULT_CONCURRENCY, has_reserved_concurrency=False)
        return Response(204)

    def _check_unreserved(self, function: Function, number: int) -> None:
        others = (each.desired_configuration for each in self._functions if each is not function)
        reserved = sum(each.concurrency for each in others if each.has_reserved_concurrency)
        if number > max(0, _ACCOUNT_CONCURRENCY - _MIN_UNRESERVED - reserved):
            message = (
                "Specified ReservedConcurrentExecutions for function decreases account's"
                f" UnreservedConcurrentExecution below its minimum value of [{_MIN_UNRESERVED}]."
            )
            raise_user_error("InvalidParameterValueException", message)


def _configure(function: Function, **changes: Any) -> None:
    function.configure(replace(function.desired_configuration, **changes))


def function_configuration(function: Function) -> dict[str, Any]:
    """
    Return AWS's FunctionConfiguration.

    A function is Pending, and an update is InProgress, until its code loads or fails to load.
    AWS's waiters wait for that.
    """
    settings, version = function.desired_configuration, function.code_version
    account = settings.account
    is_unloaded = version.outcome is LoadOutcome.UNKNOWN and settings.concurrency > 0
    is_loading = is_unloaded or settings is not version.configuration
    return {
        "FunctionName": settings.name,
        "FunctionArn": settings.arn,
        **_program(settings),
        "Role": f"arn:{account.partition}:iam::{account.account_id}:role/lambda-live",
        "Description": settings.description,
        "Timeout": round(settings.timeout),
        "MemorySize": settings.memory,
        "LastModified": _time(version),
        "CodeSize": 0 if settings.image else function.reloader.code_size,
        "CodeSha256": base64.b64encode(bytes.fromhex(version.code_sha256)).decode(),
        "Version": "$LATEST",
        "Environment": {"Variables": dict(settings.environment)},
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": _revision(function),
        "State": "Pending" if is_loading and version.is_initial else "Active",
        "LastUpdateStatus": "InProgress" if is_loading else "Successful",
        "Architectures": [settings.architecture],
        "EphemeralStorage": {"Size": settings.ephemeral_storage},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": _logging(settings),
        **_optional_members(settings),
    }


def _qualified_configuration(function: Function, qualifier: str | None) -> dict[str, Any]:
    """Return the configuration of an alias or version: the function's, under that name."""
    version = function.desired_configuration.version_of(qualifier)
    if version in (None, LATEST):
        return function_configuration(function)
    arn = f"{function.desired_configuration.arn}:{qualifier}"
    return function_configuration(function) | {"FunctionArn": arn, "Version": version}


def _program(settings: FunctionConfiguration) -> dict[str, str]:
    if settings.image:  # which defines the runtime and the handler
        return {"PackageType": "Image"}
    return {"PackageType": "Zip", "Runtime": settings.runtime, "Handler": settings.handler}


def _optional_members(settings: FunctionConfiguration) -> dict[str, Any]:
    target, mode = settings.event_invoke_config.dead_letter, settings.tenancy
    members = {
        "DeadLetterConfig": target and {"TargetArn": target},
        "Layers": [{"Arn": arn} for arn in settings.layer_arns],
        "TenancyConfig": mode and {"TenantIsolationMode": mode},
    }
    return {name: value for name, value in members.items() if value}


def _logging(settings: FunctionConfiguration) -> dict[str, str]:
    config = {"LogFormat": "Text", "LogGroup": settings.log_group_name}
    levels = {
        "ApplicationLogLevel": settings.application_log_level or DEFAULT_LEVEL,
        "SystemLogLevel": settings.system_log_level,
    }
    return config | {"LogFormat": "JSON"} | levels if settings.json_logs else config


def _time(version: CodeVersion) -> str:
    start = datetime.fromtimestamp(version.created_at, UTC)
    return start.isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def _alias(function: Function, name: str) -> dict[str, str]:
    settings = function.desired_configuration
    return {
        "AliasArn": f"{settings.arn}:{name}",
        "Name": name,
        "FunctionVersion": settings.aliases[name],
        "Description": "",
        "RevisionId": _revision(function),
    }


def _revision(function: Function) -> str:
    """Return an id that changes with the code and with the settings."""
    content = f"{function.code_version.code_sha256} {function.desired_configuration}"
    return str(uuid.uuid5(uuid.NAMESPACE_OID, content))


def _cors(cors: Cors) -> dict[str, Any]:
    config = {
        "AllowCredentials": cors.allow_credentials,
        "AllowHeaders": list(cors.allow_headers),
        "AllowMethods": list(cors.allow_methods),
        "AllowOrigins": list(cors.allow_origins),
        "ExposeHeaders": list(cors.expose_headers),
        "MaxAge": cors.max_age,
    }
    return {name: value for name, value in config.items() if value not in (None, [], False)}


def _check_revision(function: Function, revision: object) -> None:
    if revision not in (None, function_configuration(function)["RevisionId"]):
        message = (
            "The Revision Id provided does not match the latest Revision Id."
            " Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
        )
        body = {"Type": "User", "Message": message}
        raise ServiceError(412, "PreconditionFailedException", body)


def _changed(function: Function, members: dict[str, Any]) -> FunctionConfiguration:
    settings, current = function.desired_configuration, function_configuration(function)
    for name, value in members.items():
        match name:
            case "Timeout":
                settings = replace(settings, timeout=parse_integer(value, "timeout", 1, 900))
            case "MemorySize":
                memory = parse_integer(value, "memorySize", 128, 10_240)
                settings = replace(settings, memory=memory)
            case "Environment":
                settings = replace(settings, environment=dict(_variables(value)))
            case _ if value != current.get(name):
                message = (
                    f"{name} cannot be updated: only Timeout, MemorySize and Environment can."
                    " Change the template instead."
                )
                raise_user_error("InvalidParameterValueException", message)
    return settings


def _variables(environment: object) -> Iterator[tuple[str, str]]:
    variables = environment.get("Variables", {}) if isinstance(environment, dict) else None
    if not isinstance(variables, dict):
        raise_user_error(
            "SerializationException", 'Environment must be {"Variables": {NAME: VALUE, …}}.'
        )
    if reserved := sorted(set(variables) & set(RESERVED_VARIABLES)):
        message = (
            "Lambda was unable to configure your environment variables because the environment"
            " variables you have provided contains reserved keys that are currently not supported"
            f" for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
        raise_user_error("InvalidParameterValueException", message)
    for name, value in variables.items():
        if not isinstance(value, str):
            message = f"Environment variable {name} must be a string, got {value!r}"
            raise_user_error("SerializationException", message)
        _check_variable(name, value)
        yield name, value
    if size_of_variables(variables) > MAX_VARIABLES_BYTES:
        message = (
            "Lambda was unable to configure your environment variables because the environment"
            " variables you have provided exceeded the 4KB limit. String measured:"
            f" {json.dumps(variables)}"
        )
        raise_user_error("InvalidParameterValueException", message)


def _check_variable(name: str, value: str) -> None:
    """Raise ServiceError for a name or value that AWS rejects."""
    failed = "Value at 'environment.variables' failed to satisfy constraint: Map"
    if not _VARIABLE_NAME.fullmatch(name):
        pattern = f"[Member must satisfy regular expression pattern: {_VARIABLE_NAME.pattern}]"
        raise_validation_error(f"{failed} keys must satisfy constraint: {pattern}")
    if _NOT_TEXT.search(value):
        rule = "[Member must be text without NUL characters]"
        raise_validation_error(f"{failed} values must satisfy constraint: {rule}")


def _check_unqualified(request: Request) -> None:
    if request.qualifier is not None:
        message = (
            "This operation is permitted on Lambda functions only. Aliases and versions do not"
            " support this operation. Please specify either a function name or an unqualified"
            " function ARN."
        )
        raise_user_error("InvalidParameterValueException", message)


def _reserved_concurrency(function: Function) -> dict[str, Any]:
    settings = function.desired_configuration
    if not settings.has_reserved_concurrency:
        return {}
    return {"ReservedConcurrentExecutions": settings.concurrency}
