"""What the functions of a CDK app are called in its code, as their logical ids end in hashes."""

import re
from collections.abc import Mapping

_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")


def construct_ids(resources: Mapping[str, object]) -> dict[str, str]:
    """
    Return the construct id of each function by its logical id, if no other function has the same.

    AWS SAM CLI takes them, too:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-cdk-testing.html
    """
    ids = {logical_id: _id_of(resource) for logical_id, resource in resources.items()}
    known = [each.lower() for each in ids.values() if each]
    return {
        logical_id: each
        for logical_id, each in ids.items()
        if each and known.count(each.lower()) == 1 and _NAME.fullmatch(each)
    }


def _id_of(resource: object) -> str | None:
    match resource:
        case {"Type": "AWS::Lambda::Function", "Metadata": {"aws:cdk:path": str() as path}}:
            return path.removesuffix("/Resource").rpartition("/")[2]
        case _:
            return None
