"""
What is served: the reader of a SAM, CloudFormation, CDK or Dockerfile project.

In: the project's files, `.env`, samconfig.toml and the command line's options.
Out: a `Config` with one configuration for each function, again after each change.
It imports `dependencies`, `code`, `telemetry` and `model`.
"""
