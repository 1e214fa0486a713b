"""The code that each function runs, and whether it loads, for scripts that wait for a save."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from lambda_live.functions.function import Function
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.asgi import Response
from lambda_live.http.aws_errors import json_response
from lambda_live.http.operations import OperationRoute, Request
from lambda_live.model.code_version import CodeVersion, LoadOutcome
from lambda_live.model.invocation import Result
from lambda_live.model.requirements import PackageState

PATH = "/2015-03-31/functions/.lambda-live"
"""Not a valid function name, so no path of AWS's API is equal to this one."""

_LOAD_TIMEOUT_SECONDS = 2.0
"""How long a request waits for the code that it names."""

_LOCATION = re.compile(r"(?P<file>.+?):(?P<line>\d+): (?P<message>.*)", re.DOTALL)


class CodeStatusApi:
    """
    Serves `GET PATH?NAME=CODE_SHA256&…`: responds once each named function has loaded its code.

    After 2 s it responds with the current state, and the client may request again. `state` is
    Pending, Active or Failed, also if a function's packages could not be installed (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html).
    `pods` has the namespace and the context of the service's pods, if it runs in a cluster.
    """

    def __init__(self, functions: FunctionRegistry, pods: tuple[str, str] | None) -> None:
        self._functions = functions
        self._pods = pods
        self.routes = (OperationRoute("GET", PATH, self._get),)

    async def _get(self, request: Request) -> Response:
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
        "ignored": function.ignored_files,
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
