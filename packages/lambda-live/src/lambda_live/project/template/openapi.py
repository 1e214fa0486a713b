"""
Routes of OpenAPI definitions.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import override

from lambda_live.model.template import Authorizer, Cors, Route
from lambda_live.project.document import Object
from lambda_live.project.template import api_keys, authorizers, request_validation
from lambda_live.project.template.api_settings import (
    METHODS,
    Stage,
    check_path,
    cors_section,
    http_api_cors,
    http_api_stage,
    integration_timeout,
    is_proxy,
    mock_cors,
    report_mappings,
    rest_api_cors,
    rest_api_stage,
    stage_of,
    tenant_source,
)
from lambda_live.project.template.authorizers import IAM
from lambda_live.project.template.integrations import Integration, QuickIntegration
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.property_support import SAM_API_REPORTS, report
from lambda_live.project.template.stack import Resource

BODIES = {
    "AWS::Serverless::Api": "DefinitionBody",
    "AWS::Serverless::HttpApi": "DefinitionBody",
    "AWS::ApiGateway::RestApi": "Body",
    "AWS::ApiGatewayV2::Api": "Body",
}
_REST = ("AWS::Serverless::Api", "AWS::ApiGateway::RestApi")
_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_AUTH = "x-amazon-apigateway-auth"
_CORS = "x-amazon-apigateway-cors"
_BINARY_TYPES = "x-amazon-apigateway-binary-media-types"
_SIMILARITY = 0.9
"""Above that of two extensions, such as x-amazon-apigateway-auth."""

_REPORTS = {
    "x-amazon-apigateway-gateway-responses": SAM_API_REPORTS["GatewayResponses"],
    "x-amazon-apigateway-policy": SAM_API_REPORTS["Policy"],
}


def integrations_of(api: Resource) -> Iterator[Integration]:
    """Yield the integrations of an API's definition, and that of its Target."""
    if api.type == "AWS::ApiGatewayV2::Api" and "Target" in api.properties:
        yield QuickIntegration(api, api, api.properties, "the route to its Target")
    body = _body(api)
    report(body, _REPORTS)
    paths = body.section("paths")
    for path, operations in paths.sections():
        for method in filter(operations.raw.__contains__, (*map(str.lower, METHODS), _ANY)):
            if operations.section(method).section(_INTEGRATION).raw:
                yield _Operation(api, body, path, method)
            else:
                _report_missing_integration(api, operations, path, method)


def _report_missing_integration(
    api: Resource, operations: Properties, path: str, method: str
) -> None:
    """Report an operation that AWS rejects, except one whose integration SAM may add."""
    operation = operations.section(method)
    for near in get_close_matches(_INTEGRATION, operation.raw, 1, _SIMILARITY):
        operation.note(near, f"unknown property {near}; did you mean {_INTEGRATION}?")
        return
    if not api.type.startswith("AWS::Serverless::"):
        problem = f"{method.upper()} {path} is not served: it has no integration"
        operations.note(method, f"{problem}; add {_INTEGRATION}")


def _body(api: Resource) -> Properties:
    """Return the definition, from the template or from a local file. Report one elsewhere."""
    for key in ("DefinitionUri", "BodyS3Location"):
        uri = api.properties.get(key)
        included = api.stack.context.included(uri) if isinstance(uri, str) else None
        if isinstance(included, Object):
            return Properties(included, api.stack)
        if uri is not None:
            is_local = isinstance(uri, str) and "://" not in uri
            place = f"the file {uri} does not exist" if is_local else "it is in S3"
            problem = f"the routes of {api.logical_id} in its {key} are not served: {place}"
            api.properties.note(key, f"{problem}; name a local YAML or JSON file")
    return api.properties.section(BODIES[api.type])


class _Operation(Integration):
    """The integration of one method of a path; the method is written as in the definition."""

    def __init__(self, api: Resource, body: Properties, path: str, method: str) -> None:
        self._body = body
        self._key = path
        self._path = path.removeprefix("/") if path == "/$default" else path
        self._method = "ANY" if method == _ANY else method.upper()
        self._operations = body.section("paths").section(path)
        self._operation = self._operations.section(method)
        self._rest = api.type in _REST
        integration = self._operation.section(_INTEGRATION, in_openapi=True)
        super().__init__(api, api, integration, f"{self._method} {self._path}")

    @property
    @override
    def stage(self) -> Stage:
        if self.api.type.startswith("AWS::Serverless::"):
            stage = stage_of(self.api.properties, rest=self._rest)
        else:
            stage = (rest_api_stage if self._rest else http_api_stage)(self.api)
        if self._rest:
            types = (*stage.get("binary_media_types", ()), *self._body.texts(_BINARY_TYPES))
            stage["binary_media_types"] = types
        return stage

    @override
    def route(self) -> Route:
        report_mappings(self.properties)
        check_path(self._body.section("paths"), self._key, self._path)
        payload_format = self.properties.choice("PayloadFormatVersion", "1.0", "2.0")
        route = Route(
            api=self.api.qualified_id,
            path=self._path,
            method=self._method,
            payload_format="1.0" if self._rest else payload_format,
            authorizer=self._authorizer(),
            cors=self._rest_cors() if self._rest else self._http_cors(),
            is_rest=self._rest,
            is_proxy=not self._rest or is_proxy(self.properties, "HttpMethod"),
            timeout=integration_timeout(self.properties, rest=self._rest),
            **self.stage,
        )
        if not self._rest:
            return route
        body, operation = self._body, self._operation
        return replace(
            route,
            api_key=api_keys.for_operation(self.api.properties, body, operation),
            validation=request_validation.for_operation(body, self._operations, operation),
            tenant=tenant_source(self.properties),
        )

    def _rest_cors(self) -> Cors | None:
        """Return SAM's CORS settings, else those of the path's OPTIONS method if it is a mock."""
        integration = self._operations.section("options").section(_INTEGRATION)
        if (integration.text("type") or "").lower() != "mock":
            return rest_api_cors(self.api.properties)
        responses = integration.section("responses").sections()
        found = mock_cors(each.section("responseParameters") for _, each in responses)
        return found or rest_api_cors(self.api.properties)

    def _http_cors(self) -> Cors | None:
        found = http_api_cors(self.api.properties)
        if found is None and _CORS in self._body:
            return cors_section(self._body.section(_CORS, in_openapi=True))
        return found

    def _authorizer(self) -> Authorizer | None:
        """Return the authorizer of the operation, else of its definition, else SAM's default."""
        if self._operation.section(_AUTH).text("type") == IAM:
            return Authorizer(IAM, IAM)
        required = api_keys.required_schemes(self._body, self._operation)
        if required is None:
            return authorizers.default_authorizer(self.api.properties, rest=self._rest)
        for name, scheme, requirement in required:
            if (found := authorizers.for_scheme(name, scheme, rest=self._rest)) is not None:
                return replace(found, scopes=requirement.texts(name))
        return None
