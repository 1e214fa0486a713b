"""
The AWS resources of a template, and the event sources of its functions, in all spellings.

An event source is an entry of SAM's `Events`, an `AWS::Lambda::EventSourceMapping`, the target of a
rule or of a schedule, a subscription, or the notification of a bucket (also CDK's custom resource).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lambda_live.model.resources import EventSource, ResourceSpec
from lambda_live.model.template import FunctionSpec
from lambda_live.project.document import Array, Object, Value, to_json
from lambda_live.project.template.stack import FUNCTIONS, Resource, Stack
from lambda_live.project.template.template_notices import muted
from lambda_live.project.template.values import as_text, is_custom

_SUPPORTED = (
    *("AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table", "AWS::Events::EventBus"),
    *("AWS::Events::Rule", "AWS::Kinesis::Stream"),
    *("AWS::S3::Bucket", "AWS::SNS::Subscription", "AWS::SNS::Topic", "AWS::SQS::Queue"),
    *("AWS::SSM::Parameter", "AWS::SecretsManager::Secret", "AWS::Serverless::SimpleTable"),
)
_USED_AT_RUN_TIME = re.compile(
    r"AWS::(?:Cognito::(?:UserPool|IdentityPool)|StepFunctions::StateMachine|Serverless::StateMachine"
    r"|CloudWatch::(?:Alarm|CompositeAlarm)|KinesisFirehose::DeliveryStream|RDS::DB\w+"
    r"|ElastiCache::\w+Cluster|OpenSearchService::Domain|KMS::Key|AppConfig::Application"
    r"|Kinesis::StreamConsumer|Pipes::Pipe|MSK::Cluster|AmazonMQ::Broker"
    r"|DocDB::DBCluster|Neptune::DBCluster|Timestream::\w+|IoT::TopicRule|SES::\w+|AppSync::GraphQLApi"
    r"|ECS::\w+|EFS::FileSystem|Athena::\w+|Glue::\w+)"
)
"""Functions may call these, so leaving them out is worth a notice; roles and policies are not."""

_MAPPINGS = ("SQS", "DynamoDB", "Kinesis")
SUPPORTED_EVENTS = (
    *_MAPPINGS,
    *("S3", "SNS", "EventBridgeRule", "CloudWatchEvent", "Schedule", "ScheduleV2"),
)
"""SAM's types of events that are delivered locally, besides those of APIs."""

_SOURCES = (
    *("AWS::Events::Rule", "AWS::Lambda::EventSourceMapping", "AWS::S3::Bucket"),
    *("AWS::SNS::Subscription", "AWS::SNS::Topic", "AWS::Scheduler::Schedule"),
    "Custom::S3BucketNotifications",
)
"""Types of resources that invoke functions."""

_PATTERNS = ("EventPattern", "FilterPolicy", "Pattern")
_NOT_NEEDED = (
    *("Custom::S3AutoDeleteObjects", "Custom::LogRetention"),
    "Custom::VpcRestrictDefaultSG",
)
"""CDK's own, without a meaning on this machine."""

_IGNORED = {
    "DynamoDB": ("ProvisionedPollerConfig",),
    "Kinesis": ("ProvisionedPollerConfig",),
    "SQS": ("ProvisionedPollerConfig", "DestinationConfig"),
    "Schedule": ("InputPath", "InputTransformer"),
}
"""Properties of event sources, by kind, that have no effect here."""

_FUNCTION = re.compile(r"(?:(?:arn:[^:]*:lambda:[^:]*:)?[^:]*:function:)?([\w-]+)(?::([\w$-]+))?")
_SCHEDULED = ("Schedule", "ScheduleV2")


def resources_of(stack: Stack) -> Iterator[ResourceSpec]:
    """Yield the resources that an emulator can create; record a notice about each other kind."""
    yield from stack.read(stack.by_type(*_SUPPORTED), _specs_of)
    missing: dict[str, list[Resource]] = {}
    for each in stack:
        if _USED_AT_RUN_TIME.fullmatch(each.type):
            missing.setdefault(each.type, []).append(each)
    for kind, found in missing.items():
        names = ", ".join(each.logical_id for each in found)
        hint = "calls that need it fail"
        found[0].note(f"{kind} isn't created locally ({names}); {hint}")


def _specs_of(each: Resource) -> Iterator[ResourceSpec]:
    properties = _section(each.stack, each.properties.raw)
    yield ResourceSpec(each.type, each.name, properties, each.stack.document.path, each.line)


def _section(stack: Stack, value: Value) -> dict[str, Any]:
    with muted():  # most of the properties do not matter here
        plain = _plain(stack.intrinsics.resolve(value))
    if not isinstance(plain, dict | None):
        message = "Properties must be a mapping"
        raise TypeError(message)
    return plain or {}


def _plain(value: Value) -> Any:
    """Return a value as JSON; numbers and booleans are texts, except in patterns."""
    if isinstance(value, Object):
        return {
            key: to_json(item) if key in _PATTERNS else _plain(item) for key, item in value.items()
        }
    return [_plain(item) for item in value] if isinstance(value, Array) else value


class EventSourceReader:
    """Reads the event sources of one stack; `functions` are those that are served."""

    def __init__(self, stack: Stack, functions: Mapping[str, FunctionSpec]) -> None:
        self._stack = stack
        self._functions = functions

    def read(self) -> Iterator[EventSource]:
        """Yield the event sources."""
        return self._stack.read(self._stack, self._read)

    def _read(self, each: Resource) -> Iterator[EventSource]:
        if each.type in FUNCTIONS:
            yield from self._sam_events(each)
        elif each.type in _SOURCES:
            yield from self._resource(each, _section(self._stack, each.properties.raw))
        elif is_custom(each.type) and each.type not in _NOT_NEEDED:
            yield from self._custom(each, _section(self._stack, each.properties.raw))

    def _resource(self, each: Resource, settings: dict[str, Any]) -> Iterator[EventSource]:
        name = each.logical_id
        match each.type:
            case "AWS::Lambda::EventSourceMapping":
                yield from self._mapping(each, settings)
            case "AWS::Events::Rule":
                yield from self._rule(each, settings)
            case "AWS::SNS::Subscription":
                yield from self._subscribe(each, name, settings.get("TopicArn"), settings)
            case "AWS::SNS::Topic":
                topic = self._stack.references.ref(name)
                for position, entry in enumerate(_mappings(settings, "Subscription")):
                    yield from self._subscribe(each, f"{name}-{position}", topic, entry)
            case "AWS::S3::Bucket":
                yield from self._notifications(each, each.name, settings)
            case "Custom::S3BucketNotifications":
                yield from self._notifications(each, settings.get("BucketName"), settings)
            case "AWS::Scheduler::Schedule":
                yield from self._schedule(each, settings)

    def _source(  # noqa: PLR0913, PLR0917  # the fields of EventSource
        self, name: str, kind: str, target: str, source: Any, settings: Any, line: int
    ) -> EventSource:
        if not isinstance(source, str | None):
            message = f"the source of {name} must be text"
            raise TypeError(message)
        path = self._stack.document.path
        given = {**(settings.get("Target") or {}), **settings}
        ignored = [each for each in _IGNORED.get(kind, ()) if each in given]
        if "Arn" not in (given.get("DeadLetterConfig") or ("Arn",)):  # SAM creates a queue
            ignored.append("DeadLetterConfig without Arn")
        if ignored:
            hint = "remove it, or test it on AWS"
            text = f"{', '.join(ignored)} of {name} has no effect locally; {hint}"
            self._stack.notices.add(line, text)
        qualifier = ""
        if not target.startswith("arn:"):
            target, _, qualifier = target.partition(":")
        own = (path, line, qualifier or None)
        return EventSource(name, kind, target, source or "", settings, *own)

    def _sam_events(self, function: Resource) -> Iterator[EventSource]:
        target, alias = function.name, function.properties.text("AutoPublishAlias")
        if target not in self._functions:
            return
        if alias:
            target = f"{target}:{alias}"
        for name, event in function.properties.section("Events").sections():
            kind = event.text("Type") or ""
            if kind not in SUPPORTED_EVENTS:
                continue
            settings = _section(self._stack, event.raw.get("Properties"))
            full_name, line = f"{function.logical_id}{name}", event.line("Type")
            if kind in _MAPPINGS:
                source = settings.get("Queue" if kind == "SQS" else "Stream")
            elif kind == "S3":
                source = settings.get("Bucket")
                settings = {"Events": _listed(settings.get("Events")), "Rules": _rules(settings)}
            elif kind == "SNS":
                source = settings.get("Topic")
                if settings.get("SqsSubscription"):
                    hint = "write the queue and its SQS event instead"
                    notice = f"SqsSubscription of {full_name} isn't emulated; {hint}"
                    event.note("Type", notice)
                    continue
            elif kind in _SCHEDULED:
                source = settings.get("Schedule") or settings.get("ScheduleExpression")
                settings = {"IsScheduler": kind == "ScheduleV2", **settings}
                kind = "Schedule"
            else:
                source, kind = settings.get("EventBusName") or "default", "EventBridge"
                settings = {"EventPattern": settings.get("Pattern"), "Target": settings, **settings}
            yield self._source(full_name, kind, target, source, settings, line)

    def _target(self, value: Any, each: Resource, without: str = "delivers nothing") -> str | None:
        """Return NAME or NAME:QUALIFIER of the function that a value stands for, or another ARN."""
        text = as_text(value)
        found = _FUNCTION.fullmatch(text)
        if found is None and text.startswith("arn:"):
            return text
        hint = "its target is not served here"
        if found is not None and (function := self._functions.get(found[1])) is not None:
            name, qualifier = found.groups()
            if qualifier in {None, "$LATEST", *function.aliases, *function.versions}:
                return f"{name}:{qualifier}" if qualifier else name
            hint = f"{name} has no alias or version {qualifier}"
        each.note(f"{each.logical_id} {without}; {hint}")
        return None

    def _mapping(self, each: Resource, settings: dict[str, Any]) -> Iterator[EventSource]:
        source = str(settings.get("EventSourceArn") or "")
        services = {"sqs": "SQS", "dynamodb": "DynamoDB", "kinesis": "Kinesis"}
        kind = services.get([*source.split(":"), "", "", ""][2])
        if kind is None:
            hint = f"its source is {source or 'unknown'}"
            notice = f"EventSourceMapping {each.logical_id} isn't emulated; {hint}"
            each.note(notice)
        elif (target := self._target(settings.get("FunctionName"), each)) is not None:
            yield self._source(each.logical_id, kind, target, source, settings, each.line)

    def _rule(self, each: Resource, settings: dict[str, Any]) -> Iterator[EventSource]:
        rule = each.name
        for position, entry in enumerate(_mappings(settings, "Targets")):
            if (target := self._target(entry.get("Arn"), each)) is None:
                continue
            name = f"{each.logical_id}-{entry.get('Id') or position}"
            own = {"RuleName": rule, "Target": entry, **settings}
            if expression := settings.get("ScheduleExpression"):
                scheduled = {**own, "Input": entry.get("Input")}
                yield self._source(name, "Schedule", target, expression, scheduled, each.line)
            if settings.get("EventPattern"):
                bus = settings.get("EventBusName") or "default"
                yield self._source(name, "EventBridge", target, bus, own, each.line)

    def _subscribe(
        self, each: Resource, name: str, topic: Any, settings: dict[str, Any]
    ) -> Iterator[EventSource]:
        protocol = settings.get("Protocol")
        if protocol not in ("lambda", "sqs"):
            notice = f"subscription {name} ({protocol}) isn't emulated; nothing is sent to it"
            each.note(notice)
        elif (target := self._target(settings.get("Endpoint"), each)) is not None:
            yield self._source(name, "SNS", target, topic, settings, each.line)

    def _notifications(
        self, each: Resource, bucket: Any, settings: dict[str, Any]
    ) -> Iterator[EventSource]:
        configuration = settings.get("NotificationConfiguration") or {}
        keys = {
            "LambdaConfigurations": "Function",
            "LambdaFunctionConfigurations": "LambdaFunctionArn",
            "QueueConfigurations": "Queue",
            "TopicConfigurations": "Topic",
        }
        for section, key in keys.items():
            for position, entry in enumerate(_mappings(configuration, section)):
                arn = entry.get(key) or entry.get(f"{key}Arn")
                if (target := self._target(arn, each)) is not None:
                    events = _listed(entry.get("Event") or entry.get("Events"))
                    own = {"Events": events, "Rules": _rules(entry)}
                    name = f"{each.logical_id}-{section}-{position}"
                    yield self._source(name, "S3", target, bucket, own, each.line)

    def _schedule(self, each: Resource, settings: dict[str, Any]) -> Iterator[EventSource]:
        entry = settings.get("Target") or {}
        if (target := self._target(entry.get("Arn"), each)) is not None:
            expression = settings.get("ScheduleExpression")
            own = {**settings, "IsScheduler": True, "Input": entry.get("Input")}
            yield self._source(each.logical_id, "Schedule", target, expression, own, each.line)

    def _custom(self, each: Resource, settings: dict[str, Any]) -> Iterator[EventSource]:
        target = self._target(settings.get("ServiceToken"), each, "is not created")
        if target is not None and not target.startswith("arn:"):
            name = self._stack.context.qualified_name(each.logical_id)
            yield self._source(name, "CustomResource", target, each.type, settings, each.line)


def _mappings(settings: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a list of mappings, empty if it is missing. Raises TypeError for any other value."""
    found = settings.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        message = f"{key} must be a list of mappings"
        raise TypeError(message)
    return found


def _listed(value: Any) -> list[str]:
    """Return a list of events, which may be a single text. Raises TypeError."""
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | None) for item in items):
        message = "Events must be a list of texts"
        raise TypeError(message)
    return [item for item in items if item]


def _rules(notification: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the prefix and the suffix of a notification, as Name and Value."""
    found = notification.get("Filter") or {}
    key = found.get("S3Key") or found.get("Key") or {}
    rules = [*_mappings(key, "Rules"), *_mappings(key, "FilterRules")]
    return [{"Name": str(each.get("Name")).lower(), "Value": str(each["Value"])} for each in rules]
