"""
The layers of a function: those of the template, and packages in place of public layers.

Public layers: https://docs.aws.amazon.com/powertools/python/latest/getting-started/install/#lambda-layer
https://aws-sdk-pandas.readthedocs.io/en/stable/layers.html
"""

import re
from collections.abc import Iterator
from pathlib import Path

from lambda_live.model.requirements import Requirements
from lambda_live.model.template import Layer
from lambda_live.model.template_error import UnsupportedFunctionError
from lambda_live.project.cdk.asset_source import python_files
from lambda_live.project.document import Array, Object, Value
from lambda_live.project.template import code_folder
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.stack import LAYERS, Resource
from lambda_live.project.template.template_notices import muted
from lambda_live.project.template.values import Unresolved, referenced_id

_LAYER = r"arn:aws[\w-]*:lambda:[\w-]+:{account}:layer:{name}:\d+"
_POWERTOOLS = re.compile(
    _LAYER.format(account="017000801446", name=r"AWSLambdaPowertoolsPython(?:V(\d))?[\w-]*")
)
_EXTENSION = re.compile("adapter|extension", re.IGNORECASE)
_NEWEST_POWERTOOLS = re.compile(r"resolve:ssm:/aws/service/powertools/python/.+")
_PANDAS = re.compile(
    _LAYER.format(account="336392948345", name=r"(?:AWSSDKPandas|AWSDataWrangler)-Python[\w-]*")
)


def layers_of(properties: Properties, build_dir: Path | None) -> Iterator[Layer]:
    """Yield the layers of a function whose files are on this machine."""
    stack = properties.stack
    for item, value in _items(properties):
        logical_id = referenced_id(item) if isinstance(item, Object) else None
        layer = stack.get(logical_id or "") or stack.get(str(value))
        if layer is None or layer.type not in LAYERS:
            layer = stack.application.layer(str(value))
        if layer is not None:
            yield from _layer(layer, build_dir)
        elif requirement := _requirement(str(value)):
            notice = f"the layer {value} is replaced by the package {requirement}"
            hint = "to choose a version add it to requirements.txt"
            properties.note("Layers", f"{notice}; {hint}", str(value))
        elif value is not None:
            why = "is not local; add its packages to requirements.txt"
            if _EXTENSION.search(str(value)):
                why = "has no effect: extensions are not supported"
            properties.note("Layers", f"the layer {value} {why}", str(value))


def public_layer_requirements(properties: Properties) -> Requirements | None:
    """Return the packages to install in place of public layers."""
    known = (_requirement(str(value)) for _, value in _items(properties))
    packages = [each for each in dict.fromkeys(known) if each]
    template, text = properties.stack.document.path, "".join(f"{each}\n" for each in packages)
    name = f"{' '.join(packages)}, for {template.name}'s layers"
    return Requirements(template, text, (), template.parent, name=name) if packages else None


def _items(properties: Properties) -> Iterator[tuple[Value, Value]]:
    """Yield each item of Layers as it is in the template, and its value."""
    listed, resolve = properties.get("Layers"), properties.stack.intrinsics.resolve
    if isinstance(listed, Object) or (
        isinstance(listed, str) and not isinstance(listed, Unresolved)
    ):
        properties.fail("Layers", "Layers must be a list", "write Layers: [!Ref LAYER, …]")
    for item in listed if isinstance(listed, Array) else ():
        with muted():  # a layer that a package replaces needs no value
            value = resolve(item)
        yield item, value if _requirement(str(value)) else resolve(item)


def layer_arns(properties: Properties) -> tuple[str, ...]:
    """Return the ARNs of a function's layers, in order."""
    with muted():
        return properties.texts("Layers")


def _layer(layer: Resource, build_dir: Path | None) -> Iterator[Layer]:
    try:
        content = code_folder.content_folder(layer, LAYERS[layer.type], build_dir)
    except UnsupportedFunctionError as error:
        layer.note(f"the layer {layer.logical_id} is skipped: {error}")
        return
    if content is None:
        return
    if not layer.metadata.flag("aws:asset:is-bundled"):
        file = next(python_files(content), None)
        content = code_folder.asset_source(layer, content, file) or content
    method = layer.metadata.text("BuildMethod")
    if (content / "extensions").is_dir():
        problem = f"the extensions of the layer {layer.logical_id} have no effect"
        layer.note(f"{problem}: extensions are not supported")
    elif method == "makefile":
        problem = f"the Makefile of the layer {layer.logical_id} is not run"
        files = ("requirements.txt", "uv.lock", "poetry.lock", "pyproject.toml")
        named = next((each for each in files if (content / each).is_file()), None)
        instead = f"what {named} requires is installed" if named else "add a requirements.txt to it"
        layer.note(f"{problem}; {instead}")
    found = Layer(layer.logical_id, content, method)
    if (content / "requirements.txt").is_file() and not found.modules.is_dir():
        problem = f"the layer {layer.logical_id} adds no modules: it has no folder python"
        layer.note(f"{problem}; install its requirements.txt into {found.modules}")
    yield found


def _requirement(layer: str) -> str | None:
    """Return the package that replaces a public layer, or None if the layer is unknown."""
    if powertools := _POWERTOOLS.fullmatch(layer):
        return _powertools(int(powertools[1] or 1))
    if _NEWEST_POWERTOOLS.fullmatch(layer):
        return _powertools(3)
    return "awswrangler" if _PANDAS.fullmatch(layer) else None


def _powertools(major: int) -> str:
    """Return the newest release of a major version; a layer's number is not the package's."""
    extras = "[all]" if major > 1 else ""
    return f"aws-lambda-powertools{extras}>={major},<{major + 1}"
