"""A Dockerfile as a function: its handler, the folder of its code, its packages, its variables."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lambda_live.dependencies.requirements import included_files, parse_requirements
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.requirements import Requirements
from lambda_live.model.reserved_variables import RESERVED_VARIABLES
from lambda_live.model.template import Image
from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.project.image.build_spec import Recipe
from lambda_live.project.image.dockerfile import Build
from lambda_live.project.image.handler import handler_of, place_of_module, starts_client
from lambda_live.project.image.links import link, single
from lambda_live.project.image.stage import Stage

_FOREIGN = re.compile(r".*lambda[-/](nodejs|java|dotnet|go|ruby)\b.*")
_VERSION = re.compile(r".*(?:py|lambda).*?(?<![\d.])(3\.\d{1,2})(?!\d).*")
_RUNTIMES = tuple(f"3.{minor}" for minor in range(6, 15))
_NOT_HERE = ("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "VIRTUAL_ENV", *RESERVED_VARIABLES)
"""Variables that speak of the image's own files, or that Lambda sets."""

_PROJECTS = ("Pipfile", "poetry.lock", "pyproject.toml", "requirements", "setup.py", "uv.lock")
"""What a tool reads that installs packages."""

_TOLD = 5
"""What is not done here, at most, in a sentence."""


def read(recipe: Recipe, links: Path | None) -> Image:
    """
    Return what an image is made of; if that is in several folders, `links` becomes one of all.

    Raises:
        TemplateError: Its Dockerfile is wrong, or what it does can't be known.
        UnsupportedFunctionError: It is no image for Python, or the links have no place.
    """
    build = Build(recipe.context, recipe.dockerfile, recipe.arguments)
    stage = build.stage(recipe.target)
    if recipe.command:
        stage.command = list(recipe.command)
    if recipe.entrypoint:
        stage.entrypoint = list(recipe.entrypoint)
    if recipe.workdir:
        stage.workdir = PurePosixPath(recipe.workdir)
    if foreign := _FOREIGN.fullmatch(stage.base):
        message = f"its image is of {foreign[1]}; Python 3 alone runs here"
        raise UnsupportedFunctionError(message)
    handler = handler_of(recipe, stage)
    requirements = _requirements(recipe, stage)
    place = place_of_module(recipe, stage, handler, requirements)
    root, opened = _root(recipe, stage, place, links)
    version = _VERSION.fullmatch(stage.base)
    known = version is not None and version[1] in _RUNTIMES
    files = [path for _, path in stage.packages if path is not None]
    return Image(
        handler,
        root,
        f"python{version[1]}" if version and known else None,
        dict(_variables(stage, place, root)),
        requirements,
        stage.own or not stage.packages,
        starts_client(stage),
        (recipe.dockerfile, *files, *sorted(opened | (build.globbed if root == links else set()))),
        tuple(_notices(stage, place, known=known)),
    )


def _requirements(recipe: Recipe, stage: Stage) -> tuple[Requirements, ...]:
    packages = dict.fromkeys(stage.packages)
    files = [path for _, path in packages if path is not None]
    if not packages:
        return ()
    if len(packages) == len(files) == 1 and files[0].name == "requirements.txt":
        return tuple(filter(None, (parse_requirements(files[0]),)))
    context = recipe.context
    text = "".join(
        f"{line} {path.relative_to(context)}\n" if path else f"{line}\n" for line, path in packages
    )
    every = {each for file in files for each in (file, *included_files(file))}
    return (Requirements(recipe.dockerfile, text, tuple(sorted(every)), context),)


def _root(
    recipe: Recipe, stage: Stage, place: PurePosixPath, links: Path | None
) -> tuple[Path, set[Path]]:
    files = [each for each in stage.tree.below(place) if _is_for_code(stage, each[1])]
    if (root := single(files)) is not None:
        return root, set()
    if links is None:
        message = "its code is from several folders; make up EMBEDDED=yes puts them together"
        raise UnsupportedFunctionError(message)
    try:
        return links, link(files, links)
    except OSError as error:
        wrong = f"the folder that stands in for its files can't be written: {error}"
        raise TemplateError(recipe.dockerfile, None, wrong, "make room there") from error


def _is_for_code(stage: Stage, source: Path) -> bool:
    """Whether a file or folder is for the code, and not for what installs packages."""
    named = any(path and path.is_relative_to(source) for _, path in stage.packages)
    other = named or source.name.startswith(_PROJECTS) or source.suffix == ".md"
    return not other or (source.is_dir() and any(source.rglob("*.py")))


def _variables(stage: Stage, place: PurePosixPath, root: Path) -> Iterator[tuple[str, str]]:
    for name, value in stage.variables.items():
        if name == "PYTHONPATH":
            parts = filter(None, value.split(":"))
            yield name, ":".join(_here(each, stage, place, root) for each in parts)
        elif name not in _NOT_HERE:
            yield name, _here(value, stage, place, root)


def _here(value: str, stage: Stage, place: PurePosixPath, root: Path) -> str:
    path = PurePosixPath(value)
    if path.is_relative_to(place):
        return str(root / path.relative_to(place))
    found = stage.tree.find(path) if len(path.parts) > 1 and path.is_absolute() else None
    return str(found or value)


def _notices(stage: Stage, place: PurePosixPath, *, known: bool) -> Iterator[str]:
    if not known:
        version = SERVICE_INTERPRETER.version
        yield f"which Python {stage.base} has is not known, so {version} stands in for it"
    undone = [f"{what} (line {line})" for line, what in stage.undone]
    if undone:
        more = f" and {len(undone) - _TOLD} more" if len(undone) > _TOLD else ""
        yield f"of its Dockerfile this is not done here: {'; '.join(undone[:_TOLD])}{more}"
    for at, source in stage.tree:
        known_here = at.is_relative_to(place) or place.is_relative_to(at) or Path(at).exists()
        if not known_here and _is_for_code(stage, source) and str(at) not in stage.entrypoint:
            made = "" if Path(at.parent).exists() else f"mkdir -p {at.parent}; "
            yield f"{at} is in its image alone; if its code opens that: {made}ln -s {source} {at}"
