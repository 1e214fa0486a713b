"""
Find a project's template, or describe its function without one.

This module needs no YAML reader: its import would slow down projects without a template.
"""

import contextlib
from pathlib import Path

from lambda_live.dependencies.cache import function_dir
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.template import FunctionSpec, Template
from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.project.cdk import cloud_assembly

TEMPLATE_NAMES = ("template.yaml", "template.yml", "template.json")
"""The names that SAM CLI looks for."""

DEFAULT_HANDLER = "lambda_function.lambda_handler"
"""AWS's default for a new Python function."""


def candidate_files(folder: Path, found: Path | None = None) -> tuple[Path, ...]:
    """Return the files that determine a folder's template; `found` is the template if known."""
    candidates = tuple(folder / name for name in TEMPLATE_NAMES)
    if not cloud_assembly.is_app(folder):
        return candidates
    return (*candidates, *cloud_assembly.selection_files(folder, found))


def find_template(folder: Path) -> Path | None:
    """
    Return a folder's template, else the template of its CDK app, else None.

    Raises:
        TemplateError: The folder is a CDK app without a usable template.
    """
    template = next((path for name in TEMPLATE_NAMES if (path := folder / name).is_file()), None)
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
    if handler is None and not has_module(folder, DEFAULT_HANDLER) and dockerfile.is_file():
        return _dockerfile_template(folder, dockerfile, build_dir)
    handler = handler or DEFAULT_HANDLER
    module, _, name = handler.rpartition(".")
    if not module or not name:
        raise TemplateError(folder, None, f"invalid handler {handler!r}", "use MODULE.FUNCTION")
    if not has_module(folder, handler):
        problem = f"no template.yaml or {module.replace('.', '/')}.py found"
        hint = "add one of them, or name the handler (MODULE.FUNCTION)"
        if (other := _other_framework(folder)) is not None:
            problem, hint = other
        raise TemplateError(folder, None, problem, hint)
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


def _other_framework(folder: Path) -> tuple[str, str] | None:
    """Return what was found of another framework, and the command that helps."""
    for patterns, name, hint in _FRAMEWORKS:
        for pattern in patterns:
            if (found := next(iter(sorted(folder.glob(pattern))), None)) is not None:
                return f"{found.relative_to(folder)} is of {name}, which is not read", hint
    return None


def _dockerfile_template(folder: Path, dockerfile: Path, build_dir: Path | None) -> Template:
    from lambda_live.project.image.image import BuildSpec, read_image  # noqa: PLC0415  # few folders have only a Dockerfile

    links = build_dir and function_dir(build_dir / "images", dockerfile, "function")
    try:
        image = read_image(BuildSpec(folder, dockerfile), links)
    except (UnsupportedFunctionError, OSError, TemplateError, ValueError) as error:
        problem = f"no template.yaml found, and the Dockerfile does not define a function: {error}"
        hint = "add a template.yaml, or name the handler (MODULE.FUNCTION)"
        raise TemplateError(folder, None, problem, hint) from error
    runtime = image.runtime or SERVICE_INTERPRETER.runtime
    only = FunctionSpec(
        "function", "function", None, image.handler, image.root, runtime, image=image
    )
    return Template(None, (only,), files=image.files)


def has_module(root: Path, handler: str) -> bool:
    """Whether the handler's module is in the folder."""
    return module_path(root, handler) is not None


def module_path(root: Path, handler: str) -> Path | None:
    """Return the relative path of the handler's module in the folder, or None."""
    path = Path(*handler.rpartition(".")[0].replace("/", ".").split("."))
    with contextlib.suppress(OSError):  # the name may be too long for a file
        for module in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
            if (root / module).is_file():
                return module
    return None
