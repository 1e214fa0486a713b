"""
The AWS resources of a template, and the event sources of its functions, in all spellings.

An event source is an entry of SAM's `Events`, an `AWS::Lambda::EventSourceMapping`, the target of a
rule or of a schedule, a subscription, or the notification of a bucket (also CDK's custom resource).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
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

_RUN_CODE = re.compile(
    r"AWS::(?:Synthetics::Canary|SecretsManager::RotationSchedule|Logs::SubscriptionFilter"
    r"|SSM::MaintenanceWindowTask|Bedrock::Agent|AppSync::DataSource|Config::ConfigRule"
    r"|VpcLattice::TargetGroup|S3ObjectLambda::AccessPoint|Lex::Bot)"
)
"""These invoke functions, or run code of their own."""

_MAPPINGS = ("SQS", "DynamoDB", "Kinesis")
SUPPORTED_EVENTS = (
    *_MAPPINGS,
    *("S3", "SNS", "EventBridgeRule", "CloudWatchEvent", "Schedule", "ScheduleV2"),
)
"""SAM's types of events that are delivered locally, besides those of APIs."""

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

_NOTIFICATION_TARGETS = {
    "LambdaConfigurations": "Function",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "Queue",
    "TopicConfigurations": "Topic",
}
"""The sections of a bucket's notifications, and the key of the target in each."""

_FUNCTION = re.compile(r"(?:(?:arn:[^:]*:lambda:[^:]*:)?[^:]*:function:)?([\w-]+)(?::([\w$-]+))?")
_SCHEDULED = ("Schedule", "ScheduleV2")


type _Settings = dict[str, Any]


def resources_of(stack: Stack) -> Iterator[ResourceSpec]:
    """Yield the resources that an emulator can create; record a notice about each other kind."""
    yield from stack.read(stack.by_type(*_SUPPORTED), _specs_of)
    missing: dict[tuple[str, str], list[Resource]] = {}
    for each in stack:
        if _USED_AT_RUN_TIME.fullmatch(each.type):
            missing.setdefault((each.type, "calls that need it fail"), []).append(each)
        elif _RUN_CODE.fullmatch(each.type) or each.properties.get("TargetType") == "lambda":
            missing.setdefault((each.type, "it runs nothing"), []).append(each)
    for (kind, consequence), found in missing.items():
        names = ", ".join(each.logical_id for each in found)
        found[0].note(f"{kind} isn't created locally ({names}); {consequence}")


def _specs_of(each: Resource) -> Iterator[ResourceSpec]:
    path, settings = each.stack.document.path, _settings(each.stack, each.properties.raw)
    yield ResourceSpec(each.type, each.name, settings, path, each.line)


def _settings(stack: Stack, value: Value) -> _Settings:
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
    """Reads the event sources of resources; `functions` are those that are served."""

    def __init__(self, functions: Mapping[str, FunctionSpec]) -> None:
        self._functions = functions
        self._readers: Mapping[str, Callable[[Resource, _Settings], Iterator[EventSource]]] = {
            "AWS::Events::Rule": self._rule,
            "AWS::Lambda::EventSourceMapping": self._mapping,
            "AWS::S3::Bucket": self._bucket,
            "AWS::SNS::Subscription": self._subscription,
            "AWS::SNS::Topic": self._topic,
            "AWS::Scheduler::Schedule": self._schedule,
            "Custom::S3BucketNotifications": self._cdk_notifications,
        }

    def read(self, each: Resource) -> Iterator[EventSource]:
        """Yield the event sources that a resource declares."""
        reader = self._readers.get(each.type)
        if each.type in FUNCTIONS:
            yield from self._sam_events(each)
        elif reader is not None:
            yield from reader(each, _settings(each.stack, each.properties.raw))
        elif is_custom(each.type) and each.type not in _NOT_NEEDED:
            yield from self._custom(each, _settings(each.stack, each.properties.raw))

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
            settings = _settings(function.stack, event.raw.get("Properties"))
            full_name = f"{function.logical_id}{name}"
            if kind in _MAPPINGS:
                source = settings.get("Queue" if kind == "SQS" else "Stream")
            elif kind == "S3":
                source = settings.get("Bucket")
                settings = {"Events": _listed(settings.get("Events")), "Rules": _rules(settings)}
            elif kind == "SNS":
                source = settings.get("Topic")
                if settings.get("SqsSubscription"):
                    hint = "write the queue and its SQS event instead"
                    event.note("Type", f"SqsSubscription of {full_name} isn't emulated; {hint}")
                    continue
            elif kind in _SCHEDULED:
                source = settings.get("Schedule") or settings.get("ScheduleExpression")
                settings = {"IsScheduler": kind == "ScheduleV2", **settings}
                kind = "Schedule"
            else:
                source, kind = settings.get("EventBusName") or "default", "EventBridge"
                settings = {"EventPattern": settings.get("Pattern"), "Target": settings, **settings}
            line = event.line("Type")
            yield _source(function, full_name, kind, target, source, settings, line)

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
                return ":".join(filter(None, (name, qualifier)))
            hint = f"{name} has no alias or version {qualifier}"
        each.note(f"{each.logical_id} {without}; {hint}")
        return None

    def _deliver(  # noqa: PLR0913, PLR0917  # the fields of EventSource
        self, each: Resource, name: str, kind: str, target: Any, source: Any, settings: _Settings
    ) -> Iterator[EventSource]:
        if (found := self._target(target, each)) is not None:
            yield _source(each, name, kind, found, source, settings)

    def _mapping(self, each: Resource, settings: _Settings) -> Iterator[EventSource]:
        source, name = str(settings.get("EventSourceArn") or ""), each.logical_id
        services = {"sqs": "SQS", "dynamodb": "DynamoDB", "kinesis": "Kinesis"}
        kind = services.get([*source.split(":"), "", "", ""][2])
        if kind is None:
            hint = f"its source is {source or 'unknown'}"
            each.note(f"EventSourceMapping {name} isn't emulated; {hint}")
        else:
            target = settings.get("FunctionName")
            yield from self._deliver(each, name, kind, target, source, settings)

    def _rule(self, each: Resource, settings: _Settings) -> Iterator[EventSource]:
        for position, entry in enumerate(_mappings(settings, "Targets")):
            name, target = f"{each.logical_id}-{entry.get('Id') or position}", entry.get("Arn")
            own = {"RuleName": each.name, "Target": entry, **settings}
            if expression := settings.get("ScheduleExpression"):
                scheduled = {**own, "Input": entry.get("Input")}
                yield from self._deliver(each, name, "Schedule", target, expression, scheduled)
            if settings.get("EventPattern"):
                bus = settings.get("EventBusName") or "default"
                yield from self._deliver(each, name, "EventBridge", target, bus, own)

    def _subscription(self, each: Resource, settings: _Settings) -> Iterator[EventSource]:
        yield from self._subscribe(each, each.logical_id, settings.get("TopicArn"), settings)

    def _topic(self, each: Resource, settings: _Settings) -> Iterator[EventSource]:
        topic = each.stack.references.ref(each.logical_id)
        for position, entry in enumerate(_mappings(settings, "Subscription")):
            yield from self._subscribe(each, f"{each.logical_id}-{position}", topic, entry)

    def _subscribe(
        self, each: Resource, name: str, topic: Any, settings: _Settings
    ) -> Iterator[EventSource]:
        protocol = settings.get("Protocol")
        if protocol in ("lambda", "sqs"):
            yield from self._deliver(each, name, "SNS", settings.get("Endpoint"), topic, settings)
        else:
            each.note(f"subscription {name} ({protocol}) isn't emulated; nothing is sent to it")

    def _bucket(self, each: Resource, settings: _Settings) -> Iterator[EventSource]:
        yield from self._notifications(each, each.name, settings)

    def _cdk_notifications(self, each: Resource, settings: _Settings) -> Iterator[EventSource]:
        yield from self._notifications(each, settings.get("BucketName"), settings)

    def _notifications(
        self, each: Resource, bucket: Any, settings: _Settings
    ) -> Iterator[EventSource]:
        configuration = settings.get("NotificationConfiguration") or {}
        for section, key in _NOTIFICATION_TARGETS.items():
            for position, entry in enumerate(_mappings(configuration, section)):
                name = f"{each.logical_id}-{section}-{position}"
                events = _listed(entry.get("Event") or entry.get("Events"))
                own = {"Events": events, "Rules": _rules(entry)}
                target = entry.get(key) or entry.get(f"{key}Arn")
                yield from self._deliver(each, name, "S3", target, bucket, own)

    def _schedule(self, each: Resource, settings: _Settings) -> Iterator[EventSource]:
        entry, expression = settings.get("Target") or {}, settings.get("ScheduleExpression")
        own = {**settings, "IsScheduler": True, "Input": entry.get("Input")}
        target = entry.get("Arn")
        yield from self._deliver(each, each.logical_id, "Schedule", target, expression, own)

    def _custom(self, each: Resource, settings: _Settings) -> Iterator[EventSource]:
        target = self._target(settings.get("ServiceToken"), each, "is not created")
        if target is not None and not target.startswith("arn:"):
            name = each.stack.context.qualified_name(each.logical_id)
            yield _source(each, name, "CustomResource", target, each.type, settings)


def _source(  # noqa: PLR0913, PLR0917  # the fields of EventSource
    each: Resource,
    name: str,
    kind: str,
    target: str,
    source: Any,
    settings: _Settings,
    line: int | None = None,
) -> EventSource:
    """Return an event source, and report its properties that have no effect here."""
    line, path = line or each.line, each.stack.document.path
    if not isinstance(source, str | None):
        message = f"the source of {name} must be text"
        raise TypeError(message)
    given = {**(settings.get("Target") or {}), **settings}
    ignored = [key for key in _IGNORED.get(kind, ()) if key in given]
    if "Arn" not in (given.get("DeadLetterConfig") or ("Arn",)):  # SAM creates a queue
        ignored.append("DeadLetterConfig without Arn")
    if ignored:
        names, hint = ", ".join(ignored), "remove it, or test it on AWS"
        each.stack.notices.add(line, f"{names} of {name} has no effect locally; {hint}")
    qualifier = ""
    if not target.startswith("arn:"):
        target, _, qualifier = target.partition(":")
    found = EventSource(name, kind, target, source or "", settings, path, line)
    return replace(found, qualifier=qualifier or None)


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
