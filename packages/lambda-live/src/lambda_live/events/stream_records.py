"""
The records of DynamoDB and Kinesis streams, as AWS's events and filters have them.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from lambda_live.events.mapping import DYNAMODB, EventSourceMapping
from lambda_live.events.poller import as_json, json_or_text

type Record = dict[str, Any]


def event_record(mapping: EventSourceMapping, account_id: str, shard: str, found: Record) -> Record:
    """Return a record that boto3 has read, as AWS's event has it."""
    members = {"awsRegion": mapping.source.split(":")[3], "eventSourceARN": mapping.source}
    if mapping.kind == DYNAMODB:
        return {
            **{key: found[key] for key in ("eventID", "eventName")},
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "dynamodb": _as_json(found["dynamodb"]),
            **members,
        }
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": found["PartitionKey"],
            "sequenceNumber": found["SequenceNumber"],
            "data": base64.b64encode(found["Data"]).decode(),
            "approximateArrivalTimestamp": found["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{found['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{account_id}:role/lambda",
        **members,
    }


def size_of(record: Record) -> int:
    """Return the bytes of a record in the payload."""
    return len(as_json(record))


def key_of(record: Record) -> str:
    """Return the key whose records are delivered in order."""
    if "kinesis" in record:
        return str(record["kinesis"]["partitionKey"])
    return json.dumps(record["dynamodb"]["Keys"], sort_keys=True)


def sequence_of(record: Record) -> str:
    """Return the sequence number, which identifies a record in its shard."""
    if "kinesis" in record:
        return str(record["kinesis"]["sequenceNumber"])
    return str(record["dynamodb"]["SequenceNumber"])


def arrival_of(record: Record) -> float:
    """Return when the record arrived, in seconds since the epoch."""
    if "kinesis" in record:
        return float(record["kinesis"]["approximateArrivalTimestamp"])
    return float(record["dynamodb"]["ApproximateCreationDateTime"])


def iso_time(seconds: float) -> str:
    """Return a time since the epoch as AWS writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")[:19] + "Z"


def filtered_item(record: Record) -> dict[str, Any]:
    """Return what filters see: Kinesis's data decoded, DynamoDB's record as it is."""
    if "kinesis" not in record:
        return record
    kinesis = record["kinesis"]
    data = base64.b64decode(kinesis["data"]).decode("utf-8", "replace")
    return {**record, **kinesis, "data": json_or_text(data)}


def _as_json(value: Any) -> Any:
    """Return boto3's value as the JSON of AWS's event: times as seconds, bytes as base64."""
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_as_json(item) for item in value]
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return value
