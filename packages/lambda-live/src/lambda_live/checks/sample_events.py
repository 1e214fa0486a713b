"""
Sample events, as AWS documents them for each service that invokes functions.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
"""

import base64
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lambda_live.model.function import Account, FunctionConfiguration
from lambda_live.model.resources import ResourceSpec

type _Event = dict[str, Any]

_ACCOUNT = Account()
_TIME = "2026-01-01T12:00:00.000Z"
_SECONDS = 1_767_268_800
_HTTP_HEADERS = {"accept": "*/*", "host": "localhost:3001", "user-agent": "curl/8"}
_TEXT_BODY = '{"key": "value"}'
_NUMBER_KEY = "101"


class _ResourceNames:
    """The first resource of each type among those of a template, or a placeholder."""

    def __init__(self, resources: Sequence[ResourceSpec]) -> None:
        self._resources = resources

    def name(self, *types: str, default: str) -> str:
        """Return the name of the first resource of these types."""
        found = (each.name for each in self._resources if each.type in types)
        return next(found, default)

    def key(self) -> dict[str, Any]:
        """Return a key of the first table, in DynamoDB's JSON."""
        for each in self._resources:
            if each.type == "AWS::DynamoDB::Table":
                types = {
                    found["AttributeName"]: found["AttributeType"]
                    for found in each.properties.get("AttributeDefinitions", ())
                }
                names = [found["AttributeName"] for found in each.properties.get("KeySchema", ())]
                return {name: _key_value(types.get(name, "S")) for name in names}
            if each.type == "AWS::Serverless::SimpleTable":
                key = each.properties.get("PrimaryKey") or {}
                return {key.get("Name", "id"): _key_value(str(key.get("Type", "String"))[0])}
        return {"id": {"S": "value"}}


def _key_value(kind: str) -> dict[str, str]:
    return {kind: _NUMBER_KEY if kind == "N" else "value"}


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{_ACCOUNT.region}:{_ACCOUNT.account_id}:{resource}"


def _sqs(names: _ResourceNames) -> _Event:
    record = {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "handle",
        "body": _TEXT_BODY,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": f"{_SECONDS}000",
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": f"{_SECONDS}001",
        },
        "messageAttributes": {},
        "md5OfBody": "88bac95f31528d13a072c05f2a1cf371",
        "eventSource": "aws:sqs",
        "eventSourceARN": _arn("sqs", names.name("AWS::SQS::Queue", default="queue")),
        "awsRegion": _ACCOUNT.region,
    }
    return {"Records": [record]}


def _s3(names: _ResourceNames) -> _Event:
    bucket = names.name("AWS::S3::Bucket", default="bucket")
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": _ACCOUNT.region,
        "eventTime": _TIME,
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "EXAMPLE", "x-amz-id-2": "EXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "notification",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "EXAMPLE"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": {
                "key": "folder/a+file.txt",
                "size": 4,
                "eTag": "098f6bcd4621d373cade4e832627b4f6",
                "sequencer": "0A1B2C3D4E5F678901",
            },
        },
    }
    return {"Records": [record]}


def _sns(names: _ResourceNames) -> _Event:
    topic = _arn("sns", names.name("AWS::SNS::Topic", default="topic"))
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{topic}:{uuid.uuid4()}",
        "Sns": {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": topic,
            "Subject": None,
            "Message": _TEXT_BODY,
            "Timestamp": _TIME,
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertUrl": "EXAMPLE",
            "UnsubscribeUrl": "EXAMPLE",
            "MessageAttributes": {},
        },
    }
    return {"Records": [record]}


def _dynamodb(names: _ResourceNames) -> _Event:
    tables = ("AWS::DynamoDB::Table", "AWS::Serverless::SimpleTable")
    table, key = names.name(*tables, default="table"), names.key()
    record = {
        "eventID": uuid.uuid4().hex,
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": _ACCOUNT.region,
        "dynamodb": {
            "ApproximateCreationDateTime": _SECONDS,
            "Keys": key,
            "NewImage": {**key, "attribute": {"S": "text"}},
            "SequenceNumber": "111",
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": _arn("dynamodb", f"table/{table}/stream/{_TIME[:-1]}"),
    }
    return {"Records": [record]}


def _kinesis(names: _ResourceNames) -> _Event:
    stream = names.name("AWS::Kinesis::Stream", default="stream")
    sequence = "49590338271490256608559692538361571095921575989136588898"
    record = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "1",
            "sequenceNumber": sequence,
            "data": base64.b64encode(_TEXT_BODY.encode()).decode(),
            "approximateArrivalTimestamp": float(_SECONDS),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{_ACCOUNT.account_id}:role/lambda",
        "awsRegion": _ACCOUNT.region,
        "eventSourceARN": _arn("kinesis", f"stream/{stream}"),
    }
    return {"Records": [record]}


def _envelope(source: str, detail_type: str, detail: object, *resources: str) -> _Event:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": _ACCOUNT.account_id,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_SECONDS)),
        "region": _ACCOUNT.region,
        "resources": list(resources),
        "detail": detail,
    }


def _eventbridge(_: _ResourceNames) -> _Event:
    return _envelope("example", "Example", {"key": "value"})


def _schedule(_: _ResourceNames) -> _Event:
    return _envelope("aws.events", "Scheduled Event", {}, _arn("events", "rule/schedule"))


def _rest_api(_: _ResourceNames) -> _Event:
    return {
        "resource": "/{proxy+}",
        "path": "/path",
        "httpMethod": "POST",
        "headers": _HTTP_HEADERS,
        "multiValueHeaders": {name: [value] for name, value in _HTTP_HEADERS.items()},
        "queryStringParameters": {"name": "value"},
        "multiValueQueryStringParameters": {"name": ["value"]},
        "pathParameters": {"proxy": "path"},
        "stageVariables": None,
        "requestContext": {
            "accountId": _ACCOUNT.account_id,
            "apiId": "api",
            "httpMethod": "POST",
            "identity": {"sourceIp": "127.0.0.1", "userAgent": "curl/8"},
            "path": "/Prod/path",
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid4()),
            "requestTimeEpoch": _SECONDS * 1000,
            "resourcePath": "/{proxy+}",
            "stage": "Prod",
        },
        "body": _TEXT_BODY,
        "isBase64Encoded": False,
    }


def _http_api(_: _ResourceNames) -> _Event:
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/path",
        "rawQueryString": "name=value",
        "headers": _HTTP_HEADERS,
        "queryStringParameters": {"name": "value"},
        "requestContext": {
            "accountId": _ACCOUNT.account_id,
            "apiId": "api",
            "domainName": "localhost",
            "domainPrefix": "api",
            "http": {
                "method": "POST",
                "path": "/path",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "curl/8",
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2026:12:00:00 +0000",
            "timeEpoch": _SECONDS * 1000,
        },
        "body": _TEXT_BODY,
        "isBase64Encoded": False,
    }


def _load_balancer(_: _ResourceNames) -> _Event:
    group = _arn("elasticloadbalancing", "targetgroup/lambda/0123456789abcdef")
    return {
        "requestContext": {"elb": {"targetGroupArn": group}},
        "httpMethod": "POST",
        "path": "/path",
        "queryStringParameters": {"name": "value"},
        "headers": _HTTP_HEADERS,
        "body": _TEXT_BODY,
        "isBase64Encoded": False,
    }


def _cognito(_: _ResourceNames) -> _Event:
    return {
        "version": "1",
        "triggerSource": "PreSignUp_SignUp",
        "region": _ACCOUNT.region,
        "userPoolId": f"{_ACCOUNT.region}_EXAMPLE",
        "userName": "user",
        "callerContext": {"awsSdkVersion": "aws-sdk", "clientId": "client"},
        "request": {"userAttributes": {"email": "user@example.com"}, "validationData": None},
        "response": {
            "autoConfirmUser": False,
            "autoVerifyEmail": False,
            "autoVerifyPhone": False,
        },
    }


def _logs(_: _ResourceNames) -> _Event:
    return {
        "awslogs": {
            "data": (
                "H4sIAAAAAAACAzWOwQ6CMBBE/2XPPUBVqNxIrJw8wc0Qg7pik9KStmgM4d9datzLTt7uZGaGAb3vemw+"
                "I0IBh7IpLydZ12UlgYF9G3SEU77Z7rJc7JOUE9a2r5ydRrr0cUdUB4fdQMz/BAM/Xf3NqTEoa45KB3Qe"
                "ijM8ooQ2uuQLTVjxDOq+RpEvKGoVuoEC0jzLeSZEsg77t6W/J2ptYWmXL0/QqHbDAAAA"
            )
        }
    }


_KINDS: Mapping[str, Callable[[_ResourceNames], _Event]] = {
    "sqs": _sqs,
    "s3": _s3,
    "sns": _sns,
    "dynamodb": _dynamodb,
    "kinesis": _kinesis,
    "eventbridge": _eventbridge,
    "schedule": _schedule,
    "apigateway": _rest_api,
    "httpapi": _http_api,
    "url": _http_api,
    "alb": _load_balancer,
    "cognito": _cognito,
    "logs": _logs,
}

SAMPLE_KINDS = tuple(_KINDS)
"""What sends the events."""

_TRIGGER_KINDS = {
    "SQS": "sqs",
    "SNS": "sns",
    "S3": "s3",
    "DynamoDB": "dynamodb",
    "Kinesis": "kinesis",
    "EventBridge": "eventbridge",
    "EventBridgeRule": "eventbridge",
    "CloudWatchEvent": "eventbridge",
    "Schedule": "schedule",
    "ScheduleV2": "schedule",
    "CloudWatchLogs": "logs",
    "Cognito": "cognito",
}
"""The kinds of SAM's events and of `EventSource`."""


def sample_event(kind: str, resources: Sequence[ResourceSpec]) -> _Event:
    """Return an event of one of `SAMPLE_KINDS`, with the names of a template's resources."""
    return _KINDS[kind](_ResourceNames(resources))


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
        if kind := _TRIGGER_KINDS.get(trigger.type):
            yield f"{trigger.type} {trigger.name}", sample_event(kind, ())


def _example_path(path: str) -> str:
    """Return a path with values in place of its parameters."""
    parts = path.split("/")
    return "/".join("1" if each.startswith("{") else each for each in parts) or "/"
