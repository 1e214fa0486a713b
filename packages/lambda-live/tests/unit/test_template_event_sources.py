"""Resources and event sources of templates, in the spellings of SAM, CloudFormation and CDK."""

import json
from pathlib import Path

import pytest

from lambda_live.model.template import Template
from lambda_live.project.template.reader import read_template
from support.cdk import function, stage, synthesize

WORK = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: app.handler}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").touch()
    return tmp_path


def read(folder: Path, text: str) -> Template:
    path = folder / "template.yaml"
    path.write_text(WORK + text, encoding="utf-8")
    return read_template(path, {})


def sources(template: Template) -> list[tuple[str, str, str]]:
    return [(each.kind, each.target, each.source) for each in template.event_sources]


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (
            (
                "{Type: 'AWS::Lambda::EventSourceMapping', Properties: {FunctionName: !Ref Work,"
                " EventSourceArn: 'arn:aws:sqs:us-east-1:123456789012:q'}}"
            ),
            ("SQS", "Work", "arn:aws:sqs:us-east-1:123456789012:q"),
        ),
        (
            (
                "{Type: 'AWS::SNS::Topic', Properties: {TopicName: news, Subscription:"
                " [{Protocol: lambda, Endpoint: !GetAtt Work.Arn}]}}"
            ),
            ("SNS", "Work", "arn:aws:sns:us-east-1:123456789012:news"),
        ),
        (
            (
                "{Type: 'AWS::S3::Bucket', Properties: {BucketName: files,"
                " NotificationConfiguration: {LambdaConfigurations: [{Event: 's3:ObjectCreated:*',"
                " Function: !GetAtt Work.Arn}]}}}"
            ),
            ("S3", "Work", "files"),
        ),
        (
            (
                "{Type: 'AWS::Events::Rule', Properties: {EventPattern: {source: [a]},"
                " Targets: [{Id: t, Arn: !GetAtt Work.Arn}]}}"
            ),
            ("EventBridge", "Work", "default"),
        ),
        (
            (
                "{Type: 'AWS::Events::Rule', Properties: {ScheduleExpression: rate(1 hour),"
                " Targets: [{Id: t, Arn: !GetAtt Work.Arn}]}}"
            ),
            ("Schedule", "Work", "rate(1 hour)"),
        ),
        (
            (
                "{Type: 'AWS::Scheduler::Schedule', Properties: {ScheduleExpression:"
                " at(2030-01-01T00:00:00), Target: {Arn: !GetAtt Work.Arn, Input: '{}'}}}"
            ),
            ("Schedule", "Work", "at(2030-01-01T00:00:00)"),
        ),
    ],
)
def test_event_source_of_cloudformation_is_read(
    folder: Path, resource: str, expected: tuple[str, str, str]
) -> None:
    assert sources(read(folder, f"  Source: {resource}\n")) == [expected]


def test_event_sources_of_cdk_are_read(folder: Path) -> None:
    (folder / "source").mkdir()
    (folder / "source/index.py").touch()
    arn = {"Fn::GetAtt": ["Work1A2B", "Arn"]}
    notification = {"Events": ["s3:ObjectCreated:*"], "LambdaFunctionArn": arn}
    rules = [{"Name": "suffix", "Value": ".jpg"}]
    notification["Filter"] = {"Key": {"FilterRules": rules}}
    synthesize(
        folder,
        Stack={
            "Work1A2B": function("a", "Stack/Work"),
            "Bucket3C4D": {"Type": "AWS::S3::Bucket"},
            "Queue5E6F": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}},
            "Notifications": {
                "Type": "Custom::S3BucketNotifications",
                "Properties": {
                    "BucketName": {"Ref": "Bucket3C4D"},
                    "NotificationConfiguration": {"LambdaFunctionConfigurations": [notification]},
                },
            },
            "Mapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "BatchSize": 5,
                    "EventSourceArn": {"Fn::GetAtt": ["Queue5E6F", "Arn"]},
                    "FunctionName": {"Ref": "Work1A2B"},
                },
            },
        },
    )
    stage(folder, "source", "a")
    template = read_template(folder / "cdk.out/Stack.template.json", {})

    assert sources(template) == [
        ("S3", "Work", "bucket3c4d"),
        ("SQS", "Work", "arn:aws:sqs:us-east-1:123456789012:Queue5E6F"),
    ]
    assert template.event_sources[0].settings["Rules"] == rules
    assert [each.name for each in template.resources] == ["bucket3c4d", "Queue5E6F"]


def test_bucket_named_by_an_unset_parameter_has_a_valid_name(folder: Path) -> None:
    resources = """
  Photos:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub "${Prefix}-Photos"}
Parameters:
  Prefix: {Type: String}
"""
    assert [each.name for each in read(folder, resources).resources] == ["prefix-photos"]


def test_pattern_keeps_numbers_and_booleans(folder: Path) -> None:
    rule = """
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {detail: {count: [1], name: ["1"], paid: [true], n: [{numeric: [">", 5]}]}}
      Targets: [{Id: t, Arn: !GetAtt Work.Arn}]
"""
    (source,) = read(folder, rule).event_sources

    detail = {"count": [1], "name": ["1"], "paid": [True], "n": [{"numeric": [">", 5]}]}
    assert json.loads(json.dumps(source.settings["EventPattern"])) == {"detail": detail}


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        ("{Type: 'AWS::Events::Rule', Properties: {Targets: text}}", "Targets must be a list of"),
        ("{Type: 'AWS::Events::Rule', Properties: {Targets: [text]}}", "Targets must be a list of"),
        ("{Type: 'AWS::SNS::Topic', Properties: {Subscription: {a: b}}}", "Subscription must be"),
        (
            (
                "{Type: 'AWS::S3::Bucket', Properties: {NotificationConfiguration:"
                " {QueueConfigurations: text}}}"
            ),
            "QueueConfigurations must be a list of mappings",
        ),
        (
            (
                "{Type: 'AWS::SNS::Subscription', Properties: {Protocol: lambda, TopicArn: [a],"
                " Endpoint: !GetAtt Work.Arn}}"
            ),
            "the source of Other must be text",
        ),
        (
            (
                "{Type: 'AWS::S3::Bucket', Properties: {NotificationConfiguration:"
                " {LambdaConfigurations: [{Event: {a: b}, Function: !GetAtt Work.Arn}]}}}"
            ),
            "Events must be a list of texts",
        ),
    ],
)
def test_event_source_of_a_wrong_type_is_reported(
    folder: Path, resource: str, problem: str
) -> None:
    (skipped,) = read(folder, f"  Other: {resource}\n").skipped

    assert problem in skipped.reason
    assert (skipped.logical_id, skipped.line) == ("Other", 6)


def test_function_with_an_invalid_event_is_not_served(folder: Path) -> None:
    template = read(
        folder,
        """
  Broken:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      Events:
        Files: {Type: S3, Properties: {Filter: {S3Key: {Rules: [{Name: prefix}]}}}}
""",
    )

    assert [each.name for each in template.functions] == ["Work"]
    assert [(each.served_name, each.line) for each in template.skipped] == [("Broken", 7)]
    assert "'Value' is missing" in template.skipped[0].reason


def test_target_group_of_servers_is_not_reported(folder: Path) -> None:
    group = "{Type: 'AWS::ElasticLoadBalancingV2::TargetGroup', Properties: {TargetType: ip}}"
    assert not read(folder, f"  Other: {group}\n").notices


@pytest.mark.parametrize(
    ("resource", "notice"),
    [
        ("{Type: 'AWS::Cognito::UserPool'}", "AWS::Cognito::UserPool isn't created locally (Other"),
        ("{Type: 'AWS::AppSync::DataSource'}", "AWS::AppSync::DataSource isn't created locally"),
        (
            "{Type: 'AWS::Synthetics::Canary', Properties: {Schedule: {Expression: rate(1 hour)}}}",
            "AWS::Synthetics::Canary isn't created locally (Other); it runs nothing",
        ),
        (
            (
                "{Type: 'AWS::ElasticLoadBalancingV2::TargetGroup',"
                " Properties: {TargetType: lambda, Targets: [{Id: !GetAtt Work.Arn}]}}"
            ),
            "AWS::ElasticLoadBalancingV2::TargetGroup isn't created locally (Other); it runs",
        ),
        (
            (
                "{Type: 'AWS::SNS::Subscription', Properties: {TopicArn: a, Protocol: email,"
                " Endpoint: a@b}}"
            ),
            "subscription Other (email) isn't emulated; nothing is sent to it",
        ),
        (
            (
                "{Type: 'AWS::Lambda::EventSourceMapping', Properties: {FunctionName: !Ref Work,"
                " EventSourceArn: 'arn:aws:kafka:us-east-1:1:cluster/a/b'}}"
            ),
            "EventSourceMapping Other isn't emulated; its source is arn:aws:kafka",
        ),
        (
            (
                "{Type: 'AWS::Events::Rule', Properties: {EventPattern: {source: [a]},"
                " Targets: [{Id: t, Arn: elsewhere}]}}"
            ),
            "Other delivers nothing; its target is not served here",
        ),
    ],
)
def test_what_is_not_emulated_is_reported_with_its_line(
    folder: Path, resource: str, notice: str
) -> None:
    (found,) = read(folder, f"  Other: {resource}\n").notices

    assert found.startswith(f"{folder}/template.yaml:6: {notice}")
