"""
What images are made of: `python -m lambda_live.cli.image_context`, run in the project's folder.

- `requirements DIRECTORY` writes what pip needs, for every function, to `DIRECTORY/KEY/`.
- `function DIRECTORY [NAME]` writes `code/`, `opt/` (its layers), its `handler`, and the `keys` of
  its requirements; the only function needs no name. What it writes is for the Python that runs it.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from lambda_live.cli.describe import load_template
from lambda_live.dependencies.interpreters import is_supported
from lambda_live.dependencies.requirements import cache_key, copy_requirements, spec_requirements
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.requirements import InstallError
from lambda_live.model.template import FunctionSpec, Template
from lambda_live.model.template_error import TemplateError

_NOT_SHIPPED = shutil.ignore_patterns(".*", "*~", "*.pyc", "__pycache__", "cdk.out", "node_modules")


class NoSuchFunctionError(Exception):
    """The template has no such function, or has several and none was named."""


class OwnDockerfileError(Exception):
    """The function is an image already, which its own Dockerfile makes."""


class RuntimeMismatchError(Exception):
    """The function's Runtime is another Python than the one that its packages are installed by."""


def _select(template: Template, name: str) -> FunctionSpec:
    named = [each for each in template.functions if name in ("", each.name)]
    if len(named) != 1:
        names = ", ".join(each.name for each in template.functions)
        message = f"name one function of the template by the build argument FUNCTION: {names}"
        raise NoSuchFunctionError(message)
    return named[0]


def _check_buildable(function: FunctionSpec) -> None:
    if function.image:
        message = f"{function.name} is an image of its own; build {function.image.files[0]}"
        raise OwnDockerfileError(message)
    if function.runtime == SERVICE_INTERPRETER.runtime:
        return
    image = SERVICE_INTERPRETER.runtime
    message = f"{function.name}: its Runtime is {function.runtime}, and this image is {image}"
    if not is_supported(function.runtime):
        sys.stderr.write(f"lambda_live: {message}, the least that is built here\n")
        return
    base = f"public.ecr.aws/lambda/python:{function.runtime.removeprefix('python')}"
    message += f"; build it with --build-arg BASE_IMAGE={base}"
    raise RuntimeMismatchError(message)


def _ignore_function(project: Path) -> Callable[[str, list[str]], set[str]]:
    # the pod's page offers events/, which may well be a package of the function's
    events = set() if any(project.glob("events/*.py")) else {"events"}

    def ignore(folder: str, names: list[str]) -> set[str]:
        return _NOT_SHIPPED(folder, names) | (events if Path(folder) == project else set())

    return ignore


def write_requirements(project: Path, directory: Path) -> None:
    """
    Write those of every function.

    Raises:
        TemplateError, InstallError: As they say.
    """
    directory.mkdir(parents=True)
    for function in load_template(project).functions:
        for requirements in spec_requirements(function, project):
            copy_requirements(requirements, directory / cache_key(requirements))


def write_function(project: Path, directory: Path, name: str = "") -> None:
    """
    Write one function.

    Raises:
        NoSuchFunctionError, OwnDockerfileError, AnotherRuntimeError: As they say.
        TemplateError, InstallError: As they say.
    """
    function = _select(load_template(project), name)
    _check_buildable(function)
    shutil.copytree(function.code_uri, directory / "code", ignore=_ignore_function(project))
    (directory / "opt").mkdir()
    for layer in function.layers:
        opt = directory / "opt" / ("python" if layer.is_source else "")
        shutil.copytree(layer.content, opt, ignore=_NOT_SHIPPED, dirs_exist_ok=True)
    (directory / "handler").write_text(function.handler)
    every = spec_requirements(function, project)
    (directory / "keys").write_text("".join(f"{cache_key(each)}\n" for each in every))


_COMMANDS = {"requirements": write_requirements, "function": write_function}


_REFUSALS = (
    *(RuntimeMismatchError, InstallError, NoSuchFunctionError, OwnDockerfileError, TemplateError),
)


def main() -> None:
    """Write it; exit with 2 and one line if that can't be."""
    command, directory, *name = sys.argv[1:]
    try:
        _COMMANDS[command](Path.cwd(), Path(directory), *name)
    except _REFUSALS as error:
        sys.stderr.write(f"lambda_live: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
