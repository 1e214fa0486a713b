"""
The routes that an OpenAPI definition within the template names.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from collections.abc import Iterator

from lambda_live.model.template import Authorizer, Route
from lambda_live.project.template import cors
from lambda_live.project.template.document import Object
from lambda_live.project.template.openapi_authorizers import of_operation
from lambda_live.project.template.paths import METHODS, check_path
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.resources import Resource, Resources
from lambda_live.project.template.stages import stage_of, timeout_of

_BODIES = {
    "AWS::Serverless::Api": "DefinitionBody",
    "AWS::Serverless::HttpApi": "DefinitionBody",
    "AWS::ApiGateway::RestApi": "Body",
    "AWS::ApiGatewayV2::Api": "Body",
}
_REST = ("AWS::Serverless::Api", "AWS::ApiGateway::RestApi")
_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"


def routes_of(resources: Resources, function: Resource) -> Iterator[Route]:
    """Return those that end at the function."""
    for api in resources.of(*_BODIES):
        body = _body(resources, api)
        paths = body.section("paths")
        for written, methods in paths.sections():
            path = written.removeprefix("/") if written == "/$default" else written
            for method in (*map(str.lower, METHODS), _ANY):
                operation = methods.section(method)
                uri = operation.section(_INTEGRATION).raw.get("uri")
                if resources.leads_to(uri, function):
                    check_path(paths, written, path)
                    rest = api.type in _REST
                    who = of_operation(resources, api, body, operation, rest=rest)
                    yield _route(resources, api, path, method, operation, who)


def _body(resources: Resources, api: Resource) -> Properties:
    """Return the definition: what is written, or a file that is here."""
    uri = api.properties.raw.get("DefinitionUri")
    included = resources.included(uri) if isinstance(uri, str) else None
    if isinstance(included, Object):
        return api.properties.included(included)
    return api.properties.section(_BODIES[api.type])


def _route(  # noqa: PLR0913, PLR0917  # all of them are of one operation
    resources: Resources,
    api: Resource,
    path: str,
    method: str,
    operation: Properties,
    authorizer: Authorizer | None,
) -> Route:
    rest, integration = api.type in _REST, operation.section(_INTEGRATION)
    version = integration.choice("payloadFormatVersion", "1.0", "2.0")
    return Route(
        api=resources.outside(api.logical_id),
        path=path,
        method="ANY" if method == _ANY else method.upper(),
        payload_format="1.0" if rest else version,
        authorizer=authorizer,
        cors=cors.of_rest_api(api.properties) if rest else cors.of_http_api(api.properties),
        is_rest=rest,
        timeout=timeout_of(integration, "timeoutInMillis", rest=rest),
        **stage_of(api.properties, rest=rest),
    )
