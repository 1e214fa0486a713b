"""
Create the resources of a template in the emulator.

What exists is not created again, and nothing is deleted: a killed service finds its data.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambda_live.model.resources import ResourceSpec
from lambda_live.resources.aws import AwsClients

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
_SIMPLE_KEY = {"Name": "id", "Type": "String"}
_TYPES = {"String": "S", "Number": "N", "Binary": "B"}
_NOUNS = {
    "AWS::DynamoDB::GlobalTable": "table",
    "AWS::DynamoDB::Table": "table",
    "AWS::Serverless::SimpleTable": "table",
    "AWS::SQS::Queue": "queue",
    "AWS::SNS::Topic": "topic",
    "AWS::S3::Bucket": "bucket",
    "AWS::Events::EventBus": "event bus",
    "AWS::SSM::Parameter": "parameter",
    "AWS::SecretsManager::Secret": "secret",
    "AWS::Kinesis::Stream": "stream",
}


def count_resources(specs: Iterable[ResourceSpec]) -> str:
    """Return a text such as `3 tables, 1 queue`."""
    counts: dict[str, int] = {}
    for spec in specs:
        if (noun := _NOUNS.get(spec.type)) is not None:
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
        if (create := _CREATE.get(spec.type)) is None:
            continue
        try:
            create(aws, spec)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _EXISTS:
                log(f"{spec.place}: {spec.name} can't be created: {_message(error)}", "ERROR")
        except (BotoCoreError, KeyError, TypeError, ValueError) as error:
            log(f"{spec.place}: {spec.name} can't be created: {error}", "ERROR")


def _message(error: ClientError) -> str:
    details = error.response["Error"]
    return f"{details.get('Message') or details['Code']}"


def _create_queue(aws: AwsClients, spec: ResourceSpec) -> None:
    attributes = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key in _QUEUE_ATTRIBUTES
        if (value := spec.properties.get(key)) is not None
    }
    if attributes.get("FifoQueue") == "false":
        del attributes["FifoQueue"]  # AWS accepts true alone
    aws.call_now("sqs", "create_queue", QueueName=spec.name, Attributes=attributes)


def _create_topic(aws: AwsClients, spec: ResourceSpec) -> None:
    names = ("FifoTopic", "ContentBasedDeduplication", "DisplayName")
    attributes = {key: spec.properties[key] for key in names if key in spec.properties}
    if attributes.get("FifoTopic") == "false":
        del attributes["FifoTopic"]
    aws.call_now("sns", "create_topic", Name=spec.name, Attributes=attributes)


def _create_bucket(aws: AwsClients, spec: ResourceSpec) -> None:
    region = aws.account.region
    options: dict[str, Any] = {}
    if region != "us-east-1":
        options["CreateBucketConfiguration"] = {"LocationConstraint": region}
    aws.call_now("s3", "create_bucket", Bucket=spec.name, **options)
    if spec.properties.get("VersioningConfiguration"):
        status = {"Status": spec.properties["VersioningConfiguration"].get("Status", "Enabled")}
        aws.call_now(
            "s3", "put_bucket_versioning", Bucket=spec.name, VersioningConfiguration=status
        )


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
        text = _generated_secret(spec.properties.get("GenerateSecretString") or {})
    aws.call_now("secretsmanager", "create_secret", Name=spec.name, SecretString=text)


def _generated_secret(settings: Mapping[str, Any]) -> str:
    password = secrets.token_hex(16)[: int(settings.get("PasswordLength") or 32)]
    if (key := settings.get("GenerateStringKey")) is None:
        return password
    return json.dumps({**json.loads(settings.get("SecretStringTemplate") or "{}"), key: password})


_CREATE: Mapping[str, Callable[[AwsClients, ResourceSpec], None]] = {
    "AWS::DynamoDB::GlobalTable": _create_table,
    "AWS::DynamoDB::Table": _create_table,
    "AWS::Events::EventBus": _create_bus,
    "AWS::Kinesis::Stream": _create_stream,
    "AWS::S3::Bucket": _create_bucket,
    "AWS::SNS::Topic": _create_topic,
    "AWS::SQS::Queue": _create_queue,
    "AWS::SSM::Parameter": _create_parameter,
    "AWS::SecretsManager::Secret": _create_secret,
    "AWS::Serverless::SimpleTable": _create_simple_table,
}
