"""
The operations of lambda-live's own, for checks.

A check waits until its code is loaded, and may send a message, an item or an object.
"""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from lambda_live.checks.curl import STATE_PATH
from lambda_live.functions.function import Function
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.asgi import Response, query_parameter
from lambda_live.http.aws_errors import json_response, raise_user_error
from lambda_live.http.operations import OperationRoute, Request, read_whole_body
from lambda_live.model.code_version import CodeVersion, LoadOutcome
from lambda_live.model.invocation import Result
from lambda_live.model.requirements import PackageState

if TYPE_CHECKING:
    from lambda_live.events.deliveries import Deliveries

_LOAD_TIMEOUT_SECONDS = 2.0
"""How long a request waits for the code that it names."""

_LOCATION = re.compile(r"(?P<file>.+?):(?P<line>\d+): (?P<message>.*)", re.DOTALL)


class CheckApi:
    """
    Serves the operations that only `lambda-live check` and other tools of this project call.

    `GET …?NAME=CODE_SHA256&…` responds once each named function has loaded its code. After 2 s it
    responds with the current state, and the client may request again. `state` is Pending, Active or
    Failed, also if a function's packages could not be installed (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html).

    `POST …/deliveries?folder=queues&resource=NAME&key=KEY&functions=NAME,NAME` sends the body to a
    resource, and responds with the result of each function that gets it, by name.
    """

    def __init__(
        self,
        functions: FunctionRegistry,
        pods: tuple[str, str] | None,
        deliveries: "Deliveries | None",
    ) -> None:
        """
        Create the API.

        `pods` has the namespace and the context of the service's pods, if it runs in a cluster.
        `deliveries` is None if the template has no resources.
        """
        self._functions = functions
        self._pods = pods
        self._deliveries = deliveries
        self.routes = (
            OperationRoute("GET", STATE_PATH, self._get_state),
            OperationRoute("POST", f"{STATE_PATH}/deliveries", self._deliver),
        )

    async def _get_state(self, request: Request) -> Response:
        expected = parse_qsl(request.scope["query_string"].decode("latin-1"))
        await asyncio.gather(
            *(
                function.wait_for_load(code_sha256, _LOAD_TIMEOUT_SECONDS)
                for name, code_sha256 in expected
                if (function := self._functions.get(name)) is not None
            )
        )
        state: dict[str, Any] = {"functions": [_describe(each) for each in self._functions]}
        if self._pods is not None:
            state["pods"] = dict(zip(("namespace", "context"), self._pods, strict=True))
        return json_response(state)

    async def _deliver(self, request: Request) -> Response:
        if self._deliveries is None:
            hint = "the template has no AWS resources, so the service started no emulator"
            raise_user_error("ResourceConflictException", f"Nothing can be sent: {hint}.", 409)
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
            raise_user_error("InvalidParameterValueException", message)
        function = self._functions.get(next(iter(functions), "")) or self._functions.default
        response = json_response(found.results)
        response.code_sha256 = function.code_version.code_sha256
        request.invocation.request_id = found.request_id or request.invocation.request_id
        if found.has_error:
            response.headers.append(("X-Amz-Function-Error", "Unhandled"))
        return response


def _describe(function: Function) -> dict[str, Any]:
    version = function.code_version
    configuration = version.configuration
    folders = [
        {"path": os.path.relpath(root, configuration.project), "name": root.name}
        for root in configuration.watched_paths
    ]
    is_loading = version.load is None and configuration.concurrency > 0
    return {
        "name": configuration.name,
        "project": str(configuration.project.absolute()),
        "folders": folders,
        "ignored": function.reloader.ignored_files,
        "reserved_concurrency": configuration.concurrency
        if configuration.has_reserved_concurrency
        else None,
        "needs_tenant": configuration.tenancy is not None,
        "code_sha256": version.code_sha256,
        "state": "Pending" if is_loading or function.package_state.is_installing else "Active",
        "error": None,
        **_install_failure(function.package_state, configuration.project),
        **_load_failure(version, configuration.project),
    }


def _install_failure(state: PackageState, project: Path) -> dict[str, Any]:
    if state.error is None:
        return {}
    source = state.error.source
    file = None if source is None else str(source).removeprefix(f"{project}/")
    details = {"type": "InstallError", "message": str(state.error), "file": file, "line": None}
    return {"state": "Failed", "error": details}


def _load_failure(version: CodeVersion, project: Path) -> dict[str, Any]:
    load = version.load
    if version.outcome is not LoadOutcome.FAILED or load is None or load.error is None:
        return {}
    return {"state": "Failed", "error": _error_details(load.error, load.location, project)}


def _error_details(result: Result, location: str, project: Path) -> dict[str, Any]:
    error = json.loads(result.payload)
    match = _LOCATION.fullmatch(location)
    details: dict[str, Any] = {"type": error["errorType"], "message": error.get("errorMessage", "")}
    if match is None:
        return details | {"file": None, "line": None}
    # without the module's name, which AWS puts in front of the message
    file = match["file"].removeprefix(f"{project}/")
    return details | {"message": match["message"], "file": file, "line": int(match["line"])}
