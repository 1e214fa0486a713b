"""The stacks of a CDK app as one template, and the names of its resources in the app's code."""

import re
from collections import Counter
from collections.abc import Mapping

from lambda_live.project.document import Document, Object

_PATH_SUFFIXES = {
    "AWS::Lambda::Function": "/Resource",
    "AWS::CloudFormation::Stack": ".NestedStackResource",
}
_SINGLETON = re.compile(r".*[0-9a-f]{32}")
_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")


def application_of(manifest: Document) -> Document:
    """Return a template in which each stack of a manifest is a nested stack."""
    artifacts = manifest.section("artifacts")
    resources = Object(artifacts.line)
    for name, artifact in artifacts.items():
        match artifact:
            case {
                "type": "aws:cloudformation:stack",
                "properties": {"templateFile": str() as file, **others},
            }:
                line = artifacts.line_of(name)
                stack = str(others.get("stackName", name))
                resources.put(stack, _nested_stack(file, line), line)
            case _:
                continue
    root = Object(1)
    root.put("Resources", resources, artifacts.line)
    return Document(manifest.path, root, manifest.notices)


def _nested_stack(file: str, line: int) -> Object:
    stack, properties = Object(line), Object(line)
    properties.put("TemplateURL", file, line)
    stack.put("Type", "AWS::CloudFormation::Stack", line)
    stack.put("Properties", properties, line)
    return stack


def construct_ids(resources: Mapping[str, object]) -> dict[str, str]:
    """
    Map logical IDs of functions and nested stacks to construct IDs, where these are unique.

    CDK's logical IDs end with a hash. AWS SAM CLI accepts construct IDs, too:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-cdk-testing.html
    """
    ids = {logical_id: _construct_id(resource) for logical_id, resource in resources.items()}
    uses = Counter((kind, name.lower()) for kind, name in ids.values())
    return {
        logical_id: name
        for logical_id, (kind, name) in ids.items()
        if uses[kind, name.lower()] == 1 and _NAME.fullmatch(name)
    }


def _construct_id(resource: object) -> tuple[str, str]:
    match resource:
        case {
            "Type": str() as kind,
            "Metadata": {"aws:cdk:path": str() as path},
        } if kind in _PATH_SUFFIXES:
            return kind, path.removesuffix(_PATH_SUFFIXES[kind]).rpartition("/")[2]
        case _:
            return "", ""


def is_singleton(name: str) -> bool:
    """
    Whether a function is a CDK singleton, which CDK adds for its own use.

    https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_lambda.SingletonFunction.html
    """
    return _SINGLETON.fullmatch(name) is not None
