"""
Sample events, as AWS documents them for each service that invokes functions.

They name the resources of the template: those of an event source, else the first of their type.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
"""

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lambda_live.model.function import Account, FunctionConfiguration
from lambda_live.model.resources import EventSource, ResourceSpec

type _Event = dict[str, Any]

_TIME = "2026-01-01T12:00:00.000Z"
_SECONDS = 1_767_268_800
_HTTP_HEADERS = {
    "accept": "*/*",
    "content-type": "application/json",
    "host": "localhost:3001",
    "user-agent": "curl/8",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
}
_NO_IDENTITY = dict.fromkeys(
    (
        *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider"),
        *("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
        *("user", "userArn"),
    )
)
_TEXT_BODY = '{"key": "value"}'
_NUMBER_KEY = "101"


@dataclass(frozen=True, slots=True)
class _Names:
    """The names in an event. `source` and `settings` are those of an `EventSource`, if given."""

    resources: Sequence[ResourceSpec]
    account: Account
    source: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def name(self, *types: str, default: str) -> str:
        """Return the source's name, or that of the first resource of these types."""
        if self.source:
            parts = self.source.split(":", 5)[-1].split("/")
            return parts[0] if len(parts) == 1 else parts[1]
        found = (each.name for each in self.resources if each.type in types)
        return next(found, default)

    def arn(self, service: str, resource: str) -> str:
        """Return the source's ARN, or that of a resource."""
        if self.source.startswith("arn:"):
            return self.source
        account = self.account
        return f"arn:{account.partition}:{service}:{account.region}:{account.account_id}:{resource}"

    def key(self, table: str) -> dict[str, Any]:
        """Return a key of a table, in DynamoDB's JSON."""
        for each in self.resources:
            if each.name != table:
                continue
            if each.type in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"):
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


def _sqs(names: _Names) -> _Event:
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
        "eventSourceARN": names.arn("sqs", names.name("AWS::SQS::Queue", default="queue")),
        "awsRegion": names.account.region,
    }
    return {"Records": [record]}


def _s3(names: _Names) -> _Event:
    bucket = names.name("AWS::S3::Bucket", default="bucket")
    kind = str((names.settings.get("Events") or ["ObjectCreated:*"])[0]).removeprefix("s3:")
    ends = {each["Name"]: each["Value"] for each in names.settings.get("Rules") or ()}
    key = f"{ends.get('prefix', 'folder/')}a+file{ends.get('suffix', '.txt')}"
    examples = {"ObjectCreated": "Put", "ObjectRemoved": "Delete"}
    kind = kind.replace("*", examples.get(kind.partition(":")[0], ""))
    record: dict[str, Any] = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": names.account.region,
        "eventTime": _TIME,
        "eventName": kind,
        "userIdentity": {"principalId": "AWS:EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "EXAMPLE", "x-amz-id-2": "EXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "notification",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "EXAMPLE"},
                "arn": f"arn:{names.account.partition}:s3:::{bucket}",
            },
            "object": {
                "key": key,
                "size": 4,
                "eTag": "098f6bcd4621d373cade4e832627b4f6",
                "sequencer": "0A1B2C3D4E5F678901",
            },
        },
    }
    if kind.startswith("ObjectRemoved"):
        record["s3"]["object"] = {"key": key, "sequencer": "0A1B2C3D4E5F678901"}
    return {"Records": [record]}


def _sns(names: _Names) -> _Event:
    topic = names.arn("sns", names.name("AWS::SNS::Topic", default="topic"))
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


def _dynamodb(names: _Names) -> _Event:
    tables = ("AWS::DynamoDB::Table", "AWS::Serverless::SimpleTable")
    table = names.name(*tables, default="table")
    key = names.key(table)
    record = {
        "eventID": uuid.uuid4().hex,
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": names.account.region,
        "dynamodb": {
            "ApproximateCreationDateTime": _SECONDS,
            "Keys": key,
            "NewImage": {**key, "attribute": {"S": "text"}},
            "SequenceNumber": "111",
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": names.arn("dynamodb", f"table/{table}/stream/{_TIME[:-1]}"),
    }
    return {"Records": [record]}


def _kinesis(names: _Names) -> _Event:
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
        "invokeIdentityArn": f"arn:aws:iam::{names.account.account_id}:role/lambda",
        "awsRegion": names.account.region,
        "eventSourceARN": names.arn("kinesis", f"stream/{stream}"),
    }
    return {"Records": [record]}


def _envelope(
    names: _Names, source: str, detail_type: str, detail: object, *resources: str
) -> _Event:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": names.account.account_id,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_SECONDS)),
        "region": names.account.region,
        "resources": list(resources),
        "detail": detail,
    }


def _eventbridge(names: _Names) -> _Event:
    pattern = names.settings.get("EventPattern")
    pattern = json.loads(pattern) if isinstance(pattern, str) else pattern or {}
    source = _first_text(pattern.get("source"), "example")
    return _envelope(
        names, source, _first_text(pattern.get("detail-type"), "Example"), {"key": "value"}
    )


def _first_text(values: Any, default: str) -> str:
    """Return the first value that a pattern accepts, if it is a text."""
    return next((each for each in values or () if isinstance(each, str)), default)


def _schedule(names: _Names) -> _Event:
    settings = names.settings
    if (text := settings.get("Input")) is not None:
        value: _Event = json.loads(text) if isinstance(text, str) else text
        return value
    if settings.get("IsScheduler"):
        return {}
    rule = settings.get("RuleName") or settings.get("Name") or "schedule"
    return _envelope(
        names, "aws.events", "Scheduled Event", {}, names.arn("events", f"rule/{rule}")
    )


def _rest_api(names: _Names) -> _Event:
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
            "accountId": names.account.account_id,
            "apiId": "api",
            "httpMethod": "POST",
            "domainName": "localhost",
            "identity": {**_NO_IDENTITY, "sourceIp": "127.0.0.1", "userAgent": "curl/8"},
            "path": "/Prod/path",
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid4()),
            "requestTime": "01/Jan/2026:12:00:00 +0000",
            "requestTimeEpoch": _SECONDS * 1000,
            "resourceId": "resource",
            "resourcePath": "/{proxy+}",
            "stage": "Prod",
        },
        "body": _TEXT_BODY,
        "isBase64Encoded": False,
    }


def _http_api(names: _Names) -> _Event:
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/path",
        "rawQueryString": "name=value",
        "headers": _HTTP_HEADERS,
        "queryStringParameters": {"name": "value"},
        "requestContext": {
            "accountId": names.account.account_id,
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


def _function_url(names: _Names) -> _Event:
    event = _http_api(names)
    event["requestContext"]["accountId"] = "anonymous"
    return event


def _load_balancer(names: _Names) -> _Event:
    group = names.arn("elasticloadbalancing", "targetgroup/lambda/0123456789abcdef")
    return {
        "requestContext": {"elb": {"targetGroupArn": group}},
        "httpMethod": "POST",
        "path": "/path",
        "queryStringParameters": {"name": "value"},
        "headers": _HTTP_HEADERS,
        "body": _TEXT_BODY,
        "isBase64Encoded": False,
    }


def _cognito(names: _Names) -> _Event:
    return {
        "version": "1",
        "triggerSource": "PreSignUp_SignUp",
        "region": names.account.region,
        "userPoolId": f"{names.account.region}_EXAMPLE",
        "userName": "user",
        "callerContext": {"awsSdkVersion": "aws-sdk", "clientId": "client"},
        "request": {"userAttributes": {"email": "user@example.com"}, "validationData": None},
        "response": {
            "autoConfirmUser": False,
            "autoVerifyEmail": False,
            "autoVerifyPhone": False,
        },
    }


def _authorizer(names: _Names) -> _Event:
    event = _rest_api(names)
    del event["body"], event["isBase64Encoded"]
    arn = names.arn("execute-api", "api/Prod/POST/path")
    return {"type": "REQUEST", "methodArn": arn, **event}


def _custom_resource(names: _Names) -> _Event:
    return {
        "RequestType": "Create",
        "ResponseURL": "http://127.0.0.1/response",
        "StackId": names.arn("cloudformation", f"stack/stack/{uuid.uuid4()}"),
        "RequestId": str(uuid.uuid4()),
        "ResourceType": "Custom::Resource",
        "LogicalResourceId": "Resource",
        "ResourceProperties": {
            "ServiceToken": names.arn("lambda", "function:function"),
            "key": "value",
        },
    }


def _firehose(names: _Names) -> _Event:
    record = {
        "recordId": "49546986683135544286507457936321625675700192471156785154",
        "approximateArrivalTimestamp": _SECONDS * 1000,
        "data": base64.b64encode(_TEXT_BODY.encode()).decode(),
    }
    return {
        "invocationId": str(uuid.uuid4()),
        "deliveryStreamArn": names.arn("firehose", "deliverystream/stream"),
        "region": names.account.region,
        "records": [record],
    }


def _logs(_: _Names) -> _Event:
    return {
        "awslogs": {
            "data": (
                "H4sIAAAAAAACAzWOwQ6CMBBE/2XPPUBVqNxIrJw8wc0Qg7pik9KStmgM4d9datzLTt7uZGaGAb3vemw+"
                "I0IBh7IpLydZ12UlgYF9G3SEU77Z7rJc7JOUE9a2r5ydRrr0cUdUB4fdQMz/BAM/Xf3NqTEoa45KB3Qe"
                "ijM8ooQ2uuQLTVjxDOq+RpEvKGoVuoEC0jzLeSZEsg77t6W/J2ptYWmXL0/QqHbDAAAA"
            )
        }
    }


_KINDS: Mapping[str, Callable[[_Names], _Event]] = {
    "sqs": _sqs,
    "s3": _s3,
    "sns": _sns,
    "dynamodb": _dynamodb,
    "kinesis": _kinesis,
    "eventbridge": _eventbridge,
    "schedule": _schedule,
    "apigateway": _rest_api,
    "httpapi": _http_api,
    "url": _function_url,
    "alb": _load_balancer,
    "authorizer": _authorizer,
    "cognito": _cognito,
    "cloudformation": _custom_resource,
    "firehose": _firehose,
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


def sample_event(
    kind: str,
    resources: Sequence[ResourceSpec],
    sources: Sequence[EventSource],
    account: Account,
) -> _Event:
    """Return an event of one of `SAMPLE_KINDS`, with the names of a template's resources."""
    found = (each for each in sources if _TRIGGER_KINDS.get(each.kind) == kind)
    if (source := next(found, None)) is None:
        return _KINDS[kind](_Names(resources, account))
    return _KINDS[kind](_Names(resources, account, source.source, source.settings))


def sample_events(
    configuration: FunctionConfiguration,
    resources: Sequence[ResourceSpec],
    sources: Sequence[EventSource],
) -> Iterator[tuple[str, Any]]:
    """
    Yield a name and an event for each trigger of a function.

    `resources` and `sources` are the template's. A trigger over HTTP yields a request as a `.http`
    file contains it, another one a JSON value.
    """
    for route in configuration.routes:
        method = "POST" if route.method == "ANY" else route.method
        has_body = method in ("POST", "PUT", "PATCH")
        body = 'Content-Type: application/json\n\n{"message": "hello"}\n' if has_body else ""
        yield f"{route.method} {route.path}", f"{method} {_example_path(route.path)}\n{body}"
    for trigger in configuration.triggers:
        if kind := _TRIGGER_KINDS.get(trigger.type):
            named = [each for each in sources if each.name == trigger.name]
            settings = named[0].settings if named else {}
            names = _Names(resources, configuration.account, trigger.source, settings)
            yield f"{trigger.type} {trigger.name}", _KINDS[kind](names)


def _example_path(path: str) -> str:
    """Return a path with values in place of its parameters."""
    parts = path.split("/")
    return "/".join("1" if each.startswith("{") else each for each in parts) or "/"
