"""Write the cloud assembly that CDK 2 writes for Python functions."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from support.project import write_project


def function(asset: str, construct: str = "Stack/Greeter", **metadata: object) -> dict[str, object]:
    """Return a function resource."""
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"S3Bucket": {"Fn::Sub": "assets-${AWS::AccountId}"}, "S3Key": f"{asset}.zip"},
            "Handler": "index.handler",
            "Runtime": "python3.12",
        },
        "Metadata": {
            "aws:cdk:path": f"{construct}/Resource",
            "aws:asset:path": f"asset.{asset}",
            "aws:asset:is-bundled": False,
            "aws:asset:property": "Code",
            **metadata,
        },
    }


def synthesize(app: Path, output: str = "cdk.out", **stacks: Mapping[str, object]) -> None:
    """Write an assembly without assets."""
    artifacts = {
        name: {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": f"{name}.template.json"},
        }
        for name in stacks
    }
    artifacts["Tree"] = {"type": "cdk:tree", "properties": {"file": "tree.json"}}
    write_project(app, {"cdk.json": json.dumps({"app": "python app.py", "output": output})})
    write_project(
        app / output, {"cdk.out": "{}", "manifest.json": json.dumps({"artifacts": artifacts})}
    )
    for name, resources in stacks.items():
        write_project(app / output, {f"{name}.template.json": json.dumps({"Resources": resources})})


def stage(app: Path, folder: str, asset: str) -> None:
    """Copy a folder to an asset."""
    shutil.copytree(app / folder, app / f"cdk.out/asset.{asset}")
