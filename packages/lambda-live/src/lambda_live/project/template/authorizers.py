"""
Who decides which requests an API lets pass.

Sources: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-controlling-access-to-apis.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-authorizer.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-authorizer.html
"""

from collections.abc import Iterable

from lambda_live.model.template import Authorizer
from lambda_live.project.template.document import Object, Value
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.resources import FUNCTIONS, Resources

IAM = "AWS_IAM"
_KINDS = ("Type", "TOKEN", "REQUEST", "COGNITO_USER_POOLS")
_SOURCES = {
    "Headers": "header",
    "QueryStrings": "querystring",
    "StageVariables": "stageVariables",
    "Context": "context",
}


def of_event(
    resources: Resources, api: Properties, event: Properties, *, rest: bool
) -> Authorizer | None:
    """Return what SAM's event names, else its API."""
    own = event.section("Auth")
    if "Authorizer" in own:
        return _of_name(resources, api, own, "Authorizer", rest=rest)
    return default_of(resources, api, rest=rest)


def default_of(resources: Resources, api: Properties, *, rest: bool) -> Authorizer | None:
    """Return that of SAM's API for whatever names none."""
    return _of_name(resources, api, api.section("Auth"), "DefaultAuthorizer", rest=rest)


def of_preflight(resources: Resources, api: Properties) -> Authorizer | None:
    """Return that of the method OPTIONS which SAM adds: the API's, unless the template says no."""
    auth = api.section("Auth")
    if auth.text("AddDefaultAuthorizerToCorsPreflight") == "false":
        return None
    return default_of(resources, api, rest=True)


def _of_name(
    resources: Resources, api: Properties, auth: Properties, key: str, *, rest: bool
) -> Authorizer | None:
    name = auth.text(key)
    if name is None or name == "NONE":
        return None
    if name == IAM:
        return Authorizer(name, IAM)
    authorizers = api.section("Auth").get("Authorizers")
    if name not in authorizers if isinstance(authorizers, Object) else authorizers is None:
        instead = "write it below Auth: Authorizers: of the API"
        auth.wrong(key, f"the API has no authorizer {name!r}", instead)
    given = api.section("Auth").section("Authorizers").section(name)
    if "UserPoolArn" in given:
        return Authorizer(name, "COGNITO_USER_POOLS")
    if "FunctionArn" not in given:
        return Authorizer(name, "JWT")
    return _lambda_of_sam(resources, name, given, rest=rest)


def _lambda_of_sam(resources: Resources, name: str, given: Properties, *, rest: bool) -> Authorizer:
    identity = given.section("Identity")
    kind = given.choice("FunctionPayloadType", "TOKEN", "REQUEST") if rest else "REQUEST"
    listed = tuple(f"{_SOURCES[key]}.{each}" for key in _SOURCES for each in identity.texts(key))
    token = (f"header.{identity.text('Header') or 'Authorization'}",)
    return Authorizer(
        name,
        kind,
        function=function_of(resources, given.raw.get("FunctionArn")),
        identity=token if kind == "TOKEN" else listed,
        validation=identity.pattern("ValidationExpression"),
        is_cached=not rest or identity.number("ReauthorizeEvery", 0, 3600, "seconds") != 0,
        payload_format=given.choice("AuthorizerPayloadFormatVersion", "1.0", "2.0"),
        has_simple_response=given.flag("EnableSimpleResponses"),
    )


def of_method(resources: Resources, method: Properties) -> Authorizer | None:
    """Return that of a method of CloudFormation's REST APIs, or of a route of its HTTP APIs."""
    if method.text("AuthorizationType") == IAM:
        return Authorizer(IAM, IAM)
    home, logical_id = resources.home_of(method.raw.get("AuthorizerId"))
    found = home.get(logical_id)
    if found is None:
        return None
    given, rest = found.properties, found.type == "AWS::ApiGateway::Authorizer"
    identity = tuple(sources_of(given, "IdentitySource"))
    kind = given.choice(*_KINDS) if rest else given.choice("AuthorizerType", "JWT", "REQUEST")
    if kind == "TOKEN" and not identity:
        missing = f"{found.logical_id} has no IdentitySource"
        given.wrong("IdentitySource", missing, "write method.request.header.Authorization")
    return Authorizer(
        found.logical_id,
        kind,
        function=function_of(home, given.raw.get("AuthorizerUri")),
        identity=identity,
        validation=given.pattern("IdentityValidationExpression"),
        is_cached=not rest or given.number("AuthorizerResultTtlInSeconds", 0, 3600, "seconds") != 0,
        payload_format=given.choice("AuthorizerPayloadFormatVersion", "1.0", "2.0"),
        has_simple_response=given.flag("EnableSimpleResponses"),
    )


def sources_of(given: Properties, key: str) -> Iterable[str]:
    """Return what a request has to have, as `header.NAME`. Raises TemplateError."""
    for text in given.texts(key):
        for written in filter(None, map(str.strip, text.split(","))):
            source = written.removeprefix("$").removeprefix("method.").removeprefix("request.")
            if source.partition(".")[0] not in _SOURCES.values():
                what = f"{written!r} is no source of an identity"
                given.wrong(key, what, "write method.request.header.NAME")
            yield source


def function_of(resources: Resources, uri: Value) -> str | None:
    """Return the name of the function at which an authorizer's URI points."""
    for each in resources.application.stacks:
        for function in each.of(*FUNCTIONS):
            if resources.leads_to(uri, function):
                return each.name_of(function.logical_id)
    return None
