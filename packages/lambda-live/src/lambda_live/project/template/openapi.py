"""
Routes and authorizers of OpenAPI definitions.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authtype.html
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from lambda_live.model.template import Authorizer, Cors, Route
from lambda_live.project.document import Object, Value
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
from lambda_live.project.template.integrations import Integration
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.property_support import SAM_API_REPORTS, report
from lambda_live.project.template.resources import Resource, Resources

BODIES = {
    "AWS::Serverless::Api": "DefinitionBody",
    "AWS::Serverless::HttpApi": "DefinitionBody",
    "AWS::ApiGateway::RestApi": "Body",
    "AWS::ApiGatewayV2::Api": "Body",
}
_REST = ("AWS::Serverless::Api", "AWS::ApiGateway::RestApi")
_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_AUTHORIZER = "x-amazon-apigateway-authorizer"
_AUTH_TYPE = "x-amazon-apigateway-authtype"
_AUTH = "x-amazon-apigateway-auth"
_CORS = "x-amazon-apigateway-cors"
_BINARY_TYPES = "x-amazon-apigateway-binary-media-types"
_REPORTS = {
    "x-amazon-apigateway-gateway-responses": SAM_API_REPORTS["GatewayResponses"],
    "x-amazon-apigateway-policy": SAM_API_REPORTS["Policy"],
}


def integrations_of(resources: Resources, api: Resource) -> Iterator[Integration]:
    """Yield the integrations of an API's definition."""
    body = _body(resources, api)
    report(resources, body, _REPORTS)
    paths = body.section("paths")
    for key, methods in paths.sections():
        path = key.removeprefix("/") if key == "/$default" else key
        for method in (*map(str.lower, METHODS), _ANY):
            operation = methods.section(method)
            integration = operation.section(_INTEGRATION)
            if not integration.raw:
                continue
            check = partial(check_path, paths, key, path)
            read = partial(_route, resources, api, path, method, methods, operation, body, check)
            label = f"{method.upper().replace(_ANY.upper(), 'ANY')} {path}"
            stage = partial(_stage, resources, api, rest=api.type in _REST)
            yield Integration(resources, api, integration, ("uri", "type"), label, stage, read)


def _body(resources: Resources, api: Resource) -> Properties:
    """Return the definition, from the template or from a local file. Report one elsewhere."""
    for key in ("DefinitionUri", "BodyS3Location"):
        uri = api.properties.get(key)
        included = resources.included(uri) if isinstance(uri, str) else None
        if isinstance(included, Object):
            return api.properties.included(included)
        if uri is not None:
            place = f"the file {uri} does not exist" if _is_local(uri) else "it is in S3"
            problem = f"the routes of {api.logical_id} in its {key} are not served: {place}"
            resources.note(api.properties.line(key), f"{problem}; name a local YAML or JSON file")
    return api.properties.section(BODIES[api.type])


def _is_local(uri: Value) -> bool:
    return isinstance(uri, str) and "://" not in uri


def _route(  # noqa: PLR0913, PLR0917  # all of them describe one operation
    resources: Resources,
    api: Resource,
    path: str,
    method: str,
    methods: Properties,
    operation: Properties,
    body: Properties,
    check: Callable[[], None],
) -> Route | None:
    rest, integration = api.type in _REST, operation.section(_INTEGRATION)
    if rest and not is_proxy(resources, integration, "type", "httpMethod"):
        return None
    report_mappings(resources, integration)
    check()
    version = integration.choice("payloadFormatVersion", "1.0", "2.0")
    stage = _stage(resources, api, rest=rest)
    if rest:
        types = (*stage.get("binary_media_types", ()), *body.texts(_BINARY_TYPES))
        stage["binary_media_types"] = types
    return Route(
        api=resources.qualified_id(api.logical_id),
        path=path,
        method="ANY" if method == _ANY else method.upper(),
        payload_format="1.0" if rest else version,
        authorizer=_operation_authorizer(resources, api, body, operation, rest=rest),
        cors=_rest_cors(resources, api, methods) if rest else _http_cors(api, body),
        is_rest=rest,
        timeout=integration_timeout(integration, "timeoutInMillis", rest=rest),
        api_key=api_keys.for_operation(resources, api, body, operation) if rest else None,
        validation=request_validation.for_operation(resources, body, methods, operation)
        if rest
        else None,
        tenant=tenant_source(integration.section("requestParameters")) if rest else None,
        **stage,
    )


def _rest_cors(resources: Resources, api: Resource, methods: Properties) -> Cors | None:
    """Return SAM's CORS settings, else those of the path's OPTIONS method if it is a mock."""
    integration = methods.section("options").section(_INTEGRATION)
    if (integration.text("type") or "").lower() != "mock":
        return rest_api_cors(resources, api.properties)
    responses = integration.section("responses").sections()
    found = mock_cors(each.section("responseParameters") for _, each in responses)
    return found or rest_api_cors(resources, api.properties)


def _http_cors(api: Resource, body: Properties) -> Cors | None:
    found = http_api_cors(api.properties)
    return cors_section(body.section(_CORS), "allow") if found is None and _CORS in body else found


def _stage(resources: Resources, api: Resource, *, rest: bool) -> Stage:
    if api.type.startswith("AWS::Serverless::"):
        return stage_of(api.properties, rest=rest)
    return (rest_api_stage if rest else http_api_stage)(resources, api.logical_id)


def _operation_authorizer(
    resources: Resources, api: Resource, body: Properties, operation: Properties, *, rest: bool
) -> Authorizer | None:
    """Return the authorizer of an operation, else of its definition, else SAM's default."""
    if operation.section(_AUTH).text("type") == IAM:
        return Authorizer(IAM, IAM)
    required = api_keys.required_schemes(body, operation)
    if required is None:
        return authorizers.default_authorizer(resources, api.properties, rest=rest)
    for name, scheme, requirement in required:
        if (found := _scheme_authorizer(resources, scheme, name, rest=rest)) is not None:
            return replace(found, scopes=requirement.texts(name))
    return None


def _scheme_authorizer(
    resources: Resources, scheme: Properties, name: str, *, rest: bool
) -> Authorizer | None:
    if scheme.text(_AUTH_TYPE) == "awsSigv4":
        return Authorizer(name, IAM)
    if _AUTHORIZER not in scheme:
        return None  # an API key
    properties = scheme.section(_AUTHORIZER)
    kind = properties.choice("type", "token", "request", "jwt", "cognito_user_pools").upper()
    token = (f"header.{scheme.text('name') or 'Authorization'}",)
    return Authorizer(
        name,
        kind,
        function=authorizers.authorizing_function(resources, properties.raw.get("authorizerUri")),
        identity=token
        if kind in ("TOKEN", "COGNITO_USER_POOLS")
        else tuple(authorizers.identity_sources(properties, "identitySource")),
        validation=properties.pattern("identityValidationExpression"),
        is_cached=not rest
        or properties.number("authorizerResultTtlInSeconds", 0, 3600, "seconds") != 0,
        payload_format=properties.choice("authorizerPayloadFormatVersion", "1.0", "2.0"),
        has_simple_response=properties.flag("enableSimpleResponses"),
        **(
            authorizers.user_pool_settings(properties, "providerARNs")
            if "providerARNs" in properties
            else authorizers.jwt_settings(properties.section("jwtConfiguration"))
        ),
    )
