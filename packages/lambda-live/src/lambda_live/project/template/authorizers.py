"""
The authorizers of APIs.

Sources: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-controlling-access-to-apis.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-authorizer.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authtype.html
"""

from dataclasses import replace

from lambda_live.model.template import Authorizer
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.values import Unresolved

IAM = "AWS_IAM"
_EXTENSION = "x-amazon-apigateway-authorizer"
_IDENTITY_SOURCES = {
    "Headers": "header",
    "QueryStrings": "querystring",
    "StageVariables": "stageVariables",
    "Context": "context",
}


def for_event(api: Properties, event: Properties, *, rest: bool) -> Authorizer | None:
    """Return the authorizer of a SAM event, else the default of its API."""
    own = event.section("Auth")
    if "Authorizer" in own:
        found = _named(api, own, "Authorizer", rest=rest)
    else:
        found = default_authorizer(api, rest=rest)
    scopes = own.texts("AuthorizationScopes")
    return replace(found, scopes=scopes) if found and scopes else found


def default_authorizer(api: Properties, *, rest: bool) -> Authorizer | None:
    """Return the default authorizer of a SAM API."""
    return _named(api, api.section("Auth"), "DefaultAuthorizer", rest=rest)


def for_preflight(api: Properties) -> Authorizer | None:
    """Return the authorizer of the OPTIONS method that SAM adds: the API's, unless turned off."""
    is_added = api.section("Auth").flag("AddDefaultAuthorizerToCorsPreflight", default=True)
    return default_authorizer(api, rest=True) if is_added else None


def _named(api: Properties, auth: Properties, key: str, *, rest: bool) -> Authorizer | None:
    name = auth.text(key)
    if name is None or name == "NONE":
        return None
    if name == IAM:
        return Authorizer(name, IAM)
    authorizers = api.section("Auth").section("Authorizers")
    if name not in authorizers:
        hint = "add it to Auth: Authorizers: of the API"
        auth.fail(key, f"the API has no authorizer {name!r}", hint)
    authorizer = authorizers.section(name)
    token = f"header.{authorizer.section('Identity').text('Header') or 'Authorization'}"
    scopes = authorizer.texts("AuthorizationScopes")
    if "UserPoolArn" in authorizer:
        issuers = _user_pools(authorizer, "UserPoolArn")
        return Authorizer(
            name, "COGNITO_USER_POOLS", identity=(token,), scopes=scopes, issuers=issuers
        )
    if "FunctionArn" not in authorizer:
        # SAM's keys of a JWT configuration are those of OpenAPI
        jwt = authorizer.section("JwtConfiguration", in_openapi=True)
        identity = _identity_sources(authorizer, "IdentitySource")
        issuers, audiences = _known(jwt, "Issuer"), _known(jwt, "Audience")
        return Authorizer(
            name, "JWT", identity=identity, scopes=scopes, issuers=issuers, audiences=audiences
        )
    return _sam_lambda_authorizer(name, authorizer, token, rest=rest)


def _sam_lambda_authorizer(
    name: str, properties: Properties, token: str, *, rest: bool
) -> Authorizer:
    identity = properties.section("Identity")
    kind = properties.choice("FunctionPayloadType", "TOKEN", "REQUEST") if rest else "REQUEST"
    listed = tuple(
        f"{source}.{each}"
        for key, source in _IDENTITY_SOURCES.items()
        for each in identity.texts(key)
    )
    return Authorizer(
        name,
        kind,
        function=_authorizing_function(properties, "FunctionArn"),
        identity=(token,) if kind == "TOKEN" else listed,
        validation=identity.pattern("ValidationExpression"),
        is_cached=not rest or identity.number("ReauthorizeEvery", 0, 3600, "seconds") != 0,
        payload_format=properties.choice("AuthorizerPayloadFormatVersion", "1.0", "2.0"),
        has_simple_response=properties.flag("EnableSimpleResponses"),
    )


def for_method(method: Properties) -> Authorizer | None:
    """Return the authorizer of a CloudFormation REST API method or HTTP API route."""
    authorization = method.text("AuthorizationType") or "NONE"
    if authorization == IAM:
        return Authorizer(IAM, IAM)
    found = method.resource("AuthorizerId")
    properties, rest = found.properties, found.type == "AWS::ApiGateway::Authorizer"
    if not found.type:  # an authorizer of another application
        kind = "REQUEST" if authorization == "CUSTOM" else authorization
        return None if authorization == "NONE" else Authorizer(authorization, kind)
    kind = (
        properties.choice("Type", "TOKEN", "REQUEST", "COGNITO_USER_POOLS")
        if rest
        else properties.choice("AuthorizerType", "JWT", "REQUEST")
    )
    identity = _identity_sources(properties, "IdentitySource")
    if kind == "TOKEN" and not identity:
        problem = f"{found.logical_id} has no IdentitySource"
        properties.fail("IdentitySource", problem, "add method.request.header.Authorization")
    authorizer = _authorizer(found.logical_id, kind, identity, properties, rest=rest)
    return replace(authorizer, scopes=method.texts("AuthorizationScopes"))


def for_scheme(name: str, scheme: Properties, *, rest: bool) -> Authorizer | None:
    """Return the authorizer of a security scheme of OpenAPI, None for an API key."""
    if scheme.text("x-amazon-apigateway-authtype") == "awsSigv4":
        return Authorizer(name, IAM)
    if _EXTENSION not in scheme:
        return None
    properties = scheme.section(_EXTENSION, in_openapi=True)
    kind = properties.choice("Type", "token", "request", "jwt", "cognito_user_pools").upper()
    if kind in ("TOKEN", "COGNITO_USER_POOLS"):
        identity: tuple[str, ...] = (f"header.{scheme.text('name') or 'Authorization'}",)
    else:
        identity = _identity_sources(properties, "IdentitySource")
    return _authorizer(name, kind, identity, properties, rest=rest)


def _authorizer(
    name: str, kind: str, identity: tuple[str, ...], properties: Properties, *, rest: bool
) -> Authorizer:
    jwt = properties.section("JwtConfiguration")
    ttl = properties.number("AuthorizerResultTtlInSeconds", 0, 3600, "seconds") if rest else None
    return Authorizer(
        name,
        kind,
        function=_authorizing_function(properties, "AuthorizerUri"),
        identity=identity,
        validation=properties.pattern("IdentityValidationExpression"),
        is_cached=ttl != 0,
        payload_format=properties.choice("AuthorizerPayloadFormatVersion", "1.0", "2.0"),
        has_simple_response=properties.flag("EnableSimpleResponses"),
        issuers=_user_pools(properties, "ProviderARNs") or _known(jwt, "Issuer"),
        audiences=_known(jwt, "Audience"),
    )


def _user_pools(properties: Properties, key: str) -> tuple[str, ...]:
    """Return the issuers of the user pools whose ARNs a property lists, if all are known."""
    parts = (each.split(":") for each in _known(properties, key))
    return tuple(
        f"https://cognito-idp.{region}.amazonaws.com/{pool.removeprefix('userpool/')}"
        for *_, region, _, pool in parts
    )


def _known(properties: Properties, key: str) -> tuple[str, ...]:
    """Return a list, empty if an item is only known after deployment: any value may be right."""
    texts = properties.texts(key)
    return () if any(isinstance(each, Unresolved) for each in texts) else texts


def _identity_sources(properties: Properties, key: str) -> tuple[str, ...]:
    """Return what a request must contain, as `header.NAME`. Raises TemplateError."""
    sources: list[str] = []
    for text in properties.texts(key):
        for expression in filter(None, map(str.strip, text.split(","))):
            source = expression.removeprefix("$").removeprefix("method.").removeprefix("request.")
            if source.partition(".")[0] not in _IDENTITY_SOURCES.values():
                problem = f"invalid identity source {expression!r}"
                properties.fail(key, problem, "use method.request.header.NAME")
            sources.append(source)
    return tuple(sources)


def _authorizing_function(properties: Properties, key: str) -> str | None:
    """Return the name of the function that an authorizer's URI refers to."""
    found = properties.stack.application.function(properties.quiet_text(key))
    return found.name if found else None
