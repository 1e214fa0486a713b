"""
Sample events, as AWS documents them for each service that invokes functions.

`sample_events.json` has one of each kind. `<name>` and `<arn>` in it stand for a resource of the
template: that of an event source, else the first of its type. `<uuid>` is a new id each time.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from lambda_live.model.function import Account, FunctionConfiguration
from lambda_live.model.resources import EventSource, ResourceSpec

type _Event = dict[str, Any]

_PLACEHOLDER = re.compile(r"<(\w+)>")
_NUMBER_KEY = "101"


class _Resource(NamedTuple):
    """What sends the events of a kind: its types, a name without one, and its ARN's end."""

    types: tuple[str, ...]
    default_name: str
    service: str
    arn_end: str = "{}"


_RESOURCES = {
    "sqs": _Resource(("AWS::SQS::Queue",), "queue", "sqs"),
    "s3": _Resource(("AWS::S3::Bucket",), "bucket", "s3"),
    "sns": _Resource(("AWS::SNS::Topic",), "topic", "sns"),
    "dynamodb": _Resource(
        ("AWS::DynamoDB::Table", "AWS::Serverless::SimpleTable"),
        "table",
        "dynamodb",
        "table/{}/stream/2026-01-01T12:00:00.000",
    ),
    "kinesis": _Resource(("AWS::Kinesis::Stream",), "stream", "kinesis", "stream/{}"),
}
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


@lru_cache(maxsize=1)
def _samples() -> dict[str, _Event]:
    """Return an event of each kind, with placeholders."""
    text = (files("lambda_live.checks") / "sample_events.json").read_text(encoding="utf-8")
    samples: dict[str, _Event] = json.loads(text)
    http = samples["httpapi"]
    context = http["requestContext"] | {"accountId": "anonymous"}
    rest = {
        name: value
        for name, value in samples["apigateway"].items()
        if name not in ("body", "isBase64Encoded")
    }
    arn = "arn:<partition>:execute-api:<region>:<account>:api/Prod/POST/path"
    return samples | {
        "url": http | {"requestContext": context},
        "authorizer": {"type": "REQUEST", "methodArn": arn, **rest},
    }


def sample_kinds() -> list[str]:
    """Return what sends the events."""
    return sorted(_samples())


def sample_event(
    kind: str,
    resources: Sequence[ResourceSpec],
    sources: Sequence[EventSource],
    account: Account,
) -> _Event:
    """Return an event of one of `sample_kinds`, with the names of a template's resources."""
    found = (each for each in sources if _TRIGGER_KINDS.get(each.kind) == kind)
    if (source := next(found, None)) is None:
        return _create(kind, resources, account)
    return _create(kind, resources, account, source.source, source.settings)


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
            event = _create(kind, resources, configuration.account, trigger.source, settings)
            yield f"{trigger.type} {trigger.name}", event


def _example_path(path: str) -> str:
    """Return a path with values in place of its parameters."""
    parts = path.split("/")
    return "/".join("1" if each.startswith("{") else each for each in parts) or "/"


def _create(
    kind: str,
    resources: Sequence[ResourceSpec],
    account: Account,
    source: str = "",
    settings: Mapping[str, Any] | None = None,
) -> _Event:
    """Return an event. `source` and `settings` are those of an `EventSource`."""
    settings = settings or {}
    values = {
        "account": account.account_id,
        "partition": account.partition,
        "region": account.region,
        "rule": settings.get("RuleName") or settings.get("Name") or "schedule",
    }
    if (resource := _RESOURCES.get(kind)) is not None:
        name = values["name"] = _name(resource, resources, source)
        place = f"{resource.service}:{account.region}:{account.account_id}"
        arn = f"arn:{account.partition}:{place}:{resource.arn_end.format(name)}"
        values["arn"] = source if source.startswith("arn:") else arn
    event: _Event = _fill(_samples()[kind], values)
    match kind:
        case "s3":
            _set_object(event["Records"][0], settings)
        case "dynamodb":
            record, key = event["Records"][0]["dynamodb"], _key(resources, values["name"])
            record["Keys"], record["NewImage"] = key, {**key, "attribute": {"S": "text"}}
        case "eventbridge":
            _set_pattern(event, settings)
        case "schedule" if (text := settings.get("Input")) is not None:
            value: _Event = json.loads(text) if isinstance(text, str) else text
            return value
        case "schedule" if settings.get("IsScheduler"):
            return {}
    return event


def _fill(value: Any, values: Mapping[str, str]) -> Any:
    """Return a copy of a JSON value with values in place of the placeholders."""
    if isinstance(value, dict):
        return {name: _fill(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, values) for each in value]
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: values.get(found[1]) or str(uuid.uuid4()), value)
    return value


def _name(resource: _Resource, resources: Sequence[ResourceSpec], source: str) -> str:
    """Return the source's name, or that of the first resource of a type."""
    if source:
        parts = source.split(":", 5)[-1].split("/")
        return parts[0] if len(parts) == 1 else parts[1]
    found = (each.name for each in resources if each.type in resource.types)
    return next(found, resource.default_name)


def _key(resources: Sequence[ResourceSpec], table: str) -> dict[str, Any]:
    """Return a key of a table, in DynamoDB's JSON."""
    for each in resources:
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


def _set_object(record: _Event, settings: Mapping[str, Any]) -> None:
    """Set the kind of an S3 record, and a key that its event source accepts."""
    kind = str((settings.get("Events") or ["ObjectCreated:*"])[0]).removeprefix("s3:")
    ends = {each["Name"]: each["Value"] for each in settings.get("Rules") or ()}
    examples = {"ObjectCreated": "Put", "ObjectRemoved": "Delete"}
    record["eventName"] = kind.replace("*", examples.get(kind.partition(":")[0], ""))
    stored = record["s3"]["object"]
    stored["key"] = f"{ends.get('prefix', 'folder/')}a+file{ends.get('suffix', '.txt')}"
    if kind.startswith("ObjectRemoved"):
        del stored["size"], stored["eTag"]


def _set_pattern(event: _Event, settings: Mapping[str, Any]) -> None:
    """Set the first source and detail type that a rule's pattern accepts."""
    pattern = settings.get("EventPattern")
    pattern = json.loads(pattern) if isinstance(pattern, str) else pattern or {}
    for name in ("source", "detail-type"):
        texts = (each for each in pattern.get(name) or () if isinstance(each, str))
        event[name] = next(texts, event[name])
