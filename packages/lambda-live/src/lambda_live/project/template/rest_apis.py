"""
The routes of REST APIs that are written out in CloudFormation.

CDK and `serverless package` write them so: a method for each, on resources that each add to a path.
"""

from collections.abc import Iterator

from lambda_live.model.template import Cors, Route
from lambda_live.project.template import authorizers, cors
from lambda_live.project.template.document import Value
from lambda_live.project.template.paths import method_of
from lambda_live.project.template.resources import Resource, Resources
from lambda_live.project.template.stages import Stage, stage_of, timeout_of


def routes_of(resources: Resources, function: Resource) -> Iterator[Route]:
    """Return those that end at the function."""
    for method in resources.of("AWS::ApiGateway::Method"):
        uri = method.properties.section("Integration").raw.get("Uri")
        if resources.leads_to(uri, function):
            yield _route(resources, method)


def _route(resources: Resources, method: Resource) -> Route:
    properties = method.properties
    home, api = resources.home_of(properties.raw.get("RestApiId"))
    return Route(
        api=home.outside(api),
        path=_path(*resources.home_of(properties.raw.get("ResourceId"))) or "/",
        method=method_of(properties, "HttpMethod", properties.text("HttpMethod") or "ANY"),
        payload_format="1.0",
        authorizer=authorizers.of_method(resources, properties),
        cors=_cors(resources, properties.raw.get("ResourceId")),
        is_rest=True,
        timeout=timeout_of(properties.section("Integration"), "TimeoutInMillis", rest=True),
        **_stage(home, api),
    )


def _cors(resources: Resources, resource: Value) -> Cors | None:
    """Return what the method OPTIONS of the same path answers."""
    for method in resources.of("AWS::ApiGateway::Method"):
        given = method.properties
        integration = given.section("Integration")
        options = given.text("HttpMethod") == "OPTIONS" and integration.text("Type") == "MOCK"
        if options and given.raw.get("ResourceId") == resource:
            return cors.of_mock(integration)
    return None


def _path(resources: Resources, logical_id: str) -> str:
    resource = resources.get(logical_id)
    if resource is None or resource.type != "AWS::ApiGateway::Resource":
        return ""  # the root, which is an attribute of the API
    parent = _path(*resources.home_of(resource.properties.raw.get("ParentId")))
    return f"{parent}/{resource.properties.text('PathPart')}"


def _stage(resources: Resources, api: str) -> Stage:
    found = resources.get(api)
    stage = Stage(stage="Prod")
    for kind in ("AWS::ApiGateway::Deployment", "AWS::ApiGateway::Stage"):
        for each in resources.about(api, kind, "RestApiId"):
            if "StageName" in each.properties:
                stage = stage_of(each.properties, rest=True)
    if found is not None:
        stage["binary_media_types"] = found.properties.texts("BinaryMediaTypes")
    return stage
