"""
`lambda-live image-context`: write what the images of the functions are built from.

- `requirements DIRECTORY` writes the requirements of all functions, each to `DIRECTORY/KEY/`.
- `function DIRECTORY [NAME]` writes one function: `code/`, `opt/` (its layers), its `handler`, and
  the `keys` of its requirements. A template with one function needs no name.

The Dockerfile runs it with the Python of the image.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from lambda_live.cli.describe import load_template
from lambda_live.cli.parser import CommandParser, fail, log
from lambda_live.code.code_files import EXCLUDED_NAMES
from lambda_live.dependencies.interpreters import is_supported
from lambda_live.dependencies.pip_input import cache_key, copy_requirements
from lambda_live.dependencies.requirements import collect_requirements
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.template import FunctionSpec, Template

_NOT_SHIPPED = shutil.ignore_patterns(*EXCLUDED_NAMES)


class ImageContextError(Exception):
    """The function cannot be built into this image; the text says why and what to do."""


def _select(template: Template, name: str) -> FunctionSpec:
    named = [each for each in template.functions if name in ("", each.name)]
    if len(named) != 1:
        names = ", ".join(each.name for each in template.functions)
        message = f"set the build argument FUNCTION to a function of the template: {names}"
        raise ImageContextError(message)
    return named[0]


def _check_buildable(function: FunctionSpec) -> None:
    if function.image:
        message = f"{function.name} has its own Dockerfile: build {function.image.files[0]}"
        raise ImageContextError(message)
    own = SERVICE_INTERPRETER.runtime
    if function.runtime == own:
        return
    message = f"{function.name}: its Runtime is {function.runtime}, and this image is {own}"
    if not is_supported(function.runtime):
        log(f"{message}, the oldest that is supported")
        return
    base = f"public.ecr.aws/lambda/python:{function.runtime.removeprefix('python')}"
    message += f"; build it with --build-arg BASE_IMAGE={base}"
    raise ImageContextError(message)


def _ignore_function(project: Path) -> Callable[[str, list[str]], set[str]]:
    # the page of a pod offers the files in events/; a function may have a package of that name
    events = set() if any(project.glob("events/*.py")) else {"events"}

    def ignore(folder: str, names: list[str]) -> set[str]:
        return _NOT_SHIPPED(folder, names) | (events if Path(folder) == project else set())

    return ignore


def write_requirements(project: Path, directory: Path) -> None:
    """
    Write the requirements of all functions.

    Raises:
        TemplateError: The template is invalid.
        InstallError: Requirements cannot be read or copied.
    """
    directory.mkdir(parents=True)
    for function in load_template(project).functions:
        for requirements in collect_requirements(function, project):
            copy_requirements(requirements, directory / cache_key(requirements))


def write_function(project: Path, directory: Path, name: str = "") -> None:
    """
    Write one function.

    Raises:
        ImageContextError: There is no such function, or this image cannot run it.
        TemplateError: The template is invalid.
        InstallError: Requirements cannot be read.
    """
    function = _select(load_template(project), name)
    _check_buildable(function)
    shutil.copytree(function.code_uri, directory / "code", ignore=_ignore_function(project))
    (directory / "opt").mkdir()
    for layer in function.layers:
        opt = directory / "opt" / ("python" if layer.is_source else "")
        shutil.copytree(layer.content, opt, ignore=_NOT_SHIPPED, dirs_exist_ok=True)
    (directory / "handler").write_text(function.handler)
    keys = map(cache_key, collect_requirements(function, project))
    (directory / "keys").write_text("".join(f"{key}\n" for key in keys))


def main(arguments: Sequence[str]) -> None:
    """Run the command. Raises TemplateError, InstallError, OSError."""
    parser = CommandParser("image-context", "Write what a function's image is built from.")
    parser.add_argument("content", choices=("requirements", "function"))
    parser.add_argument("directory", type=Path)
    parser.add_argument("name", nargs="?", default="", help="the function")
    options = parser.parse(arguments)
    if options.content == "requirements":
        write_requirements(Path.cwd(), options.directory)
        return
    try:
        write_function(Path.cwd(), options.directory, options.name)
    except ImageContextError as error:
        fail(str(error))
