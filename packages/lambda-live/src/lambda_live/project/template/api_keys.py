"""
API keys of REST APIs.

Sources: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-apifunctionauth.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-key-source.html
"""

from lambda_live.model.template import ApiKeyRequirement
from lambda_live.project.template.properties import Properties


def for_event(api: Properties, event: Properties) -> ApiKeyRequirement | None:
    """Return the API key that a SAM event, or else its API, requires."""
    own, default = event.section("Auth"), api.section("Auth")
    auth = own if "ApiKeyRequired" in own else default
    return _requirement(api) if auth.flag("ApiKeyRequired") else None


def for_preflight(api: Properties) -> ApiKeyRequirement | None:
    """Return the API key that the OPTIONS method requires, which SAM adds."""
    auth = api.section("Auth")
    is_added = auth.flag("AddApiKeyRequiredToCorsPreflight", default=True)
    return _requirement(api) if auth.flag("ApiKeyRequired") and is_added else None


def for_method(method: Properties) -> ApiKeyRequirement | None:
    """Return the API key that a CloudFormation method requires."""
    api = method.resource("RestApiId").properties
    return _requirement(api) if method.flag("ApiKeyRequired") else None


def for_operation(
    api: Properties, body: Properties, operation: Properties
) -> ApiKeyRequirement | None:
    """Return the API key that an operation, or else its definition, or else SAM, requires."""
    required = required_schemes(body, operation)
    if required is None:
        is_required = api.section("Auth").flag("ApiKeyRequired")
    else:
        is_required = any(
            scheme.text("type") == "apiKey" and (scheme.text("name") or "").lower() == "x-api-key"
            for _, scheme, _ in required
        )
    return _requirement(api) if is_required else None


def required_schemes(
    body: Properties, operation: Properties
) -> list[tuple[str, Properties, Properties]] | None:
    """
    Return name, definition and requirement of each security scheme of an OpenAPI operation.

    The operation's own come first, then the definition's. Return None if neither has `security`.
    """
    own = "security" in operation.raw
    if not own and "security" not in body.raw:
        return None
    schemes = body.section("components").section("securitySchemes")
    definitions = body.section("securityDefinitions")
    return [
        (name, (schemes if name in schemes else definitions).section(name), requirement)
        for requirement in (operation if own else body).items("security")
        for name in requirement.raw
    ]


def _requirement(api: Properties) -> ApiKeyRequirement:
    source, keys = api.text("ApiKeySourceType") or "HEADER", dict[str, str]()
    for key in api.stack.application.by_type("AWS::ApiGateway::ApiKey"):
        value = key.properties.known_text("Value")
        if value is None:
            return ApiKeyRequirement(source)
        if key.properties.flag("Enabled", default=True):
            keys[value] = key.logical_id
    return ApiKeyRequirement(source, keys)
