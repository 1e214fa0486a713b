"""
Event source mappings that clients create, change and delete.

A mapping of a client exists until the service stops.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from lambda_live.events.mapping import SQS, EventSourceMapping, InvalidMappingError, kind_of
from lambda_live.functions.function import Function
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.asgi import Response, query_parameter
from lambda_live.http.aws_errors import json_response, raise_not_found, raise_user_error
from lambda_live.http.operations import OperationRoute, Request, read_json_body, resolve_function

if TYPE_CHECKING:
    from lambda_live.events.event_sources import EventSources

_PATH = "/2015-03-31/event-source-mappings"
_INVALID = "InvalidParameterValueException"


class EventSourceMappingApi:
    """Serves the EventSourceMapping operations."""

    def __init__(self, functions: FunctionRegistry, aws: "EventSources | None") -> None:
        """`aws` is None if the template needs no emulator; then no mapping can be created."""
        self._functions = functions
        self._aws = aws
        self.routes = (
            OperationRoute("POST", _PATH, self._create),
            OperationRoute("GET", _PATH, self._list),
            OperationRoute("GET", f"{_PATH}/{{UUID}}", self._get),
            OperationRoute("PUT", f"{_PATH}/{{UUID}}", self._update),
            OperationRoute("DELETE", f"{_PATH}/{{UUID}}", self._delete),
        )

    @property
    def _mappings(self) -> dict[str, EventSourceMapping]:
        return self._aws.mappings if self._aws is not None else {}

    def _describe(self, mapping: EventSourceMapping, state: str | None = None) -> dict[str, Any]:
        account = self._functions.default.configuration.account
        described = mapping.describe(account.function_arn(mapping.target))
        return described | ({"State": state} if state else {})

    async def _create(self, request: Request) -> Response:
        members = await read_json_body(request)
        source = str(members.get("EventSourceArn") or "")
        name = str(members.get("FunctionName") or "")
        function, qualifier = self._resolve(name)
        if self._aws is None or not self._aws.url:
            hint = "the template has no AWS resources, so the service started no emulator"
            raise_user_error(_INVALID, f"No event source can be polled: {hint}.")
        if kind_of(source) is None:
            raise_user_error(_INVALID, f"Unrecognized event source, {source or 'none'}.")
        mapping = _mapping(function, qualifier, source, members, str(uuid.uuid4()))
        self._check_unique(mapping)
        await self._check_source(self._aws, mapping, function)
        self._aws.add(mapping)
        return json_response(self._describe(mapping, "Creating"), 202)

    def _resolve(self, name: str) -> tuple[Function, str | None]:
        """Return a function of the request's body, and its qualifier. Raises ServiceError."""
        if not name:
            raise_user_error(_INVALID, "FunctionName is required.")
        return resolve_function(self._functions, name, None, reports_latest=False)

    def _check_unique(self, mapping: EventSourceMapping) -> None:
        for each in self._mappings.values():
            if (each.source, each.target) == (mapping.source, mapping.target):
                pair = f'arn (" {each.source} ") and function (" {each.function} ")'
                problem = f"The event source {pair} provided mapping already exists."
                if each.kind == SQS:
                    problem = f"An event source mapping with SQS {pair} already exists."
                hint = f"Please update or delete the existing mapping with UUID {each.uuid}"
                raise_user_error("ResourceConflictException", f"{problem} {hint}", 409)

    @staticmethod
    async def _check_source(
        aws: "EventSources", mapping: EventSourceMapping, function: Function
    ) -> None:
        try:
            visibility = await aws.check_source(mapping)
        except LookupError as error:
            raise_user_error(_INVALID, str(error))
        timeout = function.desired_configuration.timeout
        if mapping.kind == SQS and visibility < timeout:
            message = (
                f"Queue visibility timeout: {visibility} seconds is less than"
                f" Function timeout: {timeout:.0f} seconds"
            )
            raise_user_error(_INVALID, message)

    async def _list(self, request: Request) -> Response:
        source = query_parameter(request.scope, "EventSourceArn")
        name = query_parameter(request.scope, "FunctionName")
        wanted = self._resolve(name)[0].configuration.name if name else None
        found = [
            self._describe(each)
            for each in self._mappings.values()
            if source in (None, each.source) and wanted in (None, each.function)
        ]
        return json_response({"EventSourceMappings": found})

    async def _get(self, request: Request) -> Response:
        return json_response(self._describe(self._find(request)))

    async def _update(self, request: Request) -> Response:
        members = await read_json_body(request)
        before = self._find(request)
        name = str(members.pop("FunctionName", None) or before.target)
        properties = {**before.properties, **members}
        mapping = _mapping(*self._resolve(name), before.source, properties, before.uuid)
        assert self._aws is not None  # noqa: S101  # it has the mapping
        self._aws.remove(before.uuid)
        self._aws.add(mapping)
        state = None
        if mapping.enabled != before.enabled:
            state = "Enabling" if mapping.enabled else "Disabling"
        return json_response(self._describe(mapping, state or "Updating"), 202)

    async def _delete(self, request: Request) -> Response:
        mapping = self._find(request)
        assert self._aws is not None  # noqa: S101  # it has the mapping
        self._aws.remove(mapping.uuid)
        return json_response(self._describe(mapping, "Deleting"), 202)

    def _find(self, request: Request) -> EventSourceMapping:
        identifier = unquote(request.scope["path"].rstrip("/").rpartition("/")[2])
        mapping = self._mappings.get(identifier)
        if mapping is None:
            raise_not_found("The resource you requested does not exist.")
        return mapping


def _mapping(
    function: Function,
    qualifier: str | None,
    source: str,
    members: dict[str, Any],
    identifier: str,
) -> EventSourceMapping:
    """Return a mapping with a client's settings. Raises ServiceError."""
    try:
        name = function.configuration.name
        return EventSourceMapping(name, source, members, identifier, qualifier=qualifier)
    except InvalidMappingError as error:
        raise_user_error(_INVALID, str(error))
