"""Read one function of a template."""

import difflib
import re
from pathlib import Path

from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.reserved_variables import (
    MAX_VARIABLES_BYTES,
    RESERVED_VARIABLES,
    size_of_variables,
)
from lambda_live.model.template import (
    DEFAULT_EPHEMERAL_STORAGE_MB,
    DEFAULT_MEMORY_MB,
    DEFAULT_TIMEOUT_SECONDS,
    EventInvokeConfig,
    FunctionSpec,
    Image,
    LoggingConfig,
)
from lambda_live.model.template_error import UnsupportedFunctionError, place_of, short_path
from lambda_live.project.template import code_folder, images, layers, routes
from lambda_live.project.template.discovery import module_path
from lambda_live.project.template.integrations import FunctionRoutes
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.resource_names import FIRST_VERSION
from lambda_live.project.template.stack import Resource
from lambda_live.project.template.template_notices import muted
from lambda_live.project.template.values import Unresolved
from lambda_live.telemetry import levels

_PYTHON = re.compile(r"python3\.(\d{1,2})")
_NEWEST_MINOR = 15
"""python3.15 is a preview, see https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html."""

_LIMITS = 10_240, 900
"""The most memory in MB, and the longest timeout in seconds."""

_MANAGED_LIMITS = 32_768, 5_400
"""With a capacity provider: https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html"""

_ARCHITECTURES = ("x86_64", "arm64")
_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")
_VARIABLE_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
"""https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html"""
_CDK_TEMPLATE = ".template.json"
"""End of the name of a template that `cdk synth` writes."""
_OTHER_RUNTIMES = re.compile(r"(nodejs|java|dotnet|go|ruby|provided|python2)[\w.]*")


def function_of(
    resource: Resource, build_dir: Path | None, function_routes: FunctionRoutes
) -> FunctionSpec:
    """
    Return the function that a resource describes.

    Raises:
        UnsupportedFunctionError: The template is valid, but the function cannot run locally.
        TemplateError: The template is invalid.
    """
    properties, template = resource.properties, resource.stack.document.path
    handler, folder, runtime, image = _code(resource, build_dir)
    module = None if image else module_path(folder, handler)
    source = None if image else code_folder.asset_source(resource, folder, module)
    max_memory, max_timeout = _MANAGED_LIMITS if "CapacityProviderConfig" in properties else _LIMITS
    is_generated = template.name.endswith(_CDK_TEMPLATE)
    is_bundled = resource.metadata.flag("aws:asset:is-bundled")
    its_routes = tuple(routes.routes_of(resource, function_routes))
    return FunctionSpec(
        name=_name(resource),
        logical_id=resource.stack.context.qualified_name(resource.logical_id),
        line=resource.line,
        handler=handler,
        code_uri=source or folder,
        cdk_bundle=folder if source and is_bundled else None,
        runtime=runtime,
        memory=properties.number("MemorySize", 128, max_memory, "MB") or DEFAULT_MEMORY_MB,
        timeout=properties.number("Timeout", 1, max_timeout, "seconds") or DEFAULT_TIMEOUT_SECONDS,
        architecture=_architecture(properties),
        environment=_environment(resource),
        handler_place=""
        if image or is_generated
        else f"{template.absolute()}:{properties.line('Handler')}",
        variable_places={
            name: place_of(template, line)
            for name, line in _variables_section(resource).raw.lines.items()
        },
        reserved_concurrency=properties.number(
            "ReservedConcurrentExecutions", 0, 1_000_000, "environments"
        ),
        layers=tuple(layers.layers_of(properties, build_dir)),
        public_layer_requirements=layers.public_layer_requirements(properties),
        url=routes.function_url(resource, its_routes),
        routes=its_routes,
        unsupported_events=tuple(routes.unsupported_events(resource)),
        logging=_logging(properties.section("LoggingConfig")),
        event_invoke_config=_event_invoke_config(resource),
        template=template,
        image=image,
        description=properties.text("Description") or "",
        ephemeral_storage=properties.section("EphemeralStorage").number("Size", 512, 10_240, "MB")
        or DEFAULT_EPHEMERAL_STORAGE_MB,
        layer_arns=layers.layer_arns(properties),
        tenancy=properties.section("TenancyConfig").optional_choice(
            "TenantIsolationMode", "PER_TENANT"
        ),
        allows_recursion=properties.choice("RecursiveLoop", "Terminate", "Allow") == "Allow",
        aliases=_aliases(resource),
        versions=_versions(resource),
    )


def _code(resource: Resource, build_dir: Path | None) -> tuple[str, Path, str, Image | None]:
    """Return the handler, the folder of the code, the runtime, and the image if it is one."""
    if images.is_image(resource):
        links = build_dir and build_dir / "images" / resource.stack.context.path
        image = images.image_of(resource, links)
        return image.handler, image.root, image.runtime or SERVICE_INTERPRETER.runtime, image
    # Checked first: the build output of other languages may not exist.
    _check_language(resource.properties)
    folder = code_folder.function_folder(resource, build_dir)
    runtime = _runtime(resource)
    return _handler(resource, folder), folder, runtime, None


def _name(resource: Resource) -> str:
    name = resource.properties.known_text("FunctionName")
    if name is not None and not _NAME.fullmatch(name):
        hint = "use at most 64 letters, digits, - and _"
        resource.properties.fail("FunctionName", f"invalid FunctionName {name!r}", hint)
    return resource.name


def _architecture(properties: Properties) -> str:
    listed = properties.texts("Architectures")
    if not listed or isinstance(listed[0], Unresolved):
        return _ARCHITECTURES[0]
    architecture = listed[0]
    if architecture not in _ARCHITECTURES:
        hint = f"use [{_ARCHITECTURES[0]}] or [{_ARCHITECTURES[1]}]"
        properties.fail("Architectures", f"invalid architecture {architecture!r}", hint)
    return architecture


def _variables_section(function: Resource) -> Properties:
    return function.properties.section("Environment").section("Variables")


def _environment(function: Resource) -> dict[str, str]:
    section = _variables_section(function)
    local = function.stack.context.local_variables(function.name)
    variables: dict[str, str] = {}
    for name in section.raw:
        # the template's value is not used if there is a local one
        with muted() if name in local else function.stack.notices.in_variable(name):
            if (value := section.text(name)) is not None:
                variables[name] = value
    for name in variables:
        if not _VARIABLE_NAME.fullmatch(name):
            hint = "use a letter, then at least one letter, digit or _"
            section.fail(name, f"invalid environment variable name {name!r}", hint)
        if name in RESERVED_VARIABLES:
            section.fail(name, f"{name} is a reserved Lambda variable", "rename it")
    if (size := size_of_variables(variables)) > MAX_VARIABLES_BYTES:
        problem = f"the variables have {size:,} bytes, and AWS accepts {MAX_VARIABLES_BYTES:,}"
        hint = "read the larger ones from Parameter Store"
        function.stack.notices.add(section.raw.line, f"{problem}; {hint}")
    return variables


def _check_language(properties: Properties) -> None:
    runtime = properties.text("Runtime")
    if runtime and _OTHER_RUNTIMES.fullmatch(runtime):
        message = f"its Runtime is {runtime}; only Python 3 functions are supported"
        raise UnsupportedFunctionError(message)


def _runtime(resource: Resource) -> str:
    properties = resource.properties
    runtime = properties.require_known("Runtime")
    if runtime is None:
        properties.fail("Runtime", f"{resource.logical_id} has no Runtime", "add python3.12")
    version = _PYTHON.fullmatch(runtime)
    if not version or int(version[1]) > _NEWEST_MINOR:
        hint = "use python3.12, python3.13, python3.14, or the preview python3.15"
        properties.fail("Runtime", f"unknown Runtime {runtime!r}", hint)
    return runtime


def _handler(resource: Resource, folder: Path) -> str:
    properties = resource.properties
    handler = properties.require_known("Handler")
    if handler is None:
        properties.fail("Handler", f"{resource.logical_id} has no Handler", "add MODULE.FUNCTION")
    module, _, name = handler.rpartition(".")
    if not module or not name:
        properties.fail("Handler", f"invalid Handler {handler!r}", "use MODULE.FUNCTION")
    # A layer may contain the module, as the layers of Datadog and other tracers do.
    if "Layers" not in properties and not module_path(folder, handler):
        if code_folder.inline_code(resource):
            message = f"code in a template is the module index; use index.{name}, not {handler}"
            message += f", or name its folder with --parameter {resource.id_in_code}.Code=FOLDER"
            raise UnsupportedFunctionError(message)
        problem = f"the handler {handler!r} has no module in {short_path(folder)}"
        file = module.replace(".", "/")
        near = difflib.get_close_matches(file, _modules(folder), 1)
        hint = f"add {file}.py or fix CodeUri"
        if near:
            hint = f"did you mean {near[0].replace('/', '.')}.{name}?"
        properties.fail("Handler", problem, hint)
    return handler


def _modules(folder: Path) -> list[str]:
    """Return the modules in a code folder and its packages, such as `app` and `api/app`."""
    found = (*folder.glob("*.py"), *folder.glob("*/*.py"))
    return [each.relative_to(folder).with_suffix("").as_posix() for each in found]


def _logging(config: Properties) -> LoggingConfig:
    return LoggingConfig(
        group=config.text("LogGroup"),
        format=config.choice("LogFormat", "Text", "JSON"),
        application_level=config.optional_choice("ApplicationLogLevel", *levels.APPLICATION_LEVELS),
        system_level=config.optional_choice("SystemLogLevel", *levels.SYSTEM_LEVELS),
    )


def _aliases(resource: Resource) -> dict[str, str]:
    """Return the version that each alias of a function leads to."""
    alias = resource.properties.text("AutoPublishAlias")
    aliases = {alias: FIRST_VERSION} if alias else {}
    application = resource.stack.application
    for each in application.referring_to(resource, "AWS::Lambda::Alias", "FunctionName"):
        with each.reading():
            aliases[each.name] = each.properties.text("FunctionVersion") or FIRST_VERSION
    return aliases


def _versions(resource: Resource) -> tuple[str, ...]:
    application = resource.stack.application
    published = application.referring_to(resource, "AWS::Lambda::Version", "FunctionName")
    count = max(len(list(published)), "AutoPublishAlias" in resource.properties)
    return tuple(map(str, range(1, count + 1)))


def _event_invoke_config(resource: Resource) -> EventInvokeConfig:
    application, kind = resource.stack.application, "AWS::Lambda::EventInvokeConfig"
    for each in application.referring_to(resource, kind, "FunctionName"):
        with each.reading():
            return _invoke_config(resource, each.properties)
    return _invoke_config(resource, resource.properties.section("EventInvokeConfig"))


def _invoke_config(resource: Resource, config: Properties) -> EventInvokeConfig:
    is_sam = resource.type == "AWS::Serverless::Function"
    queue = "DeadLetterQueue" if is_sam else "DeadLetterConfig"
    retries = config.number("MaximumRetryAttempts", 0, 2, "attempts")
    destinations = config.section("DestinationConfig")
    return EventInvokeConfig(
        maximum_retry_attempts=2 if retries is None else retries,
        maximum_event_age_seconds=config.number("MaximumEventAgeInSeconds", 60, 21_600, "seconds")
        or 21_600,
        on_success=_target(destinations, "OnSuccess", "Destination"),
        on_failure=_target(destinations, "OnFailure", "Destination"),
        dead_letter=_target(resource.properties, queue, "TargetArn"),
    )


def _target(properties: Properties, name: str, key: str) -> str | None:
    """Return the ARN in a section. Report a section without one, for which SAM creates a target."""
    section = properties.section(name)
    if section.raw and key not in section:
        hint = f"write the ARN of a queue or a topic into {key}"
        properties.note(name, f"{name} has no effect: it has no {key}; {hint}")
    return section.text(key)
