"""An app of several stacks as one template, in which each of them is nested."""

from lambda_live.project.template.document import Document, Object, Value


def application_of(manifest: Document) -> Document:
    """Return the template that a cloud assembly's manifest stands for."""
    artifacts = manifest.section("artifacts")
    resources = Object(artifacts.line)
    for name, artifact in artifacts.items():
        match artifact:
            case {
                "type": "aws:cloudformation:stack",
                "properties": {"templateFile": str() as file},
            }:
                line = artifacts.line_of(name)
                resources.put(_stack_of(name, artifact), _nested(file, line), line)
            case _:
                continue
    root = Object(1)
    root.put("Resources", resources, artifacts.line)
    return Document(manifest.path, root, manifest.notices)


def _stack_of(name: str, artifact: Value) -> str:
    match artifact:
        case {"properties": {"stackName": str() as stack}}:
            return stack
        case _:
            return name


def _nested(file: str, line: int) -> Object:
    stack, properties = Object(line), Object(line)
    properties.put("TemplateURL", file, line)
    stack.put("Type", "AWS::CloudFormation::Stack", line)
    stack.put("Properties", properties, line)
    return stack
