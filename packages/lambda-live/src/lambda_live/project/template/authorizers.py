"""
The authorizers of APIs.

Sources: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-controlling-access-to-apis.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-authorizer.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-authorizer.html
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypedDict

from lambda_live.model.template import Authorizer
from lambda_live.project.document import Value
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.references import Unresolved
from lambda_live.project.template.resources import Resources


class TokenSettings(TypedDict, total=False):
    """The part of an `Authorizer` that says whose tokens it accepts, with the same keys."""

    issuers: tuple[str, ...]
    audiences: tuple[str, ...]


IAM = "AWS_IAM"
_KINDS = ("Type", "TOKEN", "REQUEST", "COGNITO_USER_POOLS")
_IDENTITY_SOURCES = {
    "Headers": "header",
    "QueryStrings": "querystring",
    "StageVariables": "stageVariables",
    "Context": "context",
}


def for_event(
    resources: Resources, api: Properties, event: Properties, *, rest: bool
) -> Authorizer | None:
    """Return the authorizer of a SAM event, else the default of its API."""
    own = event.section("Auth")
    if "Authorizer" in own:
        found = _named(resources, api, own, "Authorizer", rest=rest)
    else:
        found = default_authorizer(resources, api, rest=rest)
    scopes = own.texts("AuthorizationScopes")
    return replace(found, scopes=scopes) if found and scopes else found


def default_authorizer(resources: Resources, api: Properties, *, rest: bool) -> Authorizer | None:
    """Return the default authorizer of a SAM API."""
    return _named(resources, api, api.section("Auth"), "DefaultAuthorizer", rest=rest)


def for_preflight(resources: Resources, api: Properties) -> Authorizer | None:
    """Return the authorizer of the OPTIONS method that SAM adds: the API's, unless turned off."""
    is_added = api.section("Auth").flag("AddDefaultAuthorizerToCorsPreflight", default=True)
    return default_authorizer(resources, api, rest=True) if is_added else None


def _named(
    resources: Resources, api: Properties, auth: Properties, key: str, *, rest: bool
) -> Authorizer | None:
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
    if "UserPoolArn" in authorizer:
        token = authorizer.section("Identity").text("Header") or "Authorization"
        return Authorizer(
            name,
            "COGNITO_USER_POOLS",
            identity=(f"header.{token}",),
            scopes=authorizer.texts("AuthorizationScopes"),
            **user_pool_settings(authorizer, "UserPoolArn"),
        )
    if "FunctionArn" not in authorizer:
        return Authorizer(
            name,
            "JWT",
            identity=tuple(identity_sources(authorizer, "IdentitySource")),
            scopes=authorizer.texts("AuthorizationScopes"),
            **jwt_settings(authorizer.section("JwtConfiguration")),
        )
    return _sam_lambda_authorizer(resources, name, authorizer, rest=rest)


def _sam_lambda_authorizer(
    resources: Resources, name: str, properties: Properties, *, rest: bool
) -> Authorizer:
    identity = properties.section("Identity")
    kind = properties.choice("FunctionPayloadType", "TOKEN", "REQUEST") if rest else "REQUEST"
    listed = tuple(
        f"{source}.{each}"
        for key, source in _IDENTITY_SOURCES.items()
        for each in identity.texts(key)
    )
    token = (f"header.{identity.text('Header') or 'Authorization'}",)
    return Authorizer(
        name,
        kind,
        function=authorizing_function(resources, properties.raw.get("FunctionArn")),
        identity=token if kind == "TOKEN" else listed,
        validation=identity.pattern("ValidationExpression"),
        is_cached=not rest or identity.number("ReauthorizeEvery", 0, 3600, "seconds") != 0,
        payload_format=properties.choice("AuthorizerPayloadFormatVersion", "1.0", "2.0"),
        has_simple_response=properties.flag("EnableSimpleResponses"),
    )


def for_method(resources: Resources, method: Properties) -> Authorizer | None:
    """Return the authorizer of a CloudFormation REST API method or HTTP API route."""
    authorization = method.text("AuthorizationType") or "NONE"
    if authorization == IAM:
        return Authorizer(IAM, IAM)
    owner, logical_id = resources.resolve_owner(method.raw.get("AuthorizerId"))
    found = owner.get(logical_id)
    if found is None:
        # An authorizer of another stack.
        kind = "REQUEST" if authorization == "CUSTOM" else authorization
        return None if authorization == "NONE" else Authorizer(authorization, kind)
    properties, rest = found.properties, found.type == "AWS::ApiGateway::Authorizer"
    identity = tuple(identity_sources(properties, "IdentitySource"))
    kind = (
        properties.choice(*_KINDS)
        if rest
        else properties.choice("AuthorizerType", "JWT", "REQUEST")
    )
    if kind == "TOKEN" and not identity:
        problem = f"{found.logical_id} has no IdentitySource"
        properties.fail("IdentitySource", problem, "add method.request.header.Authorization")
    return Authorizer(
        found.logical_id,
        kind,
        function=authorizing_function(owner, properties.raw.get("AuthorizerUri")),
        identity=identity,
        validation=properties.pattern("IdentityValidationExpression"),
        is_cached=not rest
        or properties.number("AuthorizerResultTtlInSeconds", 0, 3600, "seconds") != 0,
        payload_format=properties.choice("AuthorizerPayloadFormatVersion", "1.0", "2.0"),
        has_simple_response=properties.flag("EnableSimpleResponses"),
        scopes=method.texts("AuthorizationScopes"),
        **(
            user_pool_settings(properties, "ProviderARNs")
            if rest
            else jwt_settings(properties.section("JwtConfiguration"))
        ),
    )


def jwt_settings(configuration: Properties) -> TokenSettings:
    """Return issuer and audiences of a JWT authorizer, as far as the template has their values."""
    # CloudFormation capitalizes the names, OpenAPI and SAM do not.
    issuer, audience = (
        next((each for each in (name, name.lower()) if each in configuration), name)
        for name in ("Issuer", "Audience")
    )
    return TokenSettings(
        issuers=_known(configuration.texts(issuer)),
        audiences=_known(configuration.texts(audience)),
    )


def user_pool_settings(properties: Properties, key: str) -> TokenSettings:
    """Return the issuers of the user pools whose ARNs a property lists, none if one is unknown."""
    parts = [each.split(":") for each in _known(properties.texts(key))]
    issuers = (
        f"https://cognito-idp.{region}.amazonaws.com/{pool.removeprefix('userpool/')}"
        for *_, region, _, pool in parts
    )
    return TokenSettings(issuers=tuple(issuers))


def _known(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the texts; none if one is only known after deployment, because any may be right."""
    return () if any(isinstance(each, Unresolved) for each in texts) else texts


def identity_sources(properties: Properties, key: str) -> Iterable[str]:
    """Yield what a request must contain, as `header.NAME`. Raises TemplateError."""
    for text in properties.texts(key):
        for expression in filter(None, map(str.strip, text.split(","))):
            source = expression.removeprefix("$").removeprefix("method.").removeprefix("request.")
            if source.partition(".")[0] not in _IDENTITY_SOURCES.values():
                problem = f"invalid identity source {expression!r}"
                properties.fail(key, problem, "use method.request.header.NAME")
            yield source


def authorizing_function(resources: Resources, uri: Value) -> str | None:
    """Return the name of the function that an authorizer's URI refers to."""
    found = resources.application.function(resources.resolve_quietly(uri))
    return found[0].name_of(found[1].logical_id) if found else None
