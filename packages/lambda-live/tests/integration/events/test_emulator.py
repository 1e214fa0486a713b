import io
import signal
import zipfile
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen
from zoneinfo import ZoneInfo

import psutil
import pytest
from botocore.exceptions import ClientError

from lambda_live.model.function import Account
from lambda_live.resources.emulator import state_file
from support.aws import RECORDER, Aws
from support.http import request
from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import StartService
from support.waiting import wait_until

FUNCTION = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: code/
      Handler: app.handler
      Environment: {Variables: {EVENTS: ../events.jsonl}}
"""
QUEUE = """
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Orders.Arn}}}
  Orders: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 2}}
"""
SOURCES = """
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Orders.Arn}}
        Bucket: {Type: S3, Properties: {Bucket: !Ref Files, Events: s3:ObjectCreated:*}}
        Table:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Items.StreamArn, StartingPosition: LATEST}
        Clicks:
          Type: Kinesis
          Properties: {Stream: !GetAtt Clicks.Arn, StartingPosition: TRIM_HORIZON}
  Orders: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 2}}
  Files: {Type: AWS::S3::Bucket}
  Clicks: {Type: AWS::Kinesis::Stream}
  Items:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: KEYS_ONLY}
"""
WAITS = """
import pathlib, time

def text(record):
    if "kinesis" in record:
        return record["kinesis"]["partitionKey"]
    if "dynamodb" in record:
        return record["dynamodb"]["Keys"]["id"]["S"]
    return record["body"] if "body" in record else record["s3"]["object"]["key"]

def handler(event, context):
    texts = list(map(text, event["Records"]))
    pathlib.Path(f"../started-{texts[0]}").touch()
    while not pathlib.Path("../go").exists():
        time.sleep(0.01)
    with open("../done", "a") as file:
        file.writelines(each + "\\n" for each in texts)
"""
WINDOW = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Clicks: {Type: AWS::Kinesis::Stream}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: code/
      Handler: app.handler
      Events:
        Clicks:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Clicks.Arn
            StartingPosition: LATEST
            TumblingWindowInSeconds: 900
"""
COUNTS = """
def handler(event, context):
    count = event["state"].get("count", 0) + len(event["Records"])
    keys = " ".join(each["kinesis"]["partitionKey"] for each in event["Records"])
    with open("../count", "a") as file:
        file.write(f"{count} {event['window']['start']} {keys}\\n")
    return {"state": {"count": count}}
"""
BUCKETS = """
import boto3

def handler(event, context):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="files")
    return [each["Name"] for each in s3.list_buckets()["Buckets"]]
"""
LATE = """
def handler(event, context):
    import boto3

    boto3.client("s3", endpoint_url="http://127.0.0.1:9").list_buckets()
"""
CALLS_FAIL = "the code imports boto3 without an emulator and credentials"
ENVIRONMENT = """
import os

def handler(event, context):
    return {name: value for name, value in os.environ.items() if "ENDPOINT" in name}
"""
OWN_ENDPOINT = """
  OwnEndpoint:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: code/
      Handler: app.handler
      Environment: {Variables: {AWS_ENDPOINT_URL_LAMBDA: "http://127.0.0.1:9"}}
"""
STORED = """
  Stored: {Type: AWS::SQS::Queue}
  Settings: {Type: AWS::SSM::Parameter, Properties: {Name: /app/size, Type: String, Value: "5"}}
  Password: {Type: AWS::SecretsManager::Secret, Properties: {SecretString: hidden}}
  Items:
    Type: AWS::Serverless::SimpleTable
    Properties: {TableName: items}
"""


def test_project_without_resources_starts_and_imports_no_emulator(
    start_service: StartService,
) -> None:
    service = start_service(
        {"template.yaml": FUNCTION, "code/app.py": RECORDER},
        handler=None,
        PYTHONPROFILEIMPORTTIME="1",
    )
    assert service.boto3.list_event_source_mappings()["EventSourceMappings"] == []
    service.expected_stderr = service.stderr
    imported = {line.rpartition("|")[2].strip() for line in service.stderr.splitlines()}
    assert "lambda_live.service" in imported
    assert not {each for each in imported if each.startswith(("boto", "lambda_live.resources"))}
    assert "lambda_live.events.event_sources" not in imported

    commands = [" ".join(each.cmdline()) for each in psutil.Process(service.pid).children()]
    assert not any("emulator_process" in each for each in commands)
    assert not any("MiniStack" in each for each in service.lines)


def test_stored_and_running_messages_survive_a_killed_service(tmp_path: Path) -> None:
    template = FUNCTION + SOURCES + "  Stored: {Type: AWS::SQS::Queue}\n"
    write_project(tmp_path, {"template.yaml": template, "code/app.py": WAITS})
    constants = {"events.push._VISIBILITY_SECONDS": 2, "events.push._HEARTBEAT_SECONDS": 1.0}
    service = LambdaService(tmp_path, handler=None, constants=constants)
    service.wait_until_ready()
    before = Aws(service)
    before.send("Stored", "kept")
    before.send("Orders", "message")
    before.s3.put_object(Bucket="files", Key="object", Body=b"x")
    before.dynamodb.put_item(TableName="Items", Item={"id": {"S": "item"}})
    before.kinesis.put_record(StreamName="Clicks", PartitionKey="first", Data=b"x")
    wait_until(lambda: len(list(tmp_path.glob("started-*"))) == 4, "the invocations")
    service.end(signal.SIGKILL)
    service.kill()
    before.kinesis.put_record(StreamName="Clicks", PartitionKey="meanwhile", Data=b"x")
    (tmp_path / "go").touch()

    def done() -> list[str]:
        file = tmp_path / "done"
        return file.read_text(encoding="utf-8").split() if file.exists() else []

    again = LambdaService(tmp_path, handler=None, constants=constants)
    try:
        again.wait_until_ready()
        aws = Aws(again)
        assert aws.url == before.url
        assert [each["Body"] for each in aws.receive("Stored")] == ["kept"]
        expected = {"message", "object", "item", "first", "meanwhile"}
        wait_until(lambda: set(done()) == expected, "the second deliveries")
        assert done().index("first") < done().index("meanwhile")
    finally:
        again.close()


def test_latest_position_and_window_state_survive_a_killed_service(tmp_path: Path) -> None:
    write_project(tmp_path, {"template.yaml": WINDOW, "code/app.py": COUNTS})
    service = LambdaService(tmp_path, handler=None)
    service.wait_until_ready()
    aws = Aws(service)

    def is_counted() -> bool:
        aws.kinesis.put_record(StreamName="Clicks", PartitionKey="a", Data=b"x")
        return (tmp_path / "count").exists()

    wait_until(is_counted, "a record")
    service.end(signal.SIGKILL)
    service.kill()
    aws.kinesis.put_record(StreamName="Clicks", PartitionKey="last", Data=b"x")
    found = aws.kinesis.get_shard_iterator(
        StreamName="Clicks", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    records = aws.kinesis.get_records(ShardIterator=found["ShardIterator"])["Records"]
    again = LambdaService(tmp_path, handler=None)
    try:
        again.wait_until_ready()
        wait_until(lambda: "last" in (tmp_path / "count").read_text("utf-8"), "the last record")
        lines = (tmp_path / "count").read_text("utf-8").splitlines()
        counts = [int(each.split()[0]) for each in lines]
        is_one_window = len({each.split()[1] for each in lines}) == 1
        assert counts[-1] <= len(records)
        assert counts[-1] > 1 or not is_one_window
        assert counts == sorted(counts) or not is_one_window
    finally:
        again.close()


def test_data_outlives_a_service_that_persists_it(tmp_path: Path) -> None:
    files = {
        "template.yaml": FUNCTION + SOURCES + "  Stored: {Type: AWS::SQS::Queue}\n",
        "code/app.py": WAITS,
        "go": "",
        "seed/tables/Items.json": '{"id": "seeded"}',
    }
    write_project(tmp_path, files)
    state = str(tmp_path / "state")
    service = LambdaService(tmp_path, "--persist", handler=None, XDG_STATE_HOME=state)
    service.wait_until_ready()
    service.wait_for_line("loaded 1 item")
    aws = Aws(service)
    aws.send("Stored", "kept")
    aws.s3.put_object(Bucket="files", Key="object", Body=b"content")
    aws.dynamodb.put_item(TableName="Items", Item={"id": {"S": "item"}})
    aws.kinesis.put_record(StreamName="Clicks", PartitionKey="first", Data=b"x")

    def done() -> list[str]:
        file = tmp_path / "done"
        return file.read_text(encoding="utf-8").split() if file.exists() else []

    def count(kind: str) -> int:
        return sum(line.startswith(f"{kind} RequestId") for line in service.lines)

    wait_until(lambda: {"object", "item", "first"} <= set(done()), "the deliveries")
    # An invocation without a result is delivered again.
    wait_until(lambda: count("START") == count("REPORT"), "the results of the deliveries")
    service.close()
    (stored,) = (tmp_path / "state/lambda-live/resources").iterdir()
    assert stored.stat().st_mode & 0o077 == 0

    again = LambdaService(tmp_path, "--persist", handler=None, XDG_STATE_HOME=state)
    try:
        again.wait_until_ready()
        aws = Aws(again)
        assert [each["Body"] for each in aws.receive("Stored")] == ["kept"]
        assert aws.s3.get_object(Bucket="files", Key="object")["Body"].read() == b"content"
        assert aws.dynamodb.scan(TableName="Items")["Count"] == 2
        aws.kinesis.put_record(StreamName="Clicks", PartitionKey="second", Data=b"x")
        aws.dynamodb.put_item(TableName="Items", Item={"id": {"S": "new"}})
        wait_until(lambda: {"second", "new"} <= set(done()), "the new deliveries")
        assert len(done()) == len(set(done()))
        assert not any("loaded" in each for each in again.lines)
    finally:
        again.close()


def test_stored_data_that_is_damaged_or_cannot_be_written_is_survived(tmp_path: Path) -> None:
    write_project(tmp_path, {"template.yaml": FUNCTION + QUEUE, "code/app.py": RECORDER})
    name = state_file(tmp_path, Account()).parent.name
    stored = tmp_path / f"state/lambda-live/resources/{name}"
    (stored / "state/lambda_live.tmp").mkdir(parents=True)  # so that no file can be written there
    for file in ("port", "state/lambda_live.json"):
        (stored / file).touch()  # as a full disk leaves it
    service = LambdaService(
        tmp_path, "--persist", handler=None, XDG_STATE_HOME=str(tmp_path / "state")
    )
    try:
        service.wait_until_ready()
        Aws(service).send("Orders", "x")
        service.close()
    finally:
        service.kill()
    assert "the data of the resources was not stored" in service.log


def test_emulator_stops_with_the_service(start_service: StartService) -> None:
    service = start_service(
        {"template.yaml": FUNCTION + QUEUE, "code/app.py": RECORDER}, handler=None
    )
    url = Aws(service).url
    service.close()

    with pytest.raises(URLError):
        urlopen(f"{url}/_lambda_live/state", timeout=10)  # noqa: S310  # http


def test_saved_template_creates_new_resources(start_service: StartService) -> None:
    service = start_service(
        {"template.yaml": FUNCTION + STORED, "code/app.py": RECORDER}, handler=None
    )
    aws = Aws(service)
    assert aws.ssm.get_parameter(Name="/app/size")["Parameter"]["Value"] == "5"
    assert aws.secretsmanager.get_secret_value(SecretId="Password")["SecretString"] == "hidden"
    aws.dynamodb.put_item(TableName="items", Item={"id": {"S": "a"}})

    write_project(service.project, {"template.yaml": FUNCTION + QUEUE + STORED})
    service.admin("/ready")
    wait_until(lambda: _queue_exists(aws), "the new queue")
    aws.send("Orders", "after the save")
    wait_until(lambda: aws.events("Work"), "the message")
    assert aws.dynamodb.get_item(TableName="items", Key={"id": {"S": "a"}})["Item"]


def _queue_exists(aws: Aws, name: str = "Orders") -> bool:
    return any(each.endswith(f"/{name}") for each in aws.sqs.list_queues().get("QueueUrls", []))


def test_last_of_two_quick_saves_applies(start_service: StartService) -> None:
    service = start_service(
        {"template.yaml": FUNCTION + STORED, "code/app.py": RECORDER}, handler=None
    )
    aws, numbers = Aws(service), range(30)
    many = "".join(f"  Many{number}: {{Type: AWS::SQS::Queue}}\n" for number in numbers)

    write_project(service.project, {"template.yaml": f"{FUNCTION}{STORED}\n{many}"})
    wait_until(lambda: _queue_exists(aws, "Many0"), "the first queue of the first save")
    write_project(service.project, {"template.yaml": FUNCTION + QUEUE + STORED})
    for name in ("Orders", f"Many{numbers[-1]}"):
        wait_until(partial(_queue_exists, aws, name), name)

    aws.send("Orders", "after both saves")
    wait_until(lambda: aws.events("Work"), "the message")


def test_functions_get_the_url_of_the_emulator(start_service: StartService, tmp_path: Path) -> None:
    service = start_service(
        {"template.yaml": FUNCTION + QUEUE + OWN_ENDPOINT, "code/app.py": ENVIRONMENT}, handler=None
    )
    variables = service.result("Work")

    assert variables["AWS_ENDPOINT_URL"] == Aws(service).url
    assert variables["AWS_ENDPOINT_URL_LAMBDA"] == service.url

    # otherwise the function would call AWS
    variables = service.result("OwnEndpoint")
    assert variables["AWS_ENDPOINT_URL"] == Aws(service).url
    assert variables["AWS_ENDPOINT_URL_LAMBDA"] == "http://127.0.0.1:9"

    # a second project uses the emulator of the first one
    other = tmp_path / "other"
    template = FUNCTION + QUEUE.replace("Orders", "Others")
    write_project(other, {"template.yaml": template, "code/app.py": RECORDER})
    second = LambdaService(other, handler=None, AWS_ENDPOINT_URL=Aws(service).url)
    try:
        second.wait_until_ready()
        assert any("1 queue (AWS_ENDPOINT_URL, " in each for each in second.lines)
        Aws(service).send("Others", "from outside")
        wait_until(lambda: Aws(second).events("Work"), "the message")
    finally:
        second.close()


def test_option_starts_the_emulator_if_the_template_has_no_resources(
    start_service: StartService,
) -> None:
    service = start_service(
        {"template.yaml": FUNCTION, "code/app.py": BUCKETS}, "--resources", handler=None
    )
    service.wait_for_line("AWS emulator (MiniStack, http://127.0.0.1:")
    answer = service.boto3.invoke(FunctionName="Work", Payload="{}")
    assert service.json_of(answer) == ["files"]
    assert not any(CALLS_FAIL in each for each in service.lines)


def test_boto3_without_an_emulator_and_credentials_is_reported_once(
    start_service: StartService,
) -> None:
    other = FUNCTION[FUNCTION.index("  Work:") :].replace("Work", "Other")
    service = start_service(
        {"template.yaml": FUNCTION + other, "code/app.py": BUCKETS}, handler=None
    )
    assert "--resources" in service.wait_for_line(CALLS_FAIL)
    assert len([each for each in service.lines if CALLS_FAIL in each]) == 1


def test_boto3_that_fails_in_the_handler_is_reported_without_credentials(
    start_service: StartService,
) -> None:
    service = start_service({"template.yaml": FUNCTION, "code/app.py": LATE}, handler=None)
    assert not any(CALLS_FAIL in each for each in service.lines)
    assert service.boto3.invoke(FunctionName="Work", Payload="{}")["FunctionError"]
    service.wait_for_line(CALLS_FAIL)


def test_boto3_with_credentials_or_an_endpoint_is_not_reported(
    start_service: StartService,
) -> None:
    other = FUNCTION[FUNCTION.index("  Work:") :].replace("Work", "Other")
    project = {
        "template.yaml": FUNCTION + other,
        "code/app.py": BUCKETS,
        ".env.Work": "AWS_PROFILE=team",
        ".env.Other": "AWS_ENDPOINT_URL_S3=http://127.0.0.1:9",
    }
    service = start_service(project, handler=None)
    assert not any(CALLS_FAIL in each for each in service.lines)


def test_unreachable_endpoint_is_reported_once(start_service: StartService) -> None:
    service = start_service(
        {"template.yaml": FUNCTION + STORED, "code/app.py": ENVIRONMENT},
        handler=None,
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )
    service.wait_for_line("nothing answers at AWS_ENDPOINT_URL (http://127.0.0.1:9)")
    variables = service.result("Work")
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"


def test_killed_emulator_is_reported(start_service: StartService) -> None:
    service = start_service(
        {"template.yaml": FUNCTION + STORED, "code/app.py": RECORDER}, handler=None
    )
    assert Aws(service).url
    (emulator,) = (
        each
        for each in psutil.Process(service.pid).children()
        if "emulator_process" in " ".join(each.cmdline())
    )
    emulator.kill()
    line = service.wait_for_line("the MiniStack process stopped; restart lambda-live")
    assert "emulator.log" in line


def test_schedule_alone_needs_no_emulator_and_creates_no_mapping(
    start_service: StartService,
) -> None:
    events = """
      Events: {Daily: {Type: Schedule, Properties: {Schedule: rate(1 day)}}}
"""
    service = start_service(
        {"template.yaml": FUNCTION + events, "code/app.py": RECORDER}, handler=None
    )
    assert not any("MiniStack" in each for each in service.lines)
    with pytest.raises(service.boto3.exceptions.InvalidParameterValueException, match="emulator"):
        service.boto3.create_event_source_mapping(
            EventSourceArn="arn:aws:sqs:us-east-1:123456789012:q", FunctionName="Work"
        )


def test_schedules_fire_by_themselves(start_service: StartService) -> None:
    moment = datetime.now(ZoneInfo("Asia/Tokyo")) + timedelta(seconds=10)
    events = f"""
      Events:
        Often: {{Type: Schedule, Properties: {{Schedule: rate(2 minutes)}}}}
        Never: {{Type: Schedule, Properties: {{Schedule: rate(1 minute), Enabled: false}}}}
        Once:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: at({moment:%Y-%m-%dT%H:%M:%S})
            ScheduleExpressionTimezone: Asia/Tokyo
            Input: '{{"a": 1}}'
"""
    service = start_service(
        {"template.yaml": FUNCTION + events, "code/app.py": RECORDER},
        handler=None,
        constants={"events.schedules._UNIT_SECONDS": {"minute": 0.5}},
    )
    aws = Aws(service)
    wait_until(lambda: {"a": 1} in aws.events("Work"), "the event of a moment")
    wait_until(lambda: len(aws.events("Work")) >= 4, "four events")
    found = aws.events("Work")
    assert found.count({"a": 1}) == 1
    rules = {each["resources"][0] for each in found if "resources" in each}
    assert rules == {"arn:aws:events:us-east-1:123456789012:rule/WorkOften"}


def test_invalid_schedule_is_reported_with_its_line(start_service: StartService) -> None:
    events = """
      Events: {Daily: {Type: Schedule, Properties: {Schedule: rate(1 fortnight)}}}
"""
    service = start_service(
        {"template.yaml": FUNCTION + events, "code/app.py": RECORDER}, handler=None
    )
    line = service.wait_for_line("WorkDaily never fires")
    assert "template.yaml:12: " in line
    assert "invalid schedule 'rate(1 fortnight)'" in line


def test_pod_of_a_cluster_starts_no_emulator(start_service: StartService) -> None:
    service = start_service(
        {"template.yaml": FUNCTION + STORED, "code/app.py": RECORDER},
        "--public-url=http://localhost:3001",
        handler=None,
        KUBERNETES_SERVICE_HOST="10.43.0.1",
    )
    service.expected_stderr = (
        "lambda-live: no AWS resources in the cluster:"
        " use `tilt up -- --aws`, or set AWS_ENDPOINT_URL\n"
    )
    assert not any("MiniStack" in each for each in service.lines)
    assert service.stderr == service.expected_stderr


FOREIGN = [
    {"Host": "attacker.example"},
    {"Host": "intranet:4566"},
    {"Origin": "http://attacker.example"},
    {"Origin": "null"},
    {"Referer": "https://attacker.example/page"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
]
LOCAL: list[dict[str, str]] = [
    {},
    {"Host": "bucket.localhost:4566"},
    {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "cross-site"},
]


OTHER_SERVICES = [  # of each of AWS's protocols
    ("stepfunctions", "list_state_machines"),
    ("cloudformation", "list_stacks"),
    ("ec2", "describe_instances"),
    ("polly", "describe_voices"),
    ("route53", "list_hosted_zones"),
]


def test_emulator_rejects_other_sites_and_runs_no_code(start_service: StartService) -> None:
    files = {"template.yaml": FUNCTION + QUEUE, "code/app.py": RECORDER}
    aws = Aws(start_service(files, handler=None))
    send = f"/?Action=SendMessage&MessageBody=forged&QueueUrl={aws.queue('Orders')}"
    text = {"Content-Type": "text/plain"}

    for headers in FOREIGN:
        assert request(aws.url, "GET", send, None, headers).status == 403, headers
        assert request(aws.url, "POST", send, b"", headers | text).status == 403, headers
        own = request(aws.url, "POST", "/_lambda_live/stop", b"", headers | text)
        assert own.status == 403, headers
    for headers in LOCAL:
        assert request(aws.url, "GET", "/?Action=ListQueues", None, headers).status == 200, headers
    for client, operation in OTHER_SERVICES:
        with pytest.raises(ClientError, match=r"UnsupportedServiceException.* has no service '"):
            getattr(getattr(aws, client), operation)()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("app.py", "def handler(event, context): return 1\n")
    with pytest.raises(ClientError, match=r"UnsupportedServiceException.* no service 'lambda'"):
        aws.lambda_.create_function(
            FunctionName="forged",
            Role="arn:aws:iam::123456789012:role/any",
            Runtime="python3.12",
            Handler="app.handler",
            Code={"ZipFile": archive.getvalue()},
        )
