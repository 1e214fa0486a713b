"""
What is known of the functions, as AWS's clients, waiters and tools ask for it.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
"""

import base64
import platform
import uuid
from datetime import UTC, datetime
from typing import Any

from lambda_live.functions.function import Function
from lambda_live.functions.registry import Functions
from lambda_live.http.asgi import Response
from lambda_live.http.aws_errors import answer_json
from lambda_live.http.function_url import url_of
from lambda_live.http.operations import Request, Route
from lambda_live.model.code_version import Generation, Outcome
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.template import Cors
from lambda_live.telemetry.levels import DEFAULT_LEVEL

_FUNCTIONS = "/2015-03-31/functions"
_FUNCTION = f"{_FUNCTIONS}/{{FunctionName}}"
_MB = 2**20


class ConfigurationApi:
    """Answers from the settings, and from what has become of the code."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self.routes = (
            Route("GET", _FUNCTIONS, self._list_functions),
            Route("GET", _FUNCTION, self._get_function),
            Route("GET", f"{_FUNCTION}/configuration", self._get_function_configuration),
            Route("GET", f"{_FUNCTION}/versions", self._list_versions),
            Route("GET", "/2021-10-31/functions/{FunctionName}/url", self._get_url),
            Route("GET", "/2021-10-31/functions/{FunctionName}/urls", self._list_urls),
            Route("GET", "/2016-08-19/account-settings", self._get_account_settings),
        )

    async def _list_functions(self, _: Request) -> Response:
        return answer_json({"Functions": [configuration_of(each) for each in self._functions]})

    async def _list_versions(self, request: Request) -> Response:
        return answer_json({"Versions": [configuration_of(request.named.function)]})

    async def _get_function(self, request: Request) -> Response:
        function = request.named.function
        settings = function.wanted
        answer: dict[str, Any] = {
            "Configuration": configuration_of(function),
            "Code": {"Location": settings.task_root.as_uri()},
        }
        if settings.reserved:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": settings.concurrency}
        return answer_json(answer)

    async def _get_function_configuration(self, request: Request) -> Response:
        return answer_json(configuration_of(request.named.function))

    async def _get_url(self, request: Request) -> Response:
        return answer_json(self._url_config(request))

    async def _list_urls(self, request: Request) -> Response:
        return answer_json({"FunctionUrlConfigs": [self._url_config(request)]})

    def _url_config(self, request: Request) -> dict[str, Any]:
        function = request.named.function
        settings, since = function.wanted, _time(function.generation)
        config = {
            "FunctionUrl": url_of(self._functions, function, request.scope),
            "FunctionArn": settings.arn,
            "AuthType": settings.url.auth_type,
            "InvokeMode": settings.url.invoke_mode,
            "CreationTime": since,
            "LastModifiedTime": since,
        }
        return config | ({"Cors": _cors(settings.url.cors)} if settings.url.cors else {})

    async def _get_account_settings(self, _: Request) -> Response:
        reserved = sum(
            each.configuration.concurrency
            for each in self._functions
            if each.configuration.reserved
        )
        return answer_json(
            {
                "AccountLimit": {
                    "TotalCodeSize": 75 * 2**30,
                    "CodeSizeUnzipped": 250 * _MB,
                    "CodeSizeZipped": 50 * _MB,
                    "ConcurrentExecutions": 1000,
                    "UnreservedConcurrentExecutions": max(0, 1000 - reserved),
                },
                "AccountUsage": {"FunctionCount": len(self._functions)},
            }
        )


def configuration_of(function: Function) -> dict[str, Any]:
    """
    Return AWS's FunctionConfiguration.

    A function is Pending, and an update is InProgress, until its code has been loaded, or could
    not be: that is what AWS's waiters wait for.
    """
    settings, generation = function.wanted, function.generation
    unknown = generation.outcome is Outcome.UNKNOWN and settings.concurrency > 0
    loading = unknown or settings is not generation.configuration
    return {
        "FunctionName": settings.name,
        "FunctionArn": settings.arn,
        **_program(settings),
        "Role": f"arn:aws:iam::{settings.account.account_id}:role/lambda-live",
        "Description": "",
        "Timeout": round(settings.timeout),
        "MemorySize": settings.memory,
        "LastModified": _time(generation),
        "CodeSha256": base64.b64encode(bytes.fromhex(generation.code_sha256)).decode(),
        "Version": "$LATEST",
        "Environment": {"Variables": dict(settings.environment)},
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": _revision(function),
        "State": "Pending" if loading and generation.first else "Active",
        "LastUpdateStatus": "InProgress" if loading else "Successful",
        "Architectures": ["arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": _logging(settings),
        **_dead_letter(settings),
    }


def _program(settings: FunctionConfiguration) -> dict[str, str]:
    if settings.image:  # whose image says the rest
        return {"PackageType": "Image"}
    return {"PackageType": "Zip", "Runtime": settings.runtime, "Handler": settings.handler}


def _dead_letter(settings: FunctionConfiguration) -> dict[str, Any]:
    arn = settings.asynchronous.dead_letter
    return {"DeadLetterConfig": {"TargetArn": arn}} if arn else {}


def _logging(settings: FunctionConfiguration) -> dict[str, str]:
    config = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{settings.name}"}
    levels = {
        "ApplicationLogLevel": settings.application_log_level or DEFAULT_LEVEL,
        "SystemLogLevel": settings.system_log_level,
    }
    return config | {"LogFormat": "JSON"} | levels if settings.json_logs else config


def _time(generation: Generation) -> str:
    since = datetime.fromtimestamp(generation.began, UTC)
    return since.isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def _revision(function: Function) -> str:
    """Return what is another one for other code or other settings."""
    what = f"{function.generation.code_sha256} {function.wanted}"
    return str(uuid.uuid5(uuid.NAMESPACE_OID, what))


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
