"""
Create the resources of a template in the emulator.

What exists is not created again, and nothing is deleted: a killed service finds its data.
"""

import json
from collections.abc import Callable, Iterable, Mapping
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
_PASSWORD_FLAGS = (
    *("ExcludeLowercase", "ExcludeNumbers", "ExcludePunctuation", "ExcludeUppercase"),
    *("IncludeSpace", "RequireEachIncludedType"),
)
_SIMPLE_KEY = {"Name": "id", "Type": "String"}
_TYPES = {"String": "S", "Number": "N", "Binary": "B"}


def count_resources(specs: Iterable[ResourceSpec]) -> str:
    """Return a text such as `3 tables, 1 queue`."""
    counts: dict[str, int] = {}
    for spec in specs:
        if spec.type in _KINDS:
            noun, _ = _KINDS[spec.type]
            counts[noun] = counts.get(noun, 0) + 1
    plurals = (
        f"{number} {noun}{'' if number == 1 else 'es' if noun == 'event bus' else 's'}"
        for noun, number in counts.items()
    )
    return ", ".join(plurals)


def create_resources(
    aws: AwsClients, specs: Iterable[ResourceSpec], log: Callable[[str, str], None]
) -> None:
    """Create resources, and report those that the emulator rejects; blocks."""
    specs = list(specs)
    # a queue's dead-letter queue must exist before it
    specs.sort(key=lambda each: bool(each.properties.get("RedrivePolicy")))
    for spec in specs:
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
    options: dict[str, Any] = {"Bucket": spec.name}
    if region != "us-east-1":
        options["CreateBucketConfiguration"] = {"LocationConstraint": region}
    aws.call_now("s3", "create_bucket", **options)
    if versioning := spec.properties.get("VersioningConfiguration"):
        options = {"Bucket": spec.name, "VersioningConfiguration": versioning}
        aws.call_now("s3", "put_bucket_versioning", **options)


def _create_table(aws: AwsClients, spec: ResourceSpec) -> None:
    properties = spec.properties
    members: dict[str, Any] = {key: properties[key] for key in _TABLE_MEMBERS if key in properties}
    members["TableName"], members["BillingMode"] = spec.name, "PAY_PER_REQUEST"
    if indexes := properties.get("GlobalSecondaryIndexes"):
        wanted = ("IndexName", "KeySchema", "Projection")
        members["GlobalSecondaryIndexes"] = [
            {key: each[key] for key in wanted if key in each} for each in indexes
        ]
    if stream := properties.get("StreamSpecification"):
        view = stream.get("StreamViewType", "NEW_AND_OLD_IMAGES")
        members["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    aws.call_now("dynamodb", "create_table", **members)
    ttl = properties.get("TimeToLiveSpecification") or {}
    if ttl.get("Enabled") == "true":
        setting = {"Enabled": True, "AttributeName": ttl.get("AttributeName")}
        aws.call_now(
            "dynamodb",
            "update_time_to_live",
            TableName=spec.name,
            TimeToLiveSpecification=setting,
        )


def _create_simple_table(aws: AwsClients, spec: ResourceSpec) -> None:
    key = spec.properties.get("PrimaryKey") or _SIMPLE_KEY
    name, kind = key.get("Name", "id"), _TYPES[key.get("Type", "String")]
    aws.call_now(
        "dynamodb",
        "create_table",
        TableName=spec.name,
        KeySchema=[{"AttributeName": name, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind}],
        BillingMode="PAY_PER_REQUEST",
    )


def _create_stream(aws: AwsClients, spec: ResourceSpec) -> None:
    shards = int(spec.properties.get("ShardCount") or 1)
    aws.call_now("kinesis", "create_stream", StreamName=spec.name, ShardCount=shards)
    aws.client("kinesis").get_waiter("stream_exists").wait(
        StreamName=spec.name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )


def _create_bus(aws: AwsClients, spec: ResourceSpec) -> None:
    aws.call_now("events", "create_event_bus", Name=spec.name)


def _create_parameter(aws: AwsClients, spec: ResourceSpec) -> None:
    properties = spec.properties
    aws.call_now(
        "ssm",
        "put_parameter",
        Name=spec.name,
        Type=properties.get("Type", "String"),
        Value=properties["Value"],
    )


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
    password: str = aws.call_now("secretsmanager", "get_random_password", **options)[
        "RandomPassword"
    ]
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
