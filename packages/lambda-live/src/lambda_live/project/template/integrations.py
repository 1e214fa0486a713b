"""
The integrations of APIs with backends, and which function each of them leads to.

An integration names its function by an ARN, which may be that of an alias or of a version, or come
from a condition, a mapping or another stack. So its URI is resolved first, and then compared with
the ARNs of all functions. Each URI is resolved once.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import override

from lambda_live.model.template import Cors, Route
from lambda_live.project.template import api_keys, authorizers, request_validation
from lambda_live.project.template.api_settings import (
    Stage,
    check_path,
    http_api_cors,
    http_api_stage,
    http_method,
    integration_timeout,
    is_proxy,
    mock_cors,
    report_mappings,
    rest_api_stage,
    tenant_source,
)
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.stack import Resource

_QUALIFIER = re.compile(r":lambda:[\w-]*:\d*:function:[\w-]+:(\$LATEST|[\w-]+)")
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")
_OTHER_BACKENDS = ("AWS", "HTTP", "HTTP_PROXY")


class Integration(ABC):
    """
    An integration of an API with a backend.

    `owner` is the resource that defines it. `label` describes the route. `prefix` starts the names
    of its type and its URI.
    """

    prefix = ""

    def __init__(self, owner: Resource, api: Resource, properties: Properties, label: str) -> None:
        self.owner = owner
        self.api = api
        self.properties = properties
        self.label = label

    @property
    @abstractmethod
    def stage(self) -> Stage:
        """The settings of the API's stage."""

    @abstractmethod
    def route(self) -> Route:
        """Return the route to a function. Raises TemplateError."""

    @property
    def uri(self) -> str:
        """The resolved URI, with the values of the stage's variables."""
        uri = self.properties.quiet_text(f"{self.prefix}Uri")
        if "stageVariables" not in uri:
            return uri
        variables = self.stage.get("stage_variables") or {}
        return _STAGE_VARIABLE.sub(lambda found: variables.get(found[1], found[0]), uri)

    @property
    def _is_preflight(self) -> bool:
        is_options = self.owner.properties.text("HttpMethod") == "OPTIONS"
        return is_options or self.label.startswith("OPTIONS ")

    def note_missing_function(self, uri: str) -> None:
        """Report a route that leads to no function of the application, except CORS's mocks."""
        kind = (self.properties.text(f"{self.prefix}Type") or "").upper()
        if action := self.properties.text("IntegrationSubtype"):
            reason = f"it calls the AWS service action {action}; only functions are called here"
        elif kind == "AWS_PROXY":
            backend = uri.rpartition("/functions/")[2].removesuffix("/invocations") or "nothing"
            reason = (
                f"it leads to {backend}, which is not a function of this template; refer to the"
                " function with !GetAtt NAME.Arn"
            )
        elif kind in _OTHER_BACKENDS:
            backend = uri.rpartition(":apigateway:")[2] or "a backend"
            reason = f"it leads to {backend}; only functions are called here"
        elif kind == "MOCK" and not self._is_preflight:
            reason = "it is a mock; only functions are called here"
        else:
            return
        key = "Uri" if f"{self.prefix}Uri" in self.properties else "Type"
        self.properties.note(f"{self.prefix}{key}", f"{self.label} is not served: {reason}")


class HttpApiIntegration(Integration):
    """An AWS::ApiGatewayV2::Integration, as CDK and `serverless package` write them."""

    prefix = "Integration"

    @property
    @override
    def stage(self) -> Stage:
        return http_api_stage(self.api)

    @override
    def route(self) -> Route:
        route = self.owner.properties
        method, _, path = (route.text("RouteKey") or "$default").rpartition(" ")
        check_path(route, "RouteKey", path)
        report_mappings(self.properties)
        return Route(
            api=self.api.qualified_id,
            path=path,
            method=http_method(route, "RouteKey", method or "ANY"),
            payload_format=self.properties.choice("PayloadFormatVersion", "1.0", "2.0"),
            authorizer=authorizers.for_method(route),
            cors=http_api_cors(self.api.properties),
            timeout=integration_timeout(self.properties, rest=False),
            **self.stage,
        )


class QuickIntegration(HttpApiIntegration):
    """
    The integration of an AWS::ApiGatewayV2::Api that has a Target, for its only route.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-api.html
    """

    @property
    @override
    def uri(self) -> str:
        return self.properties.quiet_text("Target")

    @override
    def note_missing_function(self, uri: str) -> None:
        problem = f"{self.label} is not served: it leads to {uri}; only functions are called here"
        self.properties.note("Target", problem)

    @override
    def route(self) -> Route:
        return replace(super().route(), payload_format="2.0")


def http_api_integrations(route: Resource) -> Iterator[Integration]:
    """Yield the integration of an AWS::ApiGatewayV2::Route. Report a missing one."""
    if is_websocket(route):
        return
    label = f"the route {route.properties.text('RouteKey') or '$default'}"
    if (integration := integration_of(route)) is not None:
        api = route.properties.resource("ApiId")
        yield HttpApiIntegration(route, api, integration, label)
    else:
        reason = "its Target is not an integration of this template; write integrations/${NAME}"
        route.note(f"{label} is not served: {reason}")


def integration_of(route: Resource) -> Properties | None:
    """Return the integration that an AWS::ApiGatewayV2::Route names."""
    found = route.stack.get(route.properties.reference("Target") or "")
    return found.properties if found else None


def is_websocket(route: Resource) -> bool:
    """Whether the route belongs to a WebSocket API."""
    return route.properties.resource("ApiId").properties.text("ProtocolType") == "WEBSOCKET"


class RestApiIntegration(Integration):
    """The integration of an AWS::ApiGateway::Method; each part of its path is a resource."""

    @property
    @override
    def stage(self) -> Stage:
        return rest_api_stage(self.api)

    @override
    def route(self) -> Route:
        method = self.owner.properties
        report_mappings(self.properties)
        return Route(
            api=self.api.qualified_id,
            path=_rest_api_path(method.resource("ResourceId")) or "/",
            method=http_method(method, "HttpMethod", method.text("HttpMethod") or "ANY"),
            payload_format="1.0",
            authorizer=authorizers.for_method(method),
            cors=_options_cors(self.owner),
            is_rest=True,
            is_proxy=is_proxy(self.properties, "IntegrationHttpMethod"),
            timeout=integration_timeout(self.properties, rest=True),
            api_key=api_keys.for_method(method),
            validation=request_validation.for_method(method),
            tenant=tenant_source(self.properties),
            **self.stage,
        )


def rest_api_integrations(method: Resource) -> Iterator[Integration]:
    """Yield the integration of an AWS::ApiGateway::Method."""
    integration, api = (
        method.properties.section("Integration"),
        method.properties.resource("RestApiId"),
    )
    yield RestApiIntegration(method, api, integration, f"the method {method.logical_id}")


def _options_cors(method: Resource) -> Cors | None:
    """Return the CORS settings of the OPTIONS method of the same path."""
    path = method.properties.raw.get("ResourceId")
    for each in method.stack.by_type("AWS::ApiGateway::Method"):
        integration = each.properties.section("Integration")
        is_options = each.properties.text("HttpMethod") == "OPTIONS"
        is_mock = is_options and integration.text("Type") == "MOCK"
        if is_mock and each.properties.raw.get("ResourceId") == path:
            responses = integration.items("IntegrationResponses")
            return mock_cors(each.section("ResponseParameters") for each in responses)
    return None


def _rest_api_path(resource: Resource) -> str:
    if resource.type != "AWS::ApiGateway::Resource":
        return ""  # the root, which is an attribute of the API
    part = resource.properties.text("PathPart")
    if part is None:
        resource.properties.fail("PathPart", f"{resource.logical_id} has no PathPart", "add it")
    return f"{_rest_api_path(resource.properties.resource('ParentId'))}/{part}"


class FunctionRoutes:
    """The routes of an application's APIs by function."""

    def __init__(self, integrations: Iterable[Integration]) -> None:
        self._integrations: dict[str, list[tuple[Integration, str | None]]] = {}
        self._event_routes: dict[tuple[str, str, str], int] = {}
        for each in integrations:
            with each.owner.reading():
                uri = each.uri
                if (function := each.owner.stack.application.function(uri)) is None:
                    each.note_missing_function(uri)
                else:
                    qualifier = _QUALIFIER.search(uri)
                    found = each, qualifier[1] if qualifier else None
                    self._integrations.setdefault(function.arn, []).append(found)

    def routes_to(self, function: Resource) -> Iterator[Route]:
        """Yield the valid routes to a function."""
        for each, qualifier in self._integrations.get(function.arn, ()):
            with each.owner.reading():
                yield replace(each.route(), qualifier=qualifier)

    def add_event(self, event: Properties, api: str, method: str, path: str) -> None:
        """Record the route of a SAM event. Raises TemplateError if another event has it."""
        if (first := self._event_routes.get((api, method, path))) is not None:
            problem = f"duplicate route {method} {path} of {api}, first on line {first}"
            event.fail("Path", problem, "remove one of them")
        self._event_routes[api, method, path] = event.line("Path")
