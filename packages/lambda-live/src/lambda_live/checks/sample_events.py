"""
Sample events for the triggers of a function, as AWS documents them.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
"""

from collections.abc import Iterator
from typing import Any

from lambda_live.model.function import FunctionConfiguration

_REGION, _ACCOUNT = "us-east-1", "123456789012"
_TIME = "2026-01-01T12:00:00Z"

_SQS = {
    "Records": [
        {
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": '{"message": "hello"}',
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1767268800000"},
            "messageAttributes": {},
            "md5OfBody": "8c4c9cb8d840a990571ac06925d01e40",
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{_REGION}:{_ACCOUNT}:queue",
            "awsRegion": _REGION,
        }
    ]
}
_SNS = {
    "Records": [
        {
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": f"arn:aws:sns:{_REGION}:{_ACCOUNT}:topic:1",
            "Sns": {
                "Type": "Notification",
                "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
                "TopicArn": f"arn:aws:sns:{_REGION}:{_ACCOUNT}:topic",
                "Subject": "greeting",
                "Message": '{"message": "hello"}',
                "Timestamp": _TIME,
                "MessageAttributes": {},
            },
        }
    ]
}
_S3 = {
    "Records": [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": _REGION,
            "eventTime": _TIME,
            "eventName": "ObjectCreated:Put",
            "s3": {
                "s3SchemaVersion": "1.0",
                "bucket": {"name": "bucket", "arn": "arn:aws:s3:::bucket"},
                "object": {"key": "folder/file.txt", "size": 1024, "eTag": "d41d8cd98f00b204"},
            },
        }
    ]
}
_DYNAMODB = {
    "Records": [
        {
            "eventID": "1",
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": _REGION,
            "dynamodb": {
                "Keys": {"id": {"S": "1"}},
                "NewImage": {"id": {"S": "1"}, "message": {"S": "hello"}},
                "SequenceNumber": "111",
                "SizeBytes": 26,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": f"arn:aws:dynamodb:{_REGION}:{_ACCOUNT}:table/table/stream/1",
        }
    ]
}
_KINESIS = {
    "Records": [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "1",
                "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
                "data": "eyJtZXNzYWdlIjogImhlbGxvIn0=",
                "approximateArrivalTimestamp": 1767268800.0,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": "shardId-000000000006:1",
            "eventName": "aws:kinesis:record",
            "awsRegion": _REGION,
            "eventSourceARN": f"arn:aws:kinesis:{_REGION}:{_ACCOUNT}:stream/stream",
        }
    ]
}
_EVENTBRIDGE = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "greeting",
    "source": "my.application",
    "account": _ACCOUNT,
    "time": _TIME,
    "region": _REGION,
    "resources": [],
    "detail": {"message": "hello"},
}
_SCHEDULE = _EVENTBRIDGE | {
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "resources": [f"arn:aws:events:{_REGION}:{_ACCOUNT}:rule/rule"],
    "detail": {},
}
_LOGS = {
    "awslogs": {
        "data": (
            "H4sIAAAAAAACAzWOwQ6CMBBE/2XPPUBVqNxIrJw8wc0Qg7pik9KStmgM4d9datzLTt7uZGaGAb3vemw+"
            "I0IBh7IpLydZ12UlgYF9G3SEU77Z7rJc7JOUE9a2r5ydRrr0cUdUB4fdQMz/BAM/Xf3NqTEoa45KB3Qe"
            "ijM8ooQ2uuQLTVjxDOq+RpEvKGoVuoEC0jzLeSZEsg77t6W/J2ptYWmXL0/QqHbDAAAA"
        )
    }
}

_EVENTS: dict[str, Any] = {
    "SQS": _SQS,
    "SNS": _SNS,
    "S3": _S3,
    "DynamoDB": _DYNAMODB,
    "Kinesis": _KINESIS,
    "EventBridge": _EVENTBRIDGE,
    "EventBridgeRule": _EVENTBRIDGE,
    "CloudWatchEvent": _EVENTBRIDGE,
    "Schedule": _SCHEDULE,
    "ScheduleV2": _SCHEDULE,
    "CloudWatchLogs": _LOGS,
}


def sample_events(configuration: FunctionConfiguration) -> Iterator[tuple[str, Any]]:
    """
    Yield a name and an event for each trigger of a function.

    A trigger over HTTP yields a request as a `.http` file contains it, another one a JSON value.
    """
    for route in configuration.routes:
        method = "POST" if route.method == "ANY" else route.method
        has_body = method in ("POST", "PUT", "PATCH")
        body = 'Content-Type: application/json\n\n{"message": "hello"}\n' if has_body else ""
        yield f"{route.method} {route.path}", f"{method} {_example_path(route.path)}\n{body}"
    for trigger in configuration.triggers:
        if trigger.type in _EVENTS:
            yield f"{trigger.type} {trigger.name}", _EVENTS[trigger.type]


def _example_path(path: str) -> str:
    """Return a path with values in place of its parameters."""
    parts = path.split("/")
    return "/".join("1" if each.startswith("{") else each for each in parts) or "/"
