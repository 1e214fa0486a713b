"""
Who decides which requests an API lets pass.

Sources: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-controlling-access-to-apis.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-authorizer.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-authorizer.html
"""

from collections.abc import Iterable

from lambda_local.template.document import Value
from lambda_local.template.model import Authorizer
from lambda_local.template.properties import Properties
from lambda_local.template.resources import FUNCTIONS, Resources, mentions, target

IAM = "AWS_IAM"
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
    general = api.section("Auth").text("DefaultAuthorizer")
    return _of_name(resources, api, event.section("Auth").text("Authorizer") or general, rest=rest)


def of_preflight(resources: Resources, api: Properties) -> Authorizer | None:
    """Return that of the method OPTIONS which SAM adds: the API's, unless the template says no."""
    auth = api.section("Auth")
    if auth.text("AddDefaultAuthorizerToCorsPreflight") == "false":
        return None
    return _of_name(resources, api, auth.text("DefaultAuthorizer"), rest=True)


def _of_name(
    resources: Resources, api: Properties, name: str | None, *, rest: bool
) -> Authorizer | None:
    if name is None or name == "NONE":
        return None
    if name == IAM:
        return Authorizer(name, IAM)
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
        function=_function(resources, given.raw.get("FunctionArn")),
        identity=token if kind == "TOKEN" else listed,
        validation=identity.text("ValidationExpression"),
        cached=not rest or identity.text("ReauthorizeEvery") != "0",
        payload_format=given.choice("AuthorizerPayloadFormatVersion", "1.0", "2.0"),
        simple=given.flag("EnableSimpleResponses"),
    )


def of_method(resources: Resources, method: Properties) -> Authorizer | None:
    """Return that of a method of CloudFormation's REST APIs, or of a route of its HTTP APIs."""
    if method.text("AuthorizationType") == IAM:
        return Authorizer(IAM, IAM)
    found = resources.get(target(method.raw.get("AuthorizerId")) or "")
    if found is None:
        return None
    given, rest = found.properties, found.type == "AWS::ApiGateway::Authorizer"
    return Authorizer(
        found.logical_id,
        given.text("Type" if rest else "AuthorizerType") or "JWT",
        function=_function(resources, given.raw.get("AuthorizerUri")),
        identity=tuple(_sources(given.texts("IdentitySource"))),
        validation=given.text("IdentityValidationExpression"),
        cached=not rest or given.text("AuthorizerResultTtlInSeconds") != "0",
        payload_format=given.choice("AuthorizerPayloadFormatVersion", "1.0", "2.0"),
        simple=given.flag("EnableSimpleResponses"),
    )


def _sources(written: Iterable[str]) -> Iterable[str]:
    for text in written:
        for source in text.split(","):
            name = source.strip().removeprefix("$").removeprefix("method.")
            yield name.removeprefix("request.")


def _function(resources: Resources, uri: Value) -> str | None:
    found = (each for each in resources.of(*FUNCTIONS) if mentions(uri, each.logical_id))
    return next((resources.name_of(each.logical_id) for each in found), None)
