"""
What the functions and the nested stacks of a CDK app are called in its code.

Their logical ids end in hashes.
"""

import re
from collections import Counter
from collections.abc import Mapping

_ENDS = {
    "AWS::Lambda::Function": "/Resource",
    "AWS::CloudFormation::Stack": ".NestedStackResource",
}
_SINGLETON = re.compile(r".*[0-9a-f]{32}")
_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")


def construct_ids(resources: Mapping[str, object]) -> dict[str, str]:
    """
    Return the construct id of each by its logical id, if no other of its kind has the same.

    AWS SAM CLI takes them, too:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-cdk-testing.html
    """
    ids = {logical_id: _id_of(resource) for logical_id, resource in resources.items()}
    known = Counter((kind, name.lower()) for kind, name in ids.values())
    return {
        logical_id: name
        for logical_id, (kind, name) in ids.items()
        if known[kind, name.lower()] == 1 and _NAME.fullmatch(name)
    }


def _id_of(resource: object) -> tuple[str, str]:
    match resource:
        case {"Type": str() as kind, "Metadata": {"aws:cdk:path": str() as path}} if kind in _ENDS:
            return kind, path.removesuffix(_ENDS[kind]).rpartition("/")[2]
        case _:
            return "", ""


def is_singleton(name: str) -> bool:
    """
    Whether a function is one that a stack has but once, as those are that CDK adds for its own use.

    https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_lambda.SingletonFunction.html
    """
    return _SINGLETON.fullmatch(name) is not None
