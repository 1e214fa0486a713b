"""
Reads a CloudFormation or SAM template, with its nested stacks, into functions.

In: template files. Out: `model.template.Template`, or an error with file and line.
Intrinsic functions are resolved as far as the template alone determines their values.
Imports `project.document`, `project.cdk`, `project.image`, `dependencies`, `telemetry` and `model`.
"""
