"""The functions of a template, as they are after everything in it is resolved."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lambda_live.model.requirements import Requirements


@dataclass(frozen=True, slots=True)
class Cors:
    """Who may call from a browser; `max_age` is in seconds."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class FunctionUrlConfig:
    """`auth_type` is NONE or AWS_IAM, `invoke_mode` BUFFERED or RESPONSE_STREAM."""

    auth_type: str = "NONE"
    invoke_mode: str = "BUFFERED"
    cors: Cors | None = None


@dataclass(frozen=True, slots=True)
class Authorizer:
    """
    Who decides whether a request may pass: a function of the template, by its name, or none of it.

    Its kind is TOKEN or REQUEST if it is a function; JWT, COGNITO_USER_POOLS or AWS_IAM if not.
    The `identity` is what a request has to have, as `header.Authorization`, at least if the answer
    is `cached`; a token has to match the `validation`, too. A `simple` answer is no policy.
    """

    name: str
    kind: str
    function: str | None = None
    identity: tuple[str, ...] = ()
    validation: str | None = None
    is_cached: bool = True
    payload_format: str = "1.0"
    has_simple_response: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """
    One way from API Gateway to the function; the method is in capitals, ANY for all.

    A `rest` API is of API Gateway's version 1, which the events of type Api are of. It waits for
    the function for so many seconds; `timeout` is None where that is AWS's default.
    """

    api: str
    path: str
    method: str
    payload_format: str
    authorizer: Authorizer | None
    cors: Cors | None
    is_rest: bool = False
    preflight_authorizer: Authorizer | None = None
    timeout: float | None = None
    stage: str = "$default"
    stage_variables: Mapping[str, str] | None = None
    binary_media_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnsupportedEvent:
    """A source of events that is not here, and what to do instead."""

    name: str
    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer whose files are here; `build_method` is SAM's, for content still to be built."""

    name: str
    content: Path
    build_method: str | None

    @property
    def is_source(self) -> bool:
        """
        Whether `sam build` makes its `python/` of its content, and of what that requires.

        https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-layers.html
        """
        return (self.build_method or "").startswith("python")

    @property
    def modules(self) -> Path:
        """Where its Python modules are."""
        return self.content if self.is_source else self.content / "python"


@dataclass(frozen=True, slots=True)
class LoggingConfig:
    """The levels apply to the JSON format alone, as on AWS."""

    format: str = "Text"
    application_level: str | None = None
    system_level: str | None = None


@dataclass(frozen=True, slots=True)
class EventInvokeConfig:
    """What follows a 202: ages are in seconds, destinations are ARNs."""

    maximum_retry_attempts: int = 2
    maximum_event_age_seconds: int = 21_600
    on_success: str | None = None
    on_failure: str | None = None
    dead_letter: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """
    What is served of an image, by its Dockerfile.

    Its Dockerfile names `requirements`, and may mean its `own`, those beside the code, too. The
    `runtime` is None if it is not known; one that `starts_client` does without AWS's bootstrap. A
    change of one of the `files` may make it another image.
    """

    handler: str
    root: Path
    runtime: str | None
    variables: Mapping[str, str]
    requirements: tuple[Requirements, ...]
    installs_project: bool
    starts_runtime_client: bool
    files: tuple[Path, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """
    Memory is in MB, the timeout in seconds; `line` is the resource's in its `template`.

    The `logical_id` in a nested stack begins with the stack's, as `Child/Function`.
    """

    name: str
    logical_id: str
    line: int | None
    handler: str
    code_uri: Path
    runtime: str
    memory: int = 128
    timeout: int = 3
    architecture: str = "x86_64"
    environment: Mapping[str, str] | None = None
    reserved_concurrency: int | None = None
    layers: tuple[Layer, ...] = ()
    cdk_bundle: Path | None = None
    """What CDK has built of the code, with packages that may be nowhere else."""
    url: FunctionUrlConfig | None = None
    routes: tuple[Route, ...] = ()
    unsupported_events: tuple[UnsupportedEvent, ...] = ()
    logging: LoggingConfig = LoggingConfig()
    event_invoke_config: EventInvokeConfig = EventInvokeConfig()
    template: Path | None = None
    image: Image | None = None
    public_layer_requirements: Requirements | None = None
    """What stands in for layers that others publish."""

    @property
    def layer_sources(self) -> tuple[Path, ...]:
        """The layers that are still to be built."""
        return tuple(layer.content for layer in self.layers if layer.is_source)


@dataclass(frozen=True, slots=True)
class SkippedResource:
    """A resource that can't be served here, where it is written, and why, in a sentence."""

    logical_id: str
    template: Path
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Template:
    """
    `notices` are sentences on what the template alone can't tell.

    The `files` say, beside its own, what its functions are.
    """

    path: Path | None
    functions: tuple[FunctionSpec, ...]
    skipped: tuple[SkippedResource, ...] = ()
    notices: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
