"""
An event source mapping: its settings with AWS's defaults and limits, and its state.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

SQS, DYNAMODB, KINESIS = "SQS", "DynamoDB", "Kinesis"
_SERVICES = {"sqs": SQS, "dynamodb": DYNAMODB, "kinesis": KINESIS}
_MAX_QUEUE_BATCH_WITHOUT_WINDOW = 10
_MIN_AGE_SECONDS = 60
_FAILURES = "ReportBatchItemFailures"
_POSITIONS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
_QUEUE_ONLY = ("ScalingConfig",)
_STREAM_ONLY = (
    *("BisectBatchOnFunctionError", "DestinationConfig", "MaximumRecordAgeInSeconds"),
    *("MaximumRetryAttempts", "ParallelizationFactor", "StartingPosition"),
    *("StartingPositionTimestamp", "TumblingWindowInSeconds"),
)


class InvalidMappingError(ValueError):
    """AWS rejects the settings; the text says why."""


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """
    The settings of a mapping; windows and ages are in seconds.

    `maximum_retries` and `maximum_age` are -1 without a limit.
    """

    batch_size: int
    window: int
    filters: tuple[str, ...]
    reports_failures: bool
    maximum_concurrency: int | None
    starting_position: str
    starting_timestamp: float | None
    parallelization: int
    maximum_retries: int
    maximum_age: int
    bisects: bool
    on_failure: str | None
    tumbling_window: int


def kind_of(arn: str) -> str | None:
    """Return the kind of source that an ARN names, or None."""
    parts = arn.split(":")
    return _SERVICES.get(parts[2]) if len(parts) > 5 else None  # noqa: PLR2004  # an ARN's parts


def _parse_settings(source: str, properties: Mapping[str, Any]) -> MappingSettings:
    """Return the settings in CloudFormation's or the API's properties."""
    kind, is_fifo = kind_of(source), source.endswith(".fifo")
    is_queue = kind == SQS
    for name in _STREAM_ONLY if is_queue else _QUEUE_ONLY:
        if properties.get(name) and name != "DestinationConfig":
            _reject(f"{name} isn't supported for {kind} event sources")
    batch_size = _number(properties, "BatchSize", 10 if is_queue else 100, 1, 10_000)
    window = _number(properties, "MaximumBatchingWindowInSeconds", 0, 0, 300)
    if is_fifo and batch_size > _MAX_QUEUE_BATCH_WITHOUT_WINDOW:
        _reject("BatchSize must be at most 10 for FIFO queues")
    if is_fifo and window:
        _reject("Batching window is not supported for FIFO queues")
    if is_queue and batch_size > _MAX_QUEUE_BATCH_WITHOUT_WINDOW and not window:
        _reject(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is"
            " greater than 10"
        )
    position = str(properties.get("StartingPosition") or "")
    if not is_queue and position not in _POSITIONS[: 3 if kind == KINESIS else 2]:
        _reject(f"invalid StartingPosition {position!r}; use LATEST or TRIM_HORIZON")
    types = properties.get("FunctionResponseTypes") or []
    if types not in ([], [_FAILURES]):
        _reject(f"invalid FunctionResponseTypes {types}; use [{_FAILURES}]")
    scaling = properties.get("ScalingConfig") or {}
    destinations = properties.get("DestinationConfig") or {}
    if "OnSuccess" in destinations:
        _reject("Unsupported DestinationConfig parameter for given event source mapping type.")
    timestamp = properties.get("StartingPositionTimestamp")
    age = _number(properties, "MaximumRecordAgeInSeconds", -1, -1, 604_800)
    if -1 < age < _MIN_AGE_SECONDS:
        _reject(f"MaximumRecordAgeInSeconds must be -1 or from {_MIN_AGE_SECONDS} to 604800")
    return MappingSettings(
        batch_size=batch_size,
        window=window,
        filters=_filters(properties.get("FilterCriteria")),
        reports_failures=bool(types),
        maximum_concurrency=_number(scaling, "MaximumConcurrency", 0, 2, 1000) or None,
        starting_position=position,
        starting_timestamp=None if timestamp is None else float(timestamp),
        parallelization=_number(properties, "ParallelizationFactor", 1, 1, 10),
        maximum_retries=_number(properties, "MaximumRetryAttempts", -1, -1, 10_000),
        maximum_age=age,
        bisects=_flag(properties, "BisectBatchOnFunctionError"),
        on_failure=(destinations.get("OnFailure") or {}).get("Destination"),
        tumbling_window=_number(properties, "TumblingWindowInSeconds", 0, 0, 900),
    )


def _reject(message: str) -> NoReturn:
    raise InvalidMappingError(message)


def _flag(properties: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    value = properties.get(name)
    text = str(default if value is None else value).lower()
    if text not in ("true", "false"):
        _reject(f"{name} must be true or false, not {value!r}")
    return text == "true"


def _number(
    properties: Mapping[str, Any], name: str, default: int, minimum: int, maximum: int
) -> int:
    value = properties.get(name)
    if value is None:
        return default
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = minimum - 1
    if not minimum <= number <= maximum:
        _reject(f"{name} must be a number from {minimum} to {maximum}, not {value!r}")
    return number


def _filters(criteria: Any) -> tuple[str, ...]:
    patterns = [
        each.get("Pattern") if isinstance(each, dict) else None
        for each in (criteria or {}).get("Filters") or ()
    ]
    texts = [each if isinstance(each, str) else json.dumps(each) for each in patterns if each]
    for text in texts:
        try:
            pattern = json.loads(text)
            is_valid = isinstance(pattern, dict) and _is_pattern(pattern)
        except ValueError:
            is_valid = False
        if not is_valid:
            _reject(f"Invalid filter pattern definition: {text}")
    return tuple(text for text in texts if text != "{}")


def _is_pattern(value: object) -> bool:
    """Whether each member of a pattern is a list, or an object of such members."""
    if isinstance(value, dict):
        return all(map(_is_pattern, value.values()))
    return isinstance(value, list)


@dataclass(slots=True)
class EventSourceMapping:
    """
    A mapping of a queue or a stream to a function.

    `properties` are the settings in the template or in the client's request. `place` is
    `PATH:LINE` in the template. `qualifier` is the function's alias or version. Raises
    InvalidMappingError if AWS rejects the settings.
    """

    function: str
    source: str
    properties: dict[str, Any]
    uuid: str
    place: str = ""
    qualifier: str | None = None
    settings: MappingSettings = field(init=False)
    last_modified: float = field(default_factory=time.time)
    last_result: str = "No records processed"

    def __post_init__(self) -> None:
        if not self.kind:
            source = self.source or "missing"
            _reject(f"its source is {source}; write the ARN of a queue or a stream")
        _flag(self.properties, "Enabled")
        self.settings = _parse_settings(self.source, self.properties)

    @property
    def enabled(self) -> bool:
        """Whether the mapping delivers, which is the default."""
        return _flag(self.properties, "Enabled", default=True)

    @property
    def kind(self) -> str:
        """SQS, DynamoDB or Kinesis."""
        return kind_of(self.source) or ""

    @property
    def source_name(self) -> str:
        """The name of the queue, the table or the stream."""
        resource = self.source.split(":", 5)[-1]
        return resource if self.kind == SQS else resource.split("/")[1]

    @property
    def label(self) -> str:
        """The name that messages show, with the place in the template."""
        name = f"{'queue' if self.kind == SQS else 'stream'} {self.source_name}"
        return f"{self.place}: {name}" if self.place else name

    @property
    def target(self) -> str:
        """The name of the function, with its alias or version."""
        return f"{self.function}:{self.qualifier}" if self.qualifier else self.function

    def describe(self, function_arn: str) -> dict[str, Any]:
        """
        Return AWS's description.

        https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
        """
        settings = self.settings
        described: dict[str, Any] = {
            "UUID": self.uuid,
            "BatchSize": settings.batch_size,
            "MaximumBatchingWindowInSeconds": settings.window,
            "EventSourceArn": self.source,
            "FunctionArn": function_arn,
            "LastModified": self.last_modified,
            "State": "Enabled" if self.enabled else "Disabled",
            "StateTransitionReason": "USER_INITIATED",
            "FunctionResponseTypes": [_FAILURES] if settings.reports_failures else [],
        }
        if settings.filters:
            filters = [{"Pattern": pattern} for pattern in settings.filters]
            described["FilterCriteria"] = {"Filters": filters}
        if self.kind == SQS:
            if settings.maximum_concurrency:
                concurrency = {"MaximumConcurrency": settings.maximum_concurrency}
                described["ScalingConfig"] = concurrency
            return described
        failure = {"Destination": settings.on_failure} if settings.on_failure else {}
        return described | {
            "LastProcessingResult": self.last_result,
            "StartingPosition": settings.starting_position,
            "ParallelizationFactor": settings.parallelization,
            "MaximumRetryAttempts": settings.maximum_retries,
            "MaximumRecordAgeInSeconds": settings.maximum_age,
            "BisectBatchOnFunctionError": settings.bisects,
            "TumblingWindowInSeconds": settings.tumbling_window,
            "DestinationConfig": {"OnFailure": failure},
        }


def failed_items(response: bytes, identifiers: Collection[str]) -> set[str] | None:
    """
    Return the failed items that a function reports; None if the whole batch counts as failed.

    Call it for a function that succeeded and whose mapping has ReportBatchItemFailures.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    try:
        value = json.loads(response) if response else None
    except (ValueError, RecursionError):
        return None
    failures = value.get("batchItemFailures") if isinstance(value, dict) else None
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return None
    failed = set()
    for each in failures:
        identifier = each.get("itemIdentifier") if isinstance(each, dict) else None
        if not isinstance(identifier, str) or identifier not in identifiers:
            return None
        failed.add(identifier)
    return failed
