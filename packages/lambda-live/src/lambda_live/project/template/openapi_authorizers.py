"""
Who decides which requests pass, as an OpenAPI definition says it.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authtype.html
"""

from lambda_live.model.template import Authorizer
from lambda_live.project.template import authorizers
from lambda_live.project.template.authorizers import IAM
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.resources import Resource, Resources

_AUTHORIZER = "x-amazon-apigateway-authorizer"
_SIGNED = "x-amazon-apigateway-authtype"
_AUTH = "x-amazon-apigateway-auth"


def of_operation(
    resources: Resources, api: Resource, body: Properties, operation: Properties, *, rest: bool
) -> Authorizer | None:
    """Return what an operation names, else what its definition does, else SAM's default."""
    if operation.section(_AUTH).text("type") == IAM:
        return Authorizer(IAM, IAM)
    own = "security" in operation.raw
    if not own and "security" not in body.raw:
        return authorizers.default_of(resources, api.properties, rest=rest)
    for requirement in (operation if own else body).items("security"):
        for name in requirement.raw:
            found = _of_scheme(resources, _scheme(body, name), name, rest=rest)
            if found is not None:
                return found
    return None


def _scheme(body: Properties, name: str) -> Properties:
    schemes = body.section("components").section("securitySchemes")
    return (schemes if name in schemes else body.section("securityDefinitions")).section(name)


def _of_scheme(
    resources: Resources, scheme: Properties, name: str, *, rest: bool
) -> Authorizer | None:
    if scheme.text(_SIGNED) == "awsSigv4":
        return Authorizer(name, IAM)
    if _AUTHORIZER not in scheme:
        return None  # an API key, which is no authorizer
    given = scheme.section(_AUTHORIZER)
    kind = given.choice("type", "token", "request", "jwt", "cognito_user_pools").upper()
    token = (f"header.{scheme.text('name') or 'Authorization'}",)
    return Authorizer(
        name,
        kind,
        function=authorizers.function_of(resources, given.raw.get("authorizerUri")),
        identity=token
        if kind == "TOKEN"
        else tuple(authorizers.sources_of(given, "identitySource")),
        validation=given.pattern("identityValidationExpression"),
        is_cached=not rest or given.number("authorizerResultTtlInSeconds", 0, 3600, "seconds") != 0,
        payload_format=given.choice("authorizerPayloadFormatVersion", "1.0", "2.0"),
        has_simple_response=given.flag("enableSimpleResponses"),
    )
