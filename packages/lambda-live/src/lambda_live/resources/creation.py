"""
Create the resources of a template in the emulator.

What exists is not created again, and nothing is deleted: a killed service finds its data.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from lambda_live.model.resources import ResourceSpec
from lambda_live.resources.aws import AwsClients, AwsError, explain

_EXISTS = (
    *("BucketAlreadyExists", "BucketAlreadyOwnedByYou", "ParameterAlreadyExists"),
    *("ResourceAlreadyExistsException", "ResourceExistsException", "ResourceInUseException"),
    "QueueAlreadyExists",
)
_QUEUE_ATTRIBUTES = (
    *("ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoQueue"),
    *("FifoThroughputLimit", "MaximumMessageSize", "MessageRetentionPeriod"),
    *("ReceiveMessageWaitTimeSeconds", "RedrivePolicy", "VisibilityTimeout"),
)
_TABLE_MEMBERS = ("AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes")
_INDEX_MEMBERS = ("IndexName", "KeySchema", "Projection")
_PASSWORD_FLAGS = (
    *("ExcludeLowercase", "ExcludeNumbers", "ExcludePunctuation", "ExcludeUppercase"),
    *("IncludeSpace", "RequireEachIncludedType"),
)
_SIMPLE_KEY = {"Name": "id", "Type": "String"}
_TYPES = {"String": "S", "Number": "N", "Binary": "B"}


def count_resources(specs: Iterable[ResourceSpec]) -> str:
    """Return a text such as `3 tables, 1 queue`."""
    counts = Counter(_KINDS[spec.type][0] for spec in specs if spec.type in _KINDS)
    plurals = (
        f"{number} {noun}{'' if number == 1 else 'es' if noun == 'event bus' else 's'}"
        for noun, number in counts.items()
    )
    return ", ".join(plurals)


def create_resources(
    aws: AwsClients, specs: Iterable[ResourceSpec], log: Callable[[str, str], None]
) -> None:
    """Create resources, and report those that the emulator rejects; blocks."""
    # a queue's dead-letter queue must exist before it
    for spec in sorted(specs, key=lambda each: bool(each.properties.get("RedrivePolicy"))):
        if spec.type not in _KINDS:
            continue
        _, create = _KINDS[spec.type]
        try:
            create(aws, spec)
        except (*AwsError, KeyError, TypeError, ValueError) as error:
            if not (isinstance(error, ClientError) and error.response["Error"]["Code"] in _EXISTS):
                log(f"{spec.place}: {spec.name} can't be created: {explain(error)}", "ERROR")


def _attributes(spec: ResourceSpec, names: Iterable[str]) -> dict[str, str]:
    """Return properties as texts, without a FIFO property that is false: AWS rejects it."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name in names
        if (value := spec.properties.get(name)) is not None
        and (name, value) not in (("FifoQueue", "false"), ("FifoTopic", "false"))
    }


def _create_queue(aws: AwsClients, spec: ResourceSpec) -> None:
    attributes = _attributes(spec, _QUEUE_ATTRIBUTES)
    aws.call_now("sqs", "create_queue", QueueName=spec.name, Attributes=attributes)


def _create_topic(aws: AwsClients, spec: ResourceSpec) -> None:
    attributes = _attributes(spec, ("FifoTopic", "ContentBasedDeduplication", "DisplayName"))
    aws.call_now("sns", "create_topic", Name=spec.name, Attributes=attributes)


def _create_bucket(aws: AwsClients, spec: ResourceSpec) -> None:
    region = aws.account.region
    place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    aws.call_now(
        "s3", "create_bucket", Bucket=spec.name, **(place if region != "us-east-1" else {})
    )
    if versioning := spec.properties.get("VersioningConfiguration"):
        options = {"Bucket": spec.name, "VersioningConfiguration": versioning}
        aws.call_now("s3", "put_bucket_versioning", **options)


def _create_table(aws: AwsClients, spec: ResourceSpec) -> None:
    properties = spec.properties
    members = _picked(properties, _TABLE_MEMBERS)
    if indexes := properties.get("GlobalSecondaryIndexes"):
        members["GlobalSecondaryIndexes"] = [_picked(each, _INDEX_MEMBERS) for each in indexes]
    if stream := properties.get("StreamSpecification"):
        view = stream.get("StreamViewType", "NEW_AND_OLD_IMAGES")
        members["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    table = partial(aws.call_now, "dynamodb", TableName=spec.name)
    table(operation="create_table", BillingMode="PAY_PER_REQUEST", **members)
    ttl = properties.get("TimeToLiveSpecification") or {}
    if ttl.get("Enabled") == "true":
        setting = {"Enabled": True, "AttributeName": ttl.get("AttributeName")}
        table(operation="update_time_to_live", TimeToLiveSpecification=setting)


def _create_simple_table(aws: AwsClients, spec: ResourceSpec) -> None:
    key = spec.properties.get("PrimaryKey") or _SIMPLE_KEY
    name, kind = key.get("Name", "id"), _TYPES[key.get("Type", "String")]
    properties = {
        "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind}],
    }
    _create_table(aws, replace(spec, properties=properties))


def _picked(mapping: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: mapping[key] for key in keys if key in mapping}


def _create_stream(aws: AwsClients, spec: ResourceSpec) -> None:
    shards = int(spec.properties.get("ShardCount") or 1)
    aws.call_now("kinesis", "create_stream", StreamName=spec.name, ShardCount=shards)
    waiting = {"Delay": 1, "MaxAttempts": 20}
    waiter = aws.client("kinesis").get_waiter("stream_exists")
    waiter.wait(StreamName=spec.name, WaiterConfig=waiting)


def _create_bus(aws: AwsClients, spec: ResourceSpec) -> None:
    aws.call_now("events", "create_event_bus", Name=spec.name)


def _create_parameter(aws: AwsClients, spec: ResourceSpec) -> None:
    kind, value = spec.properties.get("Type", "String"), spec.properties["Value"]
    aws.call_now("ssm", "put_parameter", Name=spec.name, Type=kind, Value=value)


def _create_secret(aws: AwsClients, spec: ResourceSpec) -> None:
    text = spec.properties.get("SecretString")
    if text is None:
        text = _generated_secret(aws, spec.properties.get("GenerateSecretString") or {})
    aws.call_now("secretsmanager", "create_secret", Name=spec.name, SecretString=text)


def _generated_secret(aws: AwsClients, settings: Mapping[str, Any]) -> str:
    options: dict[str, Any] = {
        name: settings[name] == "true" for name in _PASSWORD_FLAGS if name in settings
    }
    options["PasswordLength"] = int(settings.get("PasswordLength") or 32)
    options["ExcludeCharacters"] = settings.get("ExcludeCharacters") or ""
    found = aws.call_now("secretsmanager", "get_random_password", **options)
    password = str(found["RandomPassword"])
    if (key := settings.get("GenerateStringKey")) is None:
        return password
    return json.dumps({**json.loads(settings.get("SecretStringTemplate") or "{}"), key: password})


_KINDS: Mapping[str, tuple[str, Callable[[AwsClients, ResourceSpec], None]]] = {
    "AWS::DynamoDB::GlobalTable": ("table", _create_table),
    "AWS::DynamoDB::Table": ("table", _create_table),
    "AWS::Events::EventBus": ("event bus", _create_bus),
    "AWS::Kinesis::Stream": ("stream", _create_stream),
    "AWS::S3::Bucket": ("bucket", _create_bucket),
    "AWS::SNS::Topic": ("topic", _create_topic),
    "AWS::SQS::Queue": ("queue", _create_queue),
    "AWS::SSM::Parameter": ("parameter", _create_parameter),
    "AWS::SecretsManager::Secret": ("secret", _create_secret),
    "AWS::Serverless::SimpleTable": ("table", _create_simple_table),
}
"""The noun for a resource of each type, and the function that creates it."""
