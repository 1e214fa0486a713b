"""
Find a project's template, or describe its function without one.

This module needs no YAML reader: its import would slow down projects without a template.
"""

import contextlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from lambda_live.dependencies.cache import function_dir
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.template import FunctionSpec, Template
from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.model.text_files import is_given, text_or_empty
from lambda_live.project.cdk import cloud_assembly
from lambda_live.project.notices import list_names

TEMPLATE_NAMES = ("template.yaml", "template.yml", "template.json")
"""The names that SAM CLI looks for."""

_HINT = "add one of them, name the handler (MODULE.FUNCTION), or create both with lambda-live init"

_SKIPPED_FOLDERS = {"node_modules", "cdk.out", "venv", "__pycache__"}
_TEMPLATE_SUFFIXES = (".yaml", ".yml", ".json", ".template")
_MAX_TEMPLATE_BYTES = 2**20
_MAX_NESTED = 20

DEFAULT_HANDLER = "lambda_function.lambda_handler"
"""AWS's default for a new Python function."""


def candidate_files(folder: Path, found: Path | None = None) -> tuple[Path, ...]:
    """Return the files that determine a folder's template; `found` is the template if known."""
    candidates = tuple(folder / name for name in TEMPLATE_NAMES)
    if not cloud_assembly.is_app(folder):
        return candidates
    return (*candidates, *cloud_assembly.selection_files(folder, found))


def find_template(folder: Path) -> Path | None:
    """Return a folder's template, else that of its CDK app, else None. Raises TemplateError."""
    template = next((path for name in TEMPLATE_NAMES if is_given(path := folder / name)), None)
    if template is None and cloud_assembly.is_app(folder):
        return cloud_assembly.find_template(folder)
    return template


def default_template(
    folder: Path, handler: str | None = None, build_dir: Path | None = None
) -> Template:
    """
    Return a template for a folder without one, with one function named `function`.

    Its handler is, in this order: the given one, AWS's default if that module exists, the handler
    of the Dockerfile. If a Dockerfile copies several folders, they are linked below `build_dir`.

    Raises:
        TemplateError: The handler does not exist.
    """
    dockerfile = folder / "Dockerfile"
    if handler is None and dockerfile.is_file() and not module_path(folder, DEFAULT_HANDLER):
        return _dockerfile_template(folder, dockerfile, build_dir)
    handler = handler or DEFAULT_HANDLER
    module, _, name = handler.rpartition(".")
    if not module or not name:
        raise TemplateError(folder, None, f"invalid handler {handler!r}", "use MODULE.FUNCTION")
    if not module_path(folder, handler):
        problem = f"no template.yaml or {module.replace('.', '/')}.py found"
        raise TemplateError(folder, None, *_advice(folder, problem, _HINT))
    only = FunctionSpec("function", "function", None, handler, folder, "python3.12")
    return Template(None, (only,))


_FRAMEWORKS = (
    (
        ("serverless.yml", "serverless.yaml", "serverless.json", "serverless.ts", "serverless.js"),
        "Serverless Framework",
        (
            "run `sls package`, then"
            " `lambda-live --template .serverless/cloudformation-template-update-stack.json`"
        ),
    ),
    (
        (".chalice/config.json",),
        "Chalice",
        "run `chalice package .chalice/out`, then `lambda-live --template .chalice/out/sam.json`",
    ),
    (("*.tf", "*.tf.json", "*/*.tf"), "Terraform", "run `lambda-live MODULE.FUNCTION`"),
    (("Pulumi.yaml",), "Pulumi", "run `lambda-live MODULE.FUNCTION`"),
    (("zappa_settings.json", "zappa_settings.toml"), "Zappa", "run `lambda-live MODULE.FUNCTION`"),
)
"""Files of other frameworks, and the command that leads from them to a function."""


def _advice(folder: Path, problem: str, hint: str) -> tuple[str, str]:
    """Return the problem and the hint, or better ones if there are other templates or files."""
    if better := _hint_about_templates(folder):
        return problem, better
    return _other_framework(folder) or (problem, hint)


def _other_framework(folder: Path) -> tuple[str, str] | None:
    """Return which file of another framework exists, and the command that helps."""
    for patterns, name, hint in _FRAMEWORKS:
        for pattern in patterns:
            if (found := next(iter(sorted(folder.glob(pattern))), None)) is not None:
                file = found.relative_to(folder)
                return f"found {file}, but {name} is not supported", hint
    return None


def _hint_about_templates(folder: Path) -> str:
    """Return a hint that lists templates with other names or in other folders, or an empty text."""
    templates = [each for each in _names(folder) if _is_template(folder / each)]
    if templates:
        return f"found {list_names(templates)}; choose one with --template {templates[0]}"
    if nested := list(islice(_nested_templates(folder), _MAX_NESTED)):
        first = nested[0].rpartition("/")[0]
        return f"found {list_names(nested)}; start in one of these folders, as in: cd {first}"
    return ""


def _names(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    except OSError:
        return []


def _is_template(path: Path) -> bool:
    """Whether a file is a template by its text. A YAML reader would delay starts without one."""
    if path.suffix not in _TEMPLATE_SUFFIXES:
        return False
    text = text_or_empty(path, _MAX_TEMPLATE_BYTES)
    return "AWS::Serverless::Function" in text or "AWS::Lambda::Function" in text


def _nested_templates(folder: Path) -> Iterator[str]:
    """Yield the templates and CDK apps one and two folders below, relative to the folder."""
    for one in _names(folder):
        for path in (folder / one, *(folder / one / two for two in _names(folder / one))):
            if not _SKIPPED_FOLDERS.isdisjoint(path.relative_to(folder).parts):
                continue
            for name in (*TEMPLATE_NAMES, "cdk.json"):
                if (path / name).is_file():
                    yield str((path / name).relative_to(folder))
                    break


def _dockerfile_template(folder: Path, dockerfile: Path, build_dir: Path | None) -> Template:
    from lambda_live.project.image.image import BuildSpec, read_image  # noqa: PLC0415  # few folders have only a Dockerfile

    links = build_dir and function_dir(build_dir / "images", dockerfile, "function")
    try:
        image = read_image(BuildSpec(folder, dockerfile), links)
    except (UnsupportedFunctionError, OSError, TemplateError, ValueError) as error:
        problem = f"no template.yaml found, and the Dockerfile does not define a function: {error}"
        hint = "add a template.yaml, or name the handler (MODULE.FUNCTION)"
        raise TemplateError(folder, None, *_advice(folder, problem, hint)) from error
    runtime = image.runtime or SERVICE_INTERPRETER.runtime
    only = FunctionSpec(
        "function", "function", None, image.handler, image.root, runtime, image=image
    )
    return Template(None, (only,), files=image.files)


def module_path(root: Path, handler: str) -> Path | None:
    """Return the relative path of the handler's module in the folder, or None."""
    path = Path(*handler.rpartition(".")[0].replace("/", ".").split("."))
    with contextlib.suppress(OSError):  # the name may be too long for a file
        for module in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
            if (root / module).is_file():
                return module
    return None
