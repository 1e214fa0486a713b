"""
Whether there is a template, and what is served if there is none.

It does without YAML, whose import would cost each start of a service that has no template.
"""

import contextlib
from pathlib import Path

from lambda_live.dependencies.cache import function_dir
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.template import FunctionSpec, Template
from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.project.cdk import cloud_assembly
from lambda_live.project.image.build_spec import Recipe

TEMPLATE_NAMES = ("template.yaml", "template.yml", "template.json")
"""As SAM CLI looks for them."""

DEFAULT_HANDLER = "lambda_function.lambda_handler"
"""AWS's own, for a new Python function."""


def candidate_files(folder: Path, found: Path | None = None) -> tuple[Path, ...]:
    """Return what a folder's template may be, or says which; what is `found` is not looked for."""
    named = tuple(folder / name for name in TEMPLATE_NAMES)
    if not cloud_assembly.is_app(folder):
        return named
    return (*named, *cloud_assembly.selection_files(folder, found))


def find_template(folder: Path) -> Path | None:
    """
    Return the template of a folder, if it has one, else that of the CDK app there.

    Raises:
        TemplateError: As `cloud_assembly.find_template`.
    """
    written = next((path for name in TEMPLATE_NAMES if (path := folder / name).is_file()), None)
    if written is None and cloud_assembly.is_app(folder):
        return cloud_assembly.find_template(folder)
    return written


def default_template(
    folder: Path, handler: str | None = None, build_dir: Path | None = None
) -> Template:
    """
    Return the one function of a folder without a template, called `function`.

    Without a handler it is AWS's default, if that is there, or else that of the Dockerfile there,
    of whose files from several folders one is made below `made`.

    Raises:
        TemplateError: The handler is not there.
    """
    dockerfile = folder / "Dockerfile"
    if handler is None and not has_module(folder, DEFAULT_HANDLER) and dockerfile.is_file():
        return _of_dockerfile(folder, dockerfile, build_dir)
    handler = handler or DEFAULT_HANDLER
    module, _, name = handler.rpartition(".")
    if not module or not name:
        raise TemplateError(folder, None, f"{handler!r} is no handler", "write MODULE.FUNCTION")
    if not has_module(folder, handler):
        file = f"{module.replace('.', '/')}.py"
        wrong = f"here is neither a template nor {file}, for the handler {handler!r}"
        instead = "name the handler (MODULE.FUNCTION), or write a template.yaml"
        raise TemplateError(folder, None, wrong, instead)
    only = FunctionSpec("function", "function", None, handler, folder, "python3.12")
    return Template(None, (only,))


def _of_dockerfile(folder: Path, dockerfile: Path, made: Path | None) -> Template:
    from lambda_live.project.image import image  # noqa: PLC0415  # few folders have only that

    links = made and function_dir(made / "images", dockerfile, "function")
    try:
        found = image.read(Recipe(folder, dockerfile), links)
    except (UnsupportedFunctionError, OSError, TemplateError, ValueError) as error:
        wrong = f"here is no template, and the Dockerfile is no function's: {error}"
        instead = "name the handler (MODULE.FUNCTION), or write a template.yaml"
        raise TemplateError(folder, None, wrong, instead) from error
    runtime = found.runtime or SERVICE_INTERPRETER.runtime
    only = FunctionSpec(
        "function", "function", None, found.handler, found.root, runtime, image=found
    )
    return Template(None, (only,), files=found.files)


def has_module(root: Path, handler: str) -> bool:
    """Whether the handler's module is among the function's own files."""
    return module_path(root, handler) is not None


def module_path(root: Path, handler: str) -> Path | None:
    """Return the path of the handler's module among the function's own files."""
    path = Path(*handler.rpartition(".")[0].replace("/", ".").split("."))
    with contextlib.suppress(OSError):  # a name may be too long for any file
        for module in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
            if (root / module).is_file():
                return module
    return None
