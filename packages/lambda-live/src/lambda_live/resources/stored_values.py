"""
Read the values that a template has from AWS's services: parameters, secrets and exports.

Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from lambda_live.model.resources import ResourceSpec, StoredValues
from lambda_live.model.strict_json import loads
from lambda_live.resources.aws import AwsClients, AwsError
from lambda_live.resources.creation import create_resources
from lambda_live.resources.seeding import SeedError, load_texts

_SECRET = re.compile(
    r"resolve:secretsmanager:(?P<id>arn:(?:[^:]*:){5}[^:]*|[^:]*)"
    r"(?::(?:SecretString)?(?::(?P<key>[^:]*)(?::(?P<stage>[^:]*)(?::(?P<version>[^:]*))?)?)?)?"
)
_PARAMETER = re.compile(r"resolve:ssm(?:-secure)?:(.+)")
_TYPES = ("AWS::SSM::Parameter", "AWS::SecretsManager::Secret")


def prepare_values(
    aws: AwsClients, stored: StoredValues, specs: Iterable[ResourceSpec], seed: Path | None
) -> bool:
    """
    Create the parameters and secrets that a template refers to; return whether it has new values.

    `seed` is the folder with the test data of a new emulator. Errors are reported when everything
    else is created. Blocks.
    """
    create_resources(aws, (each for each in specs if each.type in _TYPES), lambda *_: None)
    try:
        if seed is not None:
            load_texts(aws, seed)
    except (*AwsError, SeedError):
        pass
    return read_values(aws, stored)


def read_values(aws: AwsClients, stored: StoredValues) -> bool:
    """Read what a template refers to; return whether a value is new or has changed; blocks."""
    found: dict[str, str] = {}
    exports: dict[str, str] | None = None
    for reference in sorted(stored.wanted):
        try:
            if reference.startswith("export:"):
                exports = _exports(aws) if exports is None else exports
                value = exports.get(reference.removeprefix("export:"))
            else:
                value = _read(aws, reference)
        except (*AwsError, ValueError, LookupError, AttributeError):  # or the secret is no object
            continue  # the template's notice reports it
        if value is not None:
            found[reference] = value
    has_changed = not found.items() <= stored.values.items()
    stored.values |= found
    return has_changed


def _exports(aws: AwsClients) -> dict[str, str]:
    pages = aws.client("cloudformation").get_paginator("list_exports").paginate()
    return {each["Name"]: each["Value"] for page in pages for each in page["Exports"]}


def _read(aws: AwsClients, reference: str) -> str | None:
    if parameter := _PARAMETER.fullmatch(reference):
        found = aws.call_now("ssm", "get_parameter", Name=parameter[1], WithDecryption=True)
        return str(found["Parameter"]["Value"])
    if secret := _SECRET.fullmatch(reference):
        options = {"VersionStage": secret["stage"], "VersionId": secret["version"]}
        given = {name: value for name, value in options.items() if value}
        found = aws.call_now("secretsmanager", "get_secret_value", SecretId=secret["id"], **given)
        text = str(found["SecretString"])
        if not secret["key"]:
            return text
        value = loads(text).get(secret["key"])
        return value if isinstance(value, str | None) else json.dumps(value)
    return None
