"""
Load a folder of test data into the emulator: items, objects, parameters and secrets.

- `tables/NAME.json`: a list of items, or one item, as plain JSON
- `buckets/NAME/KEY`: objects
- `parameters.json` and `secrets.json`: an object of names and texts
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from lambda_live.model.strict_json import loads
from lambda_live.model.text_files import read_file
from lambda_live.resources.aws import AwsClients


class SeedError(ValueError):
    """A file is invalid; the text is `PATH: PROBLEM; HINT`."""


def load_folder(aws: AwsClients, folder: Path) -> str:
    """
    Load a folder; return what was loaded, such as `3 items, 1 object`; blocks.

    The text is empty if the folder has nothing or does not exist.

    Raises:
        SeedError: A file is invalid.
        BotoCoreError, ClientError: A table or a bucket is missing.
    """
    items = objects = 0
    for file in sorted(folder.glob("tables/*.json")):
        items += len(put_items(aws, file.stem, read_json(file), file))
    for bucket in sorted(filter(Path.is_dir, folder.glob("buckets/*"))):
        for file in sorted(filter(Path.is_file, bucket.rglob("*"))):
            put_object(aws, bucket.name, file.relative_to(bucket).as_posix(), file)
            objects += 1
    texts = load_texts(aws, folder)
    counts = (
        (items, "item", "items"),
        (objects, "object", "objects"),
        (texts, "parameter or secret", "parameters or secrets"),
    )
    return ", ".join(f"{each} {one if each == 1 else many}" for each, one, many in counts if each)


def load_texts(aws: AwsClients, folder: Path) -> int:
    """
    Load parameters and secrets; return their number; blocks.

    Raises:
        SeedError: A file is invalid.
        BotoCoreError, ClientError: The emulator rejects a value.
    """
    texts = 0
    for name, value in _texts(folder / "parameters.json"):
        aws.call_now("ssm", "put_parameter", Name=name, Value=value, Type="String", Overwrite=True)
        texts += 1
    for name, value in _texts(folder / "secrets.json"):
        try:
            aws.call_now("secretsmanager", "create_secret", Name=name, SecretString=value)
        except ClientError:
            aws.call_now("secretsmanager", "put_secret_value", SecretId=name, SecretString=value)
        texts += 1
    return texts


def put_items(aws: AwsClients, table: str, found: Any, place: object) -> list[bool]:
    """
    Put an item of plain JSON, or a list of items; return whether each one is new or changed.

    Raises:
        SeedError: It is not an object; `place` is where it was read.
        BotoCoreError, ClientError: The table is missing, or rejects an item.
    """
    changed = []
    for item in found if isinstance(found, list) else [found]:
        if not isinstance(item, dict):
            message = f"{place}: an item must be a JSON object; write {{NAME: VALUE}}"
            raise SeedError(message)
        try:
            typed = {name: TypeSerializer().serialize(value) for name, value in item.items()}
        except (ArithmeticError, TypeError) as error:
            message = f"{place}: DynamoDB cannot store {item}: {error}; use at most 38 digits"
            raise SeedError(message) from error
        before = aws.call_now(
            "dynamodb", "put_item", TableName=table, Item=typed, ReturnValues="ALL_OLD"
        )
        changed.append(before.get("Attributes") != typed)
    return changed


def put_object(aws: AwsClients, bucket: str, key: str, file: Path) -> None:
    """Put a file as an object. Raises OSError, BotoCoreError, ClientError."""
    aws.call_now("s3", "put_object", Bucket=bucket, Key=key, Body=file.read_bytes())


def read_json(file: Path) -> Any:
    """Return a file's JSON with exact numbers. Raises SeedError."""
    try:
        return loads(read_file(file), parse_float=Decimal)
    except (OSError, ValueError) as error:
        message = f"{file}: {error}; write JSON"
        raise SeedError(message) from error


def _texts(file: Path) -> Iterator[tuple[str, str]]:
    if not file.is_file():
        return
    found = read_json(file)
    if not isinstance(found, dict):
        message = f"{file}: it must be a JSON object; write {{NAME: TEXT}}"
        raise SeedError(message)
    for name, value in found.items():
        yield name, value if isinstance(value, str) else json.dumps(value, default=str)
