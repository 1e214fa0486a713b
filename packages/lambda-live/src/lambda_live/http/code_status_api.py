"""What each function runs, and whether it could be loaded: for scripts that wait for a save."""

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
from lambda_live.http.operations import OperationRoute, Request
from lambda_live.model.code_version import CodeVersion, LoadOutcome
from lambda_live.model.invocation import Result

PATH = "/2015-03-31/functions/.lambda-live"
"""No function can have this name, and AWS no operation here."""

_LOAD_TIMEOUT_SECONDS = 2.0
"""Seconds that a request waits for the code which it names."""

_LOCATION = re.compile(r"(?P<file>.+?):(?P<line>\d+): (?P<message>.*)", re.DOTALL)


class CodeStatusApi:
    """
    Answers `GET PATH?NAME=CODE_SHA256&…`, once each function that is named has loaded that code.

    After 2 s it says what is there instead; who wants other code asks again. `state` is Pending,
    Active or Failed, as in https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html.
    `pods` says where the others are, if this is the service of one of several pods.
    """

    def __init__(self, functions: FunctionRegistry, pods: tuple[str, str] | None) -> None:
        self._functions = functions
        self._pods = pods
        self.routes = (OperationRoute("GET", PATH, self._answer),)

    async def _answer(self, request: Request) -> Response:
        awaited = parse_qsl(request.scope["query_string"].decode("latin-1"))
        await asyncio.gather(
            *(
                named.wait_for_load(code_sha256, _LOAD_TIMEOUT_SECONDS)
                for name, code_sha256 in awaited
                if (named := self._functions.get(name)) is not None
            )
        )
        state: dict[str, Any] = {"functions": [_described(each) for each in self._functions]}
        if self._pods is not None:
            state["pods"] = dict(zip(("namespace", "context"), self._pods, strict=True))
        return Response(200, json.dumps(state).encode(), [("Content-Type", "application/json")])


def _described(function: Function) -> dict[str, Any]:
    generation = function.code_version
    configuration = generation.configuration
    folders = [
        {"path": os.path.relpath(root, configuration.project), "name": root.name}
        for root in configuration.watched_paths
    ]
    pending = generation.load is None and configuration.concurrency > 0
    return {
        "name": configuration.name,
        "project": str(configuration.project.absolute()),
        "folders": folders,
        "code_sha256": generation.code_sha256,
        "state": "Pending" if pending else "Active",
        "error": None,
        **_failed(generation, configuration.project),
    }


def _failed(generation: CodeVersion, project: Path) -> dict[str, Any]:
    load = generation.load
    if generation.outcome is not LoadOutcome.FAILED or load is None or load.error is None:
        return {}
    return {"state": "Failed", "error": _error_details(load.error, load.location, project)}


def _error_details(result: Result, where: str, project: Path) -> dict[str, Any]:
    error = json.loads(result.payload)
    place = _LOCATION.fullmatch(where)
    told: dict[str, Any] = {"type": error["errorType"], "message": error.get("errorMessage", "")}
    if place is None:
        return told | {"file": None, "line": None}
    # The error's own words: AWS's lead with the module's name and leave out where.
    file = place["file"].removeprefix(f"{project}/")
    return told | {"message": place["message"], "file": file, "line": int(place["line"])}
