"""The functions of a template, with all values resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lambda_live.model.requirements import Requirements
from lambda_live.model.resources import EventSource, ResourceSpec
from lambda_live.model.template_error import TemplateError

DEFAULT_MEMORY_MB = 128
DEFAULT_TIMEOUT_SECONDS = 3
DEFAULT_EPHEMERAL_STORAGE_MB = 512
"""AWS's defaults (API_CreateFunction: MemorySize, Timeout, EphemeralStorage)."""


@dataclass(frozen=True, slots=True)
class Cors:
    """CORS settings; `max_age` is in seconds."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class FunctionUrlConfig:
    """
    A function URL, of an alias if there is a `qualifier`.

    `auth_type` is NONE or AWS_IAM, `invoke_mode` BUFFERED or RESPONSE_STREAM. `is_at_root` says
    whether the only function of a service also has the service's own URL. It has not if an API
    does.
    """

    auth_type: str = "NONE"
    invoke_mode: str = "BUFFERED"
    cors: Cors | None = None
    is_at_root: bool = True
    qualifier: str | None = None


@dataclass(frozen=True, slots=True)
class Authorizer:
    """
    An authorizer of an API.

    `kind` is TOKEN or REQUEST for a Lambda authorizer, whose name is `function`; otherwise JWT,
    COGNITO_USER_POOLS or AWS_IAM. `identity` lists what a request must contain, such as
    `header.Authorization`. A token must match the regular expression `validation`, and a JWT must
    have one of the `scopes`, `issuers` and `audiences`, if there are any. A simple response has
    `isAuthorized` instead of a policy.
    """

    name: str
    kind: str
    function: str | None = None
    identity: tuple[str, ...] = ()
    validation: str | None = None
    is_cached: bool = True
    payload_format: str = "1.0"
    has_simple_response: bool = False
    scopes: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiKeyRequirement:
    """
    A REST API's need for an API key.

    `source` is HEADER or AUTHORIZER. `keys` are the ids of the keys by their values, and empty if
    the values are unknown.
    """

    source: str = "HEADER"
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestValidation:
    """
    What a REST API checks before it invokes the function.

    `parameters` are required, such as `header.X-One` or `querystring.page`. `schemas` are the JSON
    Schemas of bodies, as JSON, by media type.
    """

    parameters: tuple[str, ...] = ()
    schemas: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """
    A route of API Gateway to a function. The method is in capitals, ANY for all methods.

    SAM's events of type Api belong to REST APIs, those of type HttpApi to HTTP APIs. `timeout` is
    in seconds, and None for AWS's default. `tenant` is where a request has its tenant id, such as
    `header.X-Tenant`, or the id in single quotes.
    """

    api: str
    path: str
    method: str
    payload_format: str
    authorizer: Authorizer | None
    cors: Cors | None
    is_rest: bool = False
    is_proxy: bool = True
    """Whether the request becomes an event as it is; mapping templates are not supported."""

    preflight_authorizer: Authorizer | None = None
    timeout: float | None = None
    stage: str = "$default"
    stage_variables: Mapping[str, str] | None = None
    binary_media_types: tuple[str, ...] = ()
    api_key: ApiKeyRequirement | None = None
    preflight_api_key: ApiKeyRequirement | None = None
    validation: RequestValidation | None = None
    tenant: str | None = None
    qualifier: str | None = None
    """The alias or version of the function."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """
    What invokes a function without an HTTP request, such as SQS.

    `source` is as in `EventSource`, and empty if the trigger is not emulated.
    """

    name: str
    type: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class UnsupportedEvent:
    """A trigger that is not emulated; `reason` is a notice with file, line and hint."""

    name: str
    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with local files. SAM's `build_method` is set if `sam build` has to build it."""

    name: str
    content: Path
    build_method: str | None

    @property
    def is_source(self) -> bool:
        """
        Whether `sam build` creates the folder `python/` from the content and its requirements.

        A Makefile that has no such folder to copy probably does the same.

        https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-layers.html
        """
        if self.build_method == "makefile":
            return not (self.content / "python").is_dir()
        return (self.build_method or "").startswith("python")

    @property
    def modules(self) -> Path:
        """The folder of the Python modules."""
        return self.content if self.is_source else self.content / "python"


@dataclass(frozen=True, slots=True)
class LoggingConfig:
    """Log settings; the levels apply to the JSON format only, like on AWS."""

    format: str = "Text"
    group: str | None = None
    application_level: str | None = None
    system_level: str | None = None


@dataclass(frozen=True, slots=True)
class EventInvokeConfig:
    """Settings for asynchronous invocations; destinations are ARNs."""

    maximum_retry_attempts: int = 2
    maximum_event_age_seconds: int = 21_600
    on_success: str | None = None
    on_failure: str | None = None
    dead_letter: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """
    What a Dockerfile defines.

    `requirements` are installed by the Dockerfile itself. If `installs_project` is set, those of
    the project are installed, too. `runtime` is None if it is unknown. An image that starts the
    runtime client itself does not use AWS's bootstrap. A change of one of the `files` changes the
    image.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """
    What a template sets for a function, and the service uses without a change.

    - `public_layer_requirements` replace layers that other accounts publish.
    - `ephemeral_storage` is in MB; it and `layer_arns` have no effect here.
    - `tenancy` is PER_TENANT if environments must not be shared between tenants.
    - `aliases` has the version of each alias. All qualifiers run the code on disk.
    - `variable_places` has the `PATH:LINE` of each variable in the template. A line that moves
      changes nothing else, so it makes no other configuration.
    - `handler_place` is the `PATH:LINE` of the handler in the template. It is empty for an image,
      and in a template that CDK generated.
    """

    routes: tuple[Route, ...] = ()
    event_invoke_config: EventInvokeConfig = EventInvokeConfig()
    image: Image | None = None
    public_layer_requirements: Requirements | None = None
    description: str = ""
    ephemeral_storage: int = DEFAULT_EPHEMERAL_STORAGE_MB
    layer_arns: tuple[str, ...] = ()
    tenancy: str | None = None
    allows_recursion: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    versions: tuple[str, ...] = ()
    variable_places: Mapping[str, str] = field(default_factory=dict, compare=False)
    handler_place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class FunctionSpec(FunctionSettings):
    """
    A function of a template. Memory is in MB, the timeout in seconds.

    `line` is the line of the resource in `template`. The `logical_id` of a function in a nested
    stack begins with the stack, as `Child/Function`.
    """

    name: str
    logical_id: str
    line: int | None
    handler: str
    code_uri: Path
    runtime: str
    memory: int = DEFAULT_MEMORY_MB
    timeout: int = DEFAULT_TIMEOUT_SECONDS
    architecture: str = "x86_64"
    environment: Mapping[str, str] | None = None
    reserved_concurrency: int | None = None
    layers: tuple[Layer, ...] = ()
    cdk_bundle: Path | None = None
    """CDK's bundled copy of the code, which contains its packages."""
    url: FunctionUrlConfig = FunctionUrlConfig()
    unsupported_events: tuple[UnsupportedEvent, ...] = ()
    logging: LoggingConfig = LoggingConfig()
    template: Path | None = None

    @property
    def layer_sources(self) -> tuple[Path, ...]:
        """The content of the layers that have to be built."""
        return tuple(layer.content for layer in self.layers if layer.is_source)


@dataclass(frozen=True, slots=True)
class SkippedResource:
    """
    A resource that cannot run locally; `reason` continues "NAME is not served: ".

    `error` is set if the template is invalid, and `served_name` is the function's name then.
    """

    logical_id: str
    template: Path
    line: int
    reason: str
    error: TemplateError | None = None
    served_name: str | None = None
    cause: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """
    The functions of a template, and notices for the user as `PATH:LINE: PROBLEM; HINT`.

    `files` are the other files that define the functions, such as nested templates.
    """

    path: Path | None
    functions: tuple[FunctionSpec, ...]
    skipped: tuple[SkippedResource, ...] = ()
    notices: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    resources: tuple[ResourceSpec, ...] = ()
    event_sources: tuple[EventSource, ...] = ()
