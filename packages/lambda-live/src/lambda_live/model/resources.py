"""The AWS resources of a template, and what invokes its functions, with all values resolved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambda_live.model.template_error import place_of

SEED_FOLDER = "seed"
"""In a project's folder: test data for each new emulator."""

INTERNAL_QUEUES = "lambda-live-"
"""The start of the names of the queues that notifications of functions go through."""


@dataclass(frozen=True, slots=True)
class ResourceSpec:
    """
    A resource that the emulator can create.

    `properties` are CloudFormation's, as JSON; scalars are texts, as they are in the template.
    """

    type: str
    name: str
    properties: Mapping[str, Any]
    template: Path
    line: int

    @property
    def place(self) -> str:
        """The place in the template, as `PATH:LINE`."""
        return place_of(self.template, self.line)


@dataclass(slots=True)
class StoredValues:
    """
    Values that a template has from AWS's services, by their reference.

    A reference is `resolve:ssm:NAME` or `resolve:secretsmanager:…`, as in `{{…}}`, `export:NAME` or
    `attribute:LOGICAL_ID.NAME` of a custom resource. `wanted` are those that the template has.
    """

    values: dict[str, str] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)

    def get(self, reference: str) -> str | None:
        """Return a value, or None if it is not known yet."""
        self.wanted.add(reference)
        return self.values.get(reference)


@dataclass(frozen=True, slots=True)
class EventSource:
    """
    What invokes a function, or sends to a queue, without an HTTP request.

    `kind` is SQS, DynamoDB, Kinesis, S3, SNS, EventBridge or Schedule. `target` is the name of a
    function, or an ARN. `source` is the ARN of a queue, a stream, a topic or a table, the name of a
    bucket or a bus, or the expression of a schedule. `settings` are CloudFormation's properties.
    `qualifier` is the alias or version of the function.
    """

    name: str
    kind: str
    target: str
    source: str
    settings: Mapping[str, Any]
    template: Path
    line: int
    qualifier: str | None = None

    @property
    def place(self) -> str:
        """The place in the template, as `PATH:LINE`."""
        return place_of(self.template, self.line)


type TemplateResources = tuple[Sequence[ResourceSpec], Sequence[EventSource]]
"""The resources and the event sources of a template."""
