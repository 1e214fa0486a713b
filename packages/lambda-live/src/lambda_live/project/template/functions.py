"""One function of a template, read property by property."""

import re
from collections.abc import Iterator
from pathlib import Path

from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.requirements import Requirements
from lambda_live.model.template import (
    EventInvokeConfig,
    FunctionSpec,
    Image,
    Layer,
    LoggingConfig,
)
from lambda_live.model.template_error import UnsupportedFunctionError
from lambda_live.project.cdk import asset_source
from lambda_live.project.template import apis, code, images
from lambda_live.project.template.asset_source import edited_at
from lambda_live.project.template.discovery import has_module, module_path
from lambda_live.project.template.document import Array, Object, Value
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.public_layers import requirement_of
from lambda_live.project.template.references import StandIn
from lambda_live.project.template.resources import LAYERS, Resource, Resources
from lambda_live.project.template.spelling import note_misspelt
from lambda_live.project.template.targets import target
from lambda_live.project.template.variables import variables_of
from lambda_live.telemetry import levels

_PYTHON = re.compile(r"python3\.(\d{1,2})")
_NEWEST = 14
"""python3.14, see https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html."""
_ARCHITECTURES = ("x86_64", "arm64")
_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")
_FOREIGN = re.compile(r"(nodejs|java|dotnet|go|ruby|provided|python2)[\w.]*")


def function_of(resources: Resources, resource: Resource, made: Path | None) -> FunctionSpec:
    """
    Return the function that a resource describes; what is made of its code is put below `made`.

    Raises:
        UnsupportedFunctionError: It can't run here, though the template is right.
        TemplateError: The template is wrong.
    """
    properties = resource.properties
    note_misspelt(resources, resource)
    handler, code_uri, runtime, image = _code(resources, resource, made)
    module = None if image else module_path(code_uri, handler)
    edited = edited_at(resources, resource, code_uri, module)
    layers = tuple(_layers(resources, properties, made))
    return FunctionSpec(
        name=_name(resources, resource),
        logical_id=resources.full(resource.logical_id),
        line=resource.line,
        handler=handler,
        code_uri=edited or code_uri,
        cdk_bundle=code_uri if edited and resource.metadata.flag("aws:asset:is-bundled") else None,
        runtime=runtime,
        memory=properties.number("MemorySize", 128, 10_240, "MB") or 128,
        timeout=properties.number("Timeout", 1, 900, "seconds") or 3,
        architecture=_architecture(properties),
        environment=variables_of(properties),
        reserved_concurrency=properties.number(
            "ReservedConcurrentExecutions", 0, 1_000_000, "environments"
        ),
        layers=layers,
        public_layer_requirements=_published(resources, properties),
        url=apis.url_of(resources, resource),
        routes=tuple(apis.routes_of(resources, resource)),
        unsupported_events=tuple(apis.other_events_of(resources, resource)),
        logging=_logging(properties.section("LoggingConfig")),
        event_invoke_config=_asynchronous(resources, resource),
        template=resources.document.path,
        image=image,
    )


def _code(
    resources: Resources, resource: Resource, made: Path | None
) -> tuple[str, Path, str, Image | None]:
    """Return the handler, the folder that has it, its Runtime, and the image that says so."""
    if images.is_image(resource):
        image = images.image_of(resources, resource, made and made / "images" / resources.path)
        return image.handler, image.root, image.runtime or SERVICE_INTERPRETER.runtime, image
    _leave_out_foreign(resource.properties)  # what it is built into may well not be here
    root = code.code_uri(resources, resource, made)
    runtime = _runtime(resource)
    return _handler(resource, root), root, runtime, None


def _name(resources: Resources, resource: Resource) -> str:
    given = resource.properties.text("FunctionName")
    if given is not None and not isinstance(given, StandIn) and not _NAME.fullmatch(given):
        instead = "write letters, digits, - and _, 64 at most"
        resource.properties.wrong("FunctionName", f"AWS calls no function {given!r}", instead)
    return resources.name_of(resource.logical_id)


def _architecture(properties: Properties) -> str:
    given = (properties.texts("Architectures") or (_ARCHITECTURES[0],))[0]
    if given not in _ARCHITECTURES and not isinstance(given, StandIn):
        instead = f"write [{_ARCHITECTURES[0]}] or [{_ARCHITECTURES[1]}]"
        properties.wrong("Architectures", f"AWS has no architecture {given!r}", instead)
    return given


def _leave_out_foreign(properties: Properties) -> None:
    runtime = properties.text("Runtime")
    if runtime and _FOREIGN.fullmatch(runtime):
        message = f"its Runtime is {runtime}; Python 3 alone runs here"
        raise UnsupportedFunctionError(message)


def _runtime(resource: Resource) -> str:
    properties = resource.properties
    runtime = properties.known("Runtime")
    if runtime is None:
        properties.wrong("Runtime", f"{resource.logical_id} has no Runtime", "write python3.12")
    version = _PYTHON.fullmatch(runtime)
    if not version or int(version[1]) > _NEWEST:
        allowed = "write python3.12, python3.13 or python3.14"
        properties.wrong("Runtime", f"AWS has no Runtime {runtime!r}", allowed)
    return runtime


def _handler(resource: Resource, root: Path) -> str:
    properties = resource.properties
    handler = properties.known("Handler")
    if handler is None:
        properties.wrong(
            "Handler", f"{resource.logical_id} has no Handler", "write MODULE.FUNCTION"
        )
    module, _, name = handler.rpartition(".")
    if not module or not name:
        properties.wrong("Handler", f"{handler!r} is no handler", "write MODULE.FUNCTION")
    # A layer may bring the module, as those of Datadog and other tracers do.
    if "Layers" not in properties and not has_module(root, handler):
        missing = f"{root} has no module for the handler {handler!r}"
        if code.inline_code(resource):
            message = f"code in a template is the module index: write index.{name} for {handler}"
            raise UnsupportedFunctionError(message)
        properties.wrong("Handler", missing, f"add {module.replace('.', '/')}.py or mend CodeUri")
    return handler


def _listed(resources: Resources, properties: Properties) -> Iterator[tuple[Value, Value]]:
    """Yield each layer as it is written, and what it is."""
    listed = properties.get("Layers")
    if isinstance(listed, Object) or (isinstance(listed, str) and not isinstance(listed, StandIn)):
        properties.wrong("Layers", "Layers is no list", "write Layers: [!Ref LAYER, …]")
    for item in listed if isinstance(listed, Array) else ():
        yield item, resources.intrinsics.head(item)


def _published(resources: Resources, properties: Properties) -> Requirements | None:
    """Return what is installed in place of layers that are published for everybody."""
    known = (requirement_of(str(head)) for _, head in _listed(resources, properties))
    named = [each for each in dict.fromkeys(known) if each]
    template, text = resources.document.path, "".join(f"{each}\n" for each in named)
    called = f"{' '.join(named)}, for {template.name}'s layers"
    return Requirements(template, text, (), template.parent, name=called) if named else None


def _layers(resources: Resources, properties: Properties, made: Path | None) -> Iterator[Layer]:
    for item, head in _listed(resources, properties):
        logical_id = target(item) if isinstance(item, Object) else None
        layer = resources.get(logical_id or "") or resources.get(str(head))
        if layer is not None and layer.type in LAYERS:
            yield from _layer(resources, layer, made)
        elif (elsewhere := resources.application.layer(str(head))) is not None:
            yield from _layer(*elsewhere, made)
        elif instead := requirement_of(str(head)):
            resources.note(str(head), f"{instead} stands in for the layer {head}")
        elif head is not None:
            what = f"The layer {head} is not here; add what it brings to requirements.txt"
            resources.note(str(head), what)


def _layer(resources: Resources, layer: Resource, made: Path | None) -> Iterator[Layer]:
    try:
        content = code.content(resources, layer, LAYERS[layer.type], made)
    except UnsupportedFunctionError as error:
        sentence = f"The layer {layer.logical_id} is left out: {error}"
        resources.note(layer.logical_id, sentence)
        return
    if content is not None:
        if not layer.metadata.flag("aws:asset:is-bundled"):
            module = next(asset_source.modules(content), None)
            content = edited_at(resources, layer, content, module) or content
        method = layer.metadata.text("BuildMethod")
        if method == "makefile":
            what = f"The layer {layer.logical_id} is built by its Makefile, which is not run here"
            resources.note(layer.logical_id, f"{what}; add what it brings to requirements.txt")
        yield Layer(layer.logical_id, content, method)


def _logging(config: Properties) -> LoggingConfig:
    return LoggingConfig(
        format=config.choice("LogFormat", "Text", "JSON"),
        application_level=config.optional_choice("ApplicationLogLevel", *levels.APPLICATION_LEVELS),
        system_level=config.optional_choice("SystemLogLevel", *levels.SYSTEM_LEVELS),
    )


def _asynchronous(resources: Resources, resource: Resource) -> EventInvokeConfig:
    config = resource.properties.section("EventInvokeConfig")
    for each in resources.about(
        resource.logical_id, "AWS::Lambda::EventInvokeConfig", "FunctionName"
    ):
        config = each.properties
    sam = resource.type == "AWS::Serverless::Function"
    queue = resource.properties.section("DeadLetterQueue" if sam else "DeadLetterConfig")
    retries = config.number("MaximumRetryAttempts", 0, 2, "attempts")
    destinations = config.section("DestinationConfig")
    return EventInvokeConfig(
        maximum_retry_attempts=2 if retries is None else retries,
        maximum_event_age_seconds=config.number("MaximumEventAgeInSeconds", 60, 21_600, "seconds")
        or 21_600,
        on_success=destinations.section("OnSuccess").text("Destination"),
        on_failure=destinations.section("OnFailure").text("Destination"),
        dead_letter=queue.text("TargetArn"),
    )
