import json
from typing import Any

import pytest

from support.aws import RECORDER, RECORDERS, Aws
from support.http import request
from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import StartService
from support.waiting import wait_until

TEMPLATE = (
    RECORDERS
    + """
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: uploads
      NotificationConfiguration:
        TopicConfigurations: [{Event: 's3:ObjectCreated:*', Topic: !Ref Changes}]
  Pictures: {Type: AWS::S3::Bucket}
  Changes: {Type: AWS::SNS::Topic}
  Fanned: {Type: AWS::SQS::Queue}
  Failures: {Type: AWS::SQS::Queue}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Changes, Protocol: sqs, Endpoint: !GetAtt Fanned.Arn}
  Raw: {Type: AWS::SQS::Queue}
  RawSubscription:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref News
      Protocol: sqs
      Endpoint: !GetAtt Raw.Arn
      RawMessageDelivery: true
      FilterPolicyScope: MessageBody
      FilterPolicy: {price: [{numeric: ['>', 1]}]}
  Dead: {Type: AWS::SQS::Queue}
  Results: {Type: AWS::SQS::Queue}
  ResultRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [lambda], detail-type: [Lambda Function Invocation Result - Failure]}
      Targets: [{Id: queue, Arn: !GetAtt Results.Arn}]
  Given: {Type: AWS::Serverless::Function}
  Part: {Type: AWS::Serverless::Function}
  Never: {Type: AWS::Serverless::Function}
  GivenRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {detail-type: [Order]}
      Targets:
        - {Id: given, Arn: !GetAtt Given.Arn, Input: '{"a": 1}'}
        - {Id: part, Arn: !GetAtt Part.Arn, InputPath: $.detail}
  DisabledRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {detail-type: [Order]}
      State: DISABLED
      Targets: [{Id: never, Arn: !GetAtt Never.Arn}]
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
  FromQueue:
    Type: AWS::Serverless::Function
    Properties:
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Fanned.Arn}}}
  FromTopic:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Topic: {Type: SNS, Properties: {Topic: !Ref News, FilterPolicy: {kind: [wanted]}}}
  News: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}
  FromBucket:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Bucket:
          Type: S3
          Properties:
            Bucket: !Ref Pictures
            Events: s3:ObjectCreated:*
            Filter: {S3Key: {Rules: [{Name: suffix, Value: .jpg}, {Name: prefix, Value: in/}]}}
  FromRemovals:
    Type: AWS::Serverless::Function
    Properties:
      EventInvokeConfig:
        DestinationConfig: {OnSuccess: {Type: SNS, Destination: !Ref Changes}}
      Events:
        Bucket: {Type: S3, Properties: {Bucket: !Ref Pictures, Events: s3:ObjectRemoved:*}}
  FromBus:
    Type: AWS::Serverless::Function
    Properties:
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failures.Arn}}
      Events:
        Rule:
          Type: EventBridgeRule
          Properties:
            EventBusName: !Ref Bus
            Pattern: {source: [shop], detail: {total: [{numeric: ['>', 10]}]}}
  Typed:
    Type: AWS::Serverless::Function
    Properties:
      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Dead.Arn}
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        DestinationConfig: {OnFailure: {Type: EventBridge, Destination: !GetAtt Bus.Arn}}
      Events:
        Rule:
          Type: EventBridgeRule
          Properties:
            EventBusName: shop
            Pattern: {detail: {total: [7], paid: [true], coupon: [{exists: false}]}}
  Transformed: {Type: AWS::Serverless::Function}
  TransformedRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: shop
      EventPattern: {detail-type: [Order]}
      Targets:
        - Id: target
          Arn: !GetAtt Transformed.Arn
          InputTransformer:
            InputPathsMap: {total: $.detail.total}
            InputTemplate: '{"sum": <total>}'
  Undelivered: {Type: AWS::SQS::Queue}
  Isolated:
    Type: AWS::Serverless::Function
    Properties:
      TenancyConfig: {TenantIsolationMode: PER_TENANT}
      Events:
        Rule:
          Type: EventBridgeRule
          Properties:
            EventBusName: shop
            Pattern: {detail: {total: [99]}}
            DeadLetterConfig: {Arn: !GetAtt Undelivered.Arn}
            RetryPolicy: {MaximumRetryAttempts: 1}
        Topic:
          Type: SNS
          Properties:
            Topic: !Ref Changes
            FilterPolicy: {kind: [tenant]}
            RedrivePolicy: {deadLetterTargetArn: !GetAtt Undelivered.Arn}
        Nightly:
          Type: Schedule
          Properties:
            Schedule: rate(1 day)
            Input: '{"nightly": true}'
            DeadLetterConfig: {Arn: !GetAtt Undelivered.Arn}
  Transforming:
    Type: AWS::Events::Rule
    Properties:
      ScheduleExpression: rate(1 day)
      Targets: [{Id: a, Arn: !GetAtt Given.Arn, InputPath: $.time, DeadLetterConfig: {Type: SQS}}]
  Timed:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Often: {Type: Schedule, Properties: {Schedule: cron(0 0 1 1 ? 2099)}}
        Once: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day), Input: '{"a": 1}'}}
"""
)


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service({"template.yaml": TEMPLATE, "code/app.py": RECORDER}, handler=None)


@pytest.fixture(scope="module")
def aws(service: LambdaService) -> Aws:
    return Aws(service)


def only_event(aws: Aws, function: str) -> Any:
    wait_until(lambda: aws.events(function), f"an event of {function}")
    (event,) = aws.events(function)
    return event


def put_event(aws: Aws, detail: object) -> None:
    entry = {
        "Source": "shop",
        "DetailType": "Order",
        "Detail": json.dumps(detail),
        "EventBusName": "shop",
    }
    aws.bus.put_events(Entries=[entry])


def test_object_fans_out_from_the_bucket_over_topic_and_queue(aws: Aws) -> None:
    aws.s3.put_object(Bucket="uploads", Key="a/b c.txt", Body=b"x")

    def keys() -> list[str]:
        messages = [
            json.loads(json.loads(record["body"])["Message"])
            for event in aws.events("FromQueue")
            for record in event["Records"]
        ]
        return [
            record["s3"]["object"]["key"]
            for message in messages
            for record in message.get("Records", [])
        ]

    wait_until(lambda: keys() == ["a/b+c.txt"], "the object")


def test_object_with_the_suffix_reaches_the_function_as_on_aws(aws: Aws) -> None:
    for key in ("in/a.txt", "out/a.jpg"):
        aws.s3.put_object(Bucket="pictures", Key=key, Body=b"x")
    aws.s3.put_object(Bucket="pictures", Key="in/ä b.jpg", Body=b"xyz")
    (record,) = only_event(aws, "FromBucket")["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["eventSource"] == "aws:s3"
    assert record["s3"]["bucket"]["name"] == "pictures"
    assert record["s3"]["object"]["key"] == "in/%C3%A4+b.jpg"
    assert record["s3"]["object"]["size"] == 3
    assert record["eventVersion"] == "2.1"
    assert record["awsRegion"] == "us-east-1"
    assert record["s3"]["s3SchemaVersion"] == "1.0"
    assert record["s3"]["bucket"]["arn"] == "arn:aws:s3:::pictures"
    assert record["s3"]["object"].keys() >= {"eTag", "sequencer"}
    assert record["s3"].keys() >= {"configurationId"}
    assert record.keys() >= {"eventTime", "userIdentity", "requestParameters", "responseElements"}


def test_removed_object_reaches_its_function_whose_result_goes_to_a_topic(aws: Aws) -> None:
    aws.s3.put_object(Bucket="pictures", Key="gone", Body=b"x")
    aws.s3.delete_object(Bucket="pictures", Key="gone")
    event = only_event(aws, "FromRemovals")
    (record,) = event["Records"]
    assert record["eventName"] == "ObjectRemoved:Delete"
    assert record["s3"]["object"].keys() == {"key", "sequencer"}

    def results() -> list[Any]:
        messages = [
            json.loads(json.loads(record["body"])["Message"])
            for found in aws.events("FromQueue")
            for record in found["Records"]
        ]
        return [each for each in messages if "requestContext" in each]

    wait_until(results, "the result")
    (result,) = results()
    assert result["requestContext"]["condition"] == "Success"
    assert result["requestPayload"] == event
    assert result["responsePayload"] == {}


def test_message_of_a_topic_that_matches_the_policy_reaches_the_function(aws: Aws) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:news"
    for kind in ("other", "wanted"):
        value = {"DataType": "String", "StringValue": kind}
        aws.sns.publish(
            TopicArn=topic, Message=kind, Subject="s", MessageAttributes={"kind": value}
        )
    (record,) = only_event(aws, "FromTopic")["Records"]
    assert record["EventSource"] == "aws:sns"
    assert record["EventVersion"] == "1.0"
    assert record["EventSubscriptionArn"].startswith(f"{topic}:")
    assert record["Sns"]["TopicArn"] == topic
    assert record["Sns"]["Message"] == "wanted"
    assert record["Sns"]["MessageAttributes"] == {"kind": {"Type": "String", "Value": "wanted"}}
    assert "UnsubscribeUrl" in record["Sns"]


def test_raw_message_whose_body_matches_the_policy_reaches_the_queue(aws: Aws) -> None:
    for price in (1, 2):
        message = json.dumps({"price": price})
        aws.sns.publish(TopicArn="arn:aws:sns:us-east-1:123456789012:news", Message=message)
    assert [each["Body"] for each in aws.receive("Raw")] == ['{"price": 2}']


@pytest.mark.parametrize(
    ("function", "body"),
    [("FromTopic", "text"), ("FromTopic", "["), ("FromBucket", '{"Records": [1]}')],
)
def test_message_that_is_no_notification_is_deleted_and_logged(
    service: LambdaService, aws: Aws, function: str, body: str
) -> None:
    body = body * 50_000 if body == "[" else body
    urls = aws.sqs.list_queues(QueueNamePrefix=f"lambda-live-{function}")["QueueUrls"]
    logged = len([line for line in service.lines if "that is no notification" in line])

    aws.sqs.send_message(QueueUrl=urls[0], MessageBody=body)

    service.wait_for_line("that is no notification", logged + 1)
    wait_until(lambda: aws.is_empty(urls[0].rpartition("/")[2]))


def test_event_of_a_bus_reaches_the_functions_of_its_rules(aws: Aws) -> None:
    put_event(aws, {"total": 5})
    put_event(aws, {"total": 50})
    event = only_event(aws, "FromBus")
    assert event["source"] == "shop"
    assert event["detail-type"] == "Order"
    assert event["detail"] == {"total": 50}
    assert event["account"] == "123456789012"
    wait_until(lambda: len(aws.events("Transformed")) >= 2, "the transformed events")
    assert {5, 50} <= {each["sum"] for each in aws.events("Transformed")}
    wait_until(lambda: len(aws.events("Part")) >= 2, "the parts")
    assert {"total": 50} in aws.events("Part")
    wait_until(lambda: aws.events("Given"), "the given input")
    assert aws.events("Given")[0] == {"a": 1}
    assert not aws.events("Never")


def test_pattern_with_numbers_and_booleans_matches_them(aws: Aws) -> None:
    for detail in ({"total": "7", "paid": True}, {"total": 7, "paid": True, "coupon": "a"}):
        put_event(aws, detail)
    put_event(aws, {"total": 7, "paid": True})
    assert only_event(aws, "Typed")["detail"] == {"total": 7, "paid": True}


def test_event_that_the_function_rejects_goes_to_the_dead_letter_queue(
    service: LambdaService, aws: Aws
) -> None:
    put_event(aws, {"total": 99})
    value = {"DataType": "String", "StringValue": "tenant"}
    topic = "arn:aws:sns:us-east-1:123456789012:Changes"
    aws.sns.publish(TopicArn=topic, Message="lost", MessageAttributes={"kind": value})
    post = request(service.admin_url, "POST", "/schedules/IsolatedNightly/fire")
    assert post.status == 200
    found: list[Any] = []

    def are_there() -> bool:
        found.extend(json.loads(each["Body"]) for each in aws.receive("Undelivered"))
        return len(found) == 3

    wait_until(are_there, "the events")
    by_first_name = {min(each): each for each in found}
    assert by_first_name["account"]["detail"] == {"total": 99}
    assert by_first_name["Message"]["Message"] == "lost"
    assert by_first_name["nightly"] == {"nightly": True}
    event = TEMPLATE.index("Type: EventBridgeRule", TEMPLATE.index("  Isolated:"))
    line = TEMPLATE[:event].count("\n") + 1
    service.wait_for_line(
        f"template.yaml:{line}: IsolatedRule is not delivered, but sent to Undelivered: The invoked"
    )
    assert not aws.events("Isolated")


def test_properties_without_effect_are_reported(service: LambdaService) -> None:
    names = "InputPath, DeadLetterConfig without Arn of Transforming-a has no effect locally"
    service.wait_for_line(names)
    assert not any("RetryPolicy" in each for each in service.lines)


def test_failed_event_goes_to_the_queue_of_its_destination(
    service: LambdaService, aws: Aws
) -> None:
    event = {"Records": [{"body": "raise it"}]}
    service.boto3.invoke(FunctionName="FromBus", InvocationType="Event", Payload=json.dumps(event))
    (message,) = aws.receive("Failures")
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"] == event


def test_failed_event_goes_to_the_bus_and_the_dead_letter_queue(
    service: LambdaService, aws: Aws
) -> None:
    event = {"Records": [{"body": "raise it"}]}
    sent = service.boto3.invoke(
        FunctionName="Typed", InvocationType="Event", Payload=json.dumps(event)
    )
    (message,) = aws.receive("Results")
    result = json.loads(message["Body"])
    assert result["detail"]["requestContext"]["condition"] == "RetriesExhausted"
    assert result["detail"]["responsePayload"]["errorMessage"] == "raise it"
    assert result["resources"][0] == "arn:aws:events:us-east-1:123456789012:event-bus/shop"
    assert result["resources"][1].endswith(":function:Typed:$LATEST")

    (dead,) = aws.sqs.receive_message(
        QueueUrl=aws.queue("Dead"), MessageAttributeNames=["All"], WaitTimeSeconds=20
    )["Messages"]
    assert json.loads(dead["Body"]) == event
    attributes = {name: each["StringValue"] for name, each in dead["MessageAttributes"].items()}
    request_id = sent["ResponseMetadata"]["RequestId"]
    assert attributes == {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "raise it"}


def test_missing_destination_of_an_event_is_reported_with_the_function(
    service: LambdaService,
) -> None:
    missing = "arn:aws:sqs:us-east-1:123456789012:missing"
    service.boto3.put_function_event_invoke_config(
        FunctionName="Timed", DestinationConfig={"OnSuccess": {"Destination": missing}}
    )
    service.boto3.invoke(FunctionName="Timed", InvocationType="Event", Payload="{}")

    line = TEMPLATE[: TEMPLATE.index("Handler:")].count("\n") + 1
    service.wait_for_line(
        f"template.yaml:{line}: Timed cannot send to {missing}: The specified queue does not exist"
    )
    assert missing in (service.project / ".cache/destinations.jsonl").read_text(encoding="utf-8")


def test_saved_template_adds_a_notification_and_keeps_the_others(
    service: LambdaService, aws: Aws
) -> None:
    added = """
  FromTexts:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Bucket:
          Type: S3
          Properties:
            Bucket: !Ref Pictures
            Events: s3:ObjectCreated:*
            Filter: {S3Key: {Rules: [{Name: suffix, Value: .txt}]}}
"""
    write_project(service.project, {"template.yaml": TEMPLATE + added})

    def is_delivered() -> bool:
        aws.s3.put_object(Bucket="pictures", Key="new.txt", Body=b"x")
        return bool(aws.events("FromTexts"))

    wait_until(is_delivered, "the new notification")
    before = len(aws.events("FromBucket"))
    aws.s3.put_object(Bucket="pictures", Key="in/later.jpg", Body=b"x")
    wait_until(lambda: len(aws.events("FromBucket")) == before + 1, "the other notification")
