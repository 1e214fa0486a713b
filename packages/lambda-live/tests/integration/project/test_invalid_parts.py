"""A part of a template that cannot be read does not stop the other parts."""

from collections.abc import Iterator

import pytest

from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Handler: app.handler, CodeUri: code/}}
Resources:
  Good: {Type: AWS::Serverless::Function}
  Slow: {Type: AWS::Serverless::Function, Properties: {Timeout: 901}}
  Built: {Type: AWS::Serverless::Function, Properties: {CodeUri: dist/app}}
  Queue: {Type: AWS::Serverless::Application, Properties: {Location: cdk.out/queue.yaml}}
"""
FILES = {
    "template.yaml": TEMPLATE,
    "code/app.py": "def handler(event, context): return context.memory_limit_in_mb\n",
    "Makefile": "build:\n\tmkdir -p dist\n",
}


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(FILES, handler=None)


@pytest.fixture(autouse=True)
def _restore(service: LambdaService) -> Iterator[None]:
    yield
    save(service, TEMPLATE)


def save(service: LambdaService, text: str) -> None:
    (service.project / "template.yaml").write_text(text, encoding="utf-8")


def names(service: LambdaService) -> list[str]:
    return [each["FunctionName"] for each in service.boto3.list_functions()["Functions"]]


def test_other_functions_are_served_and_errors_are_reported(service: LambdaService) -> None:
    assert names(service) == ["Good"]
    for notice in (
        "template.yaml:6: Slow is not served: invalid Timeout '901'; use a whole number of seconds",
        "template.yaml:7: Built is not served: CodeUri is 'dist/app', but",
        "it looks like a build's output; run `make build` first",
        "template.yaml:8: Queue is not served: Location is 'cdk.out/queue.yaml', but",
        "does not exist; run `cdk synth` first",
    ):
        service.wait_for_line(notice)


def test_function_is_added_once_its_error_is_fixed(service: LambdaService) -> None:
    save(service, TEMPLATE.replace("901", "900"))
    wait_until(lambda: names(service) == ["Good", "Slow"], "Slow")

    (service.project / "dist/app").mkdir(parents=True)
    (service.project / "dist/app/app.py").write_text(FILES["code/app.py"], encoding="utf-8")
    wait_until(lambda: set(names(service)) == {"Good", "Slow", "Built"}, "Built")


def test_running_function_keeps_its_last_valid_configuration(service: LambdaService) -> None:
    save(service, TEMPLATE.replace("901", "900, MemorySize: 256"))
    wait_until(lambda: "Slow" in names(service), "Slow")

    save(service, TEMPLATE.replace("901", "0, MemorySize: 512"))
    service.wait_for_line(". Slow keeps its last valid configuration.")

    payload = service.boto3.invoke(FunctionName="Slow")["Payload"].read()
    assert payload in (b'"256"', b"256")


BAD_PARTS = {
    "NoType: {Properties: {A: 1}}": "NoType has no Type",
    "Text: hello": "Text has no Type",
    "Kind: {Type: !Ref Good}": "Kind has no Type",
    "Queue: {Type: AWS::SQS::Queue, Condition: Nope}": "condition Nope is not defined",
    "Other: {Type: AWS::Serverless::Function, Condition: Cycle}": "refers to itself",
    "Named: {Type: AWS::Serverless::Function, Properties: {FunctionName: !If [Nope, a, b]}}": (
        "condition Nope is not defined"
    ),
    "Twice: {Type: AWS::Serverless::Function, Properties: {FunctionName: Good}}": "the same name",
    "List: {Type: AWS::SNS::Topic, Properties: [a]}": "must be a mapping",
    "Bucket: {Type: AWS::S3::Bucket, Properties: {NotificationConfiguration: x}}": (
        "a property has an invalid value"
    ),
    "Url: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: !Join [1]}}": "Fn::Join",
    "Later: {Type: AWS::Lambda::EventInvokeConfig, Properties: {FunctionName: !Ref Good, "
    "MaximumRetryAttempts: many}}": "invalid MaximumRetryAttempts",
    "Way: {Type: AWS::ApiGatewayV2::Route, Properties: {Target: !If [Nope, a, b]}}": (
        "condition Nope is not defined"
    ),
    "Link: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: Gone}}": (
        "Link has no effect: Gone is not a function of this template"
    ),
    "Lost: {Type: AWS::ApiGatewayV2::Route, Properties: {RouteKey: GET /a, Target: x/Gone}}": (
        "the route GET /a is not served: its Target is not an integration"
    ),
    "Fn::ForEach::Each: [a, b]": "needs the transform AWS::LanguageExtensions",
    "Child: {Type: AWS::Serverless::Application, Properties: {Location: [a]}}": "must be text",
}


def test_unreadable_resource_does_not_stop_the_others(start_service: StartService) -> None:
    good = TEMPLATE[: TEMPLATE.index("  Slow")]
    conditions = "Mappings: text\nConditions: {Cycle: !Condition Cycle}"
    template = f"{conditions}{good}{''.join(f'  {each}\n' for each in BAD_PARTS)}"
    first = template[: template.index("  NoType")].count("\n") + 1

    service = start_service(FILES | {"template.yaml": template}, handler=None)

    assert service.result("Good") == "128"
    for line, problem in enumerate(BAD_PARTS.values(), first):
        place = "template.yaml:2: " if "itself" in problem else f"template.yaml:{line}: "
        assert any(place in each and problem in each for each in service.lines), (place, problem)
    service.wait_for_line("template.yaml:1: Mappings must be a mapping")
