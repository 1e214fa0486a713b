import json
import os
import subprocess
import sys

import pytest

from lambda_live.cli import events
from support.aws import RECORDER, Aws
from support.lambda_service import LambdaService, environment
from support.project import write_project
from support.service_starter import StartService
from support.waiting import wait_until

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Other: {Type: AWS::SQS::Queue}
  Orders: {Type: AWS::SQS::Queue}
  Files: {Type: AWS::S3::Bucket}
  Items: {Type: AWS::Serverless::SimpleTable}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: code/
      Handler: app.handler
      Environment: {Variables: {EVENTS: ../events.jsonl}}
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Orders.Arn}}
        Removed:
          Type: S3
          Properties:
            Bucket: !Ref Files
            Events: s3:ObjectRemoved:*
            Filter:
              S3Key:
                Rules: [{Name: prefix, Value: in/}, {Name: suffix, Value: .csv}]
        Rule: {Type: EventBridgeRule, Properties: {Pattern: {source: [shop]}}}
        Nightly: {Type: Schedule, Properties: {Schedule: cron(0 3 * * ? *), Name: nightly}}
"""
CHANGED_QUEUE = "{Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 77}}"
PROJECT = {
    "template.yaml": TEMPLATE,
    "code/app.py": RECORDER,
    "message.json": '{"a": 1}',
    "item.json": '{"id": "put", "price": 1.5, "tags": ["a"]}',
    "seed/tables/Items.json": '[{"id": "seeded"}]',
    "seed/buckets/files/in/a.txt": "text",
}


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(PROJECT, handler=None)


def run(service: LambdaService, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambda_live", "aws", *arguments],
        cwd=service.project,
        env=environment(measured=False) | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_seed_folder_is_loaded_at_the_start(service: LambdaService) -> None:
    aws = Aws(service)
    service.wait_for_line("loaded 1 item, 1 object from")
    assert aws.dynamodb.get_item(TableName="Items", Key={"id": {"S": "seeded"}})["Item"]
    assert aws.s3.get_object(Bucket="files", Key="in/a.txt")["Body"].read() == b"text"


def test_seed_command_loads_a_folder_and_names_an_invalid_file(service: LambdaService) -> None:
    files = {
        "more/tables/Items.json": '[{"id": "more-1"}, {"id": "more-2", "price": 0.1}]',
        "more/buckets/files/a/b.txt": "b",
        "more/parameters.json": '{"/app/a": "1"}',
        "more/secrets.json": '{"password": {"user": "u"}}',
        "bad/tables/Items.json": "[{]",
    }
    write_project(service.project, files)
    loaded = run(service, "seed", "more")
    assert loaded.stdout == "loaded 2 items, 1 object, 2 parameters or secrets\n", loaded.stderr
    aws = Aws(service)
    item = aws.dynamodb.get_item(TableName="Items", Key={"id": {"S": "more-2"}})["Item"]
    assert item["price"] == {"N": "0.1"}
    assert aws.ssm.get_parameter(Name="/app/a")["Parameter"]["Value"] == "1"
    secret = aws.secretsmanager.get_secret_value(SecretId="password")["SecretString"]
    assert json.loads(secret) == {"user": "u"}

    failed = run(service, "seed", "bad")
    assert failed.returncode == 2
    assert "Items.json: " in failed.stderr
    assert "write JSON" in failed.stderr


def test_sent_message_reaches_the_function(service: LambdaService) -> None:
    result = run(service, "send", "Orders", "message.json")
    assert result.stdout.startswith("sent message "), result.stderr

    def bodies() -> list[str]:
        events = Aws(service).events("Work")
        return [each["body"] for event in events for each in event.get("Records", [])]

    wait_until(lambda: bodies() == ['{"a": 1}'], "the message")


def test_put_stores_items_and_objects(service: LambdaService) -> None:
    aws = Aws(service)
    assert run(service, "put", "Items", "item.json").stdout == "put 1 item into Items\n"
    assert run(service, "put", "s3://files/new.json", "item.json").returncode == 0

    item = aws.dynamodb.get_item(TableName="Items", Key={"id": {"S": "put"}})["Item"]
    assert item == {"id": {"S": "put"}, "price": {"N": "1.5"}, "tags": {"L": [{"S": "a"}]}}
    assert json.load(aws.s3.get_object(Bucket="files", Key="new.json")["Body"])["id"] == "put"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("send", "Order"), "there is no queue Order; the queues are: Orders, Other"),
        (("put", "s3://Files/a"), "there is no bucket Files; the buckets are: files"),
        (("put", "Item"), "there is no table Item; the tables are: Items"),
    ],
)
def test_unknown_resource_lists_the_existing_ones(
    service: LambdaService, arguments: tuple[str, ...], message: str
) -> None:
    result = run(service, *arguments, "item.json")
    assert (result.returncode, result.stderr) == (2, f"lambda-live: {message}\n")


def test_fired_schedule_invokes_its_function(service: LambdaService) -> None:
    unknown = run(service, "fire", "other", "--admin-url", service.admin_url)
    assert unknown.returncode == 2
    assert "no schedule other; there are: WorkNightly" in unknown.stderr

    assert run(service, "fire", "WorkNightly", "--admin-url", service.admin_url).returncode == 0

    def scheduled() -> list[dict[str, object]]:
        return [each for each in Aws(service).events("Work") if "detail-type" in each]

    wait_until(scheduled, "the event")
    (event,) = scheduled()
    assert event["detail-type"] == "Scheduled Event"
    assert event["source"] == "aws.events"
    assert event["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/nightly"]
    assert event["detail"] == {}


@pytest.mark.parametrize("command", ["aws fire WorkNightly --admin-url", "logs", "imports"])
def test_port_of_the_functions_is_not_taken_for_the_admin_port(
    service: LambdaService, command: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "lambda_live", *command.split(), service.url],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.stdout, result.returncode) == ("", 1)
    assert f"{service.url} is not an admin port" in result.stderr


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ('{"id": NaN}', "NaN is not JSON; write JSON"),
        ('{"id": "1", "n": 1e400}', "use at most 38 digits"),
        (f'{{"id": "1", "n": 0.{"1" * 40}}}', "use at most 38 digits"),
        ("[" * 100_000, "it is nested too deeply; write JSON"),
    ],
    ids=["NaN", "large", "long", "deep"],
)
def test_item_that_cannot_be_stored_is_an_error(
    service: LambdaService, item: str, problem: str
) -> None:
    (service.project / "invalid.json").write_text(item, encoding="utf-8")

    result = run(service, "put", "Items", "invalid.json")

    assert result.returncode == 2
    assert result.stderr.startswith("lambda-live: invalid.json: ")
    assert problem in result.stderr


def test_missing_queue_is_an_error(service: LambdaService) -> None:
    result = run(service, "send", "missing", "message.json")
    assert result.returncode == 2
    assert "queue" in result.stderr


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("sqs", ["arn:aws:sqs:us-east-1:123456789012:Orders"]),
        ("s3", ['"name": "files"', "ObjectRemoved:Delete", "in/a+file.csv"]),
        ("dynamodb", ["table/Items/stream/", '"id"']),
        ("sns", ["EventSubscriptionArn"]),
        ("kinesis", ["aws:kinesis:record"]),
        ("eventbridge", ['"source": "shop"', '"detail-type": "Example"']),
        ("schedule", ["Scheduled Event", "rule/nightly"]),
        ("apigateway", ["httpMethod"]),
        ("httpapi", ['"version": "2.0"']),
        ("url", ["rawPath"]),
        ("alb", ["targetGroupArn"]),
        ("cognito", ["triggerSource"]),
        ("authorizer", ["methodArn", '"type": "REQUEST"']),
        ("cloudformation", ["ResponseURL"]),
        ("firehose", ["deliveryStreamArn"]),
    ],
)
def test_generated_event_has_the_names_of_the_template(
    service: LambdaService,
    kind: str,
    names: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(service.project)
    events.main(["generate", kind])

    text = capsys.readouterr().out
    assert json.loads(text)
    assert all(name in text for name in names)


def test_reset_deletes_all_data_and_creates_the_resources_again(service: LambdaService) -> None:
    aws = Aws(service)
    aws.dynamodb.put_item(TableName="Items", Item={"id": {"S": "gone"}})
    changed = TEMPLATE.replace("{Type: AWS::SQS::Queue}", CHANGED_QUEUE)
    write_project(service.project, {"template.yaml": changed})
    line = service.wait_for_line("Orders keeps its old properties; `lambda-live aws reset`")
    assert "template.yaml:" in line

    result = run(service, "reset", "--admin-url", service.admin_url)
    assert result.returncode == 0, result.stderr
    assert "Item" not in aws.dynamodb.get_item(TableName="Items", Key={"id": {"S": "gone"}})
    assert aws.dynamodb.get_item(TableName="Items", Key={"id": {"S": "seeded"}})["Item"]
    found = aws.sqs.get_queue_attributes(
        QueueUrl=aws.queue("Orders"), AttributeNames=["VisibilityTimeout"]
    )
    assert found["Attributes"] == {"VisibilityTimeout": "77"}
    before = len(aws.events("Work"))
    aws.send("Orders", "after the reset")
    wait_until(lambda: len(aws.events("Work")) > before, "the message")
    assert run(service, "fire", "WorkNightly", "--admin-url", service.admin_url).returncode == 0
