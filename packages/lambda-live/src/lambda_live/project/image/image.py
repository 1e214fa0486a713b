"""Read a Dockerfile as a function: its handler, code folder, packages and variables."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lambda_live.dependencies.requirements import included_files, parse_requirements
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.requirements import Requirements
from lambda_live.model.reserved_variables import RESERVED_VARIABLES
from lambda_live.model.template import Image
from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.project.image.dockerfile import TASK_ROOT, DockerfileReader, Stage
from lambda_live.project.image.links import link_files, single_root

_HANDLER = re.compile(r"\w[\w./-]*\.[A-Za-z_]\w*")
_PROGRAM_SUFFIXES = (".py", ".sh")
_RUNTIME_CLIENT = "awslambdaric"
_OTHER_LANGUAGES = re.compile(r".*lambda[-/](nodejs|java|dotnet|go|ruby)\b.*")
_VERSION = re.compile(r".*(?:py|lambda).*?(?<![\d.])(3\.\d{1,2})(?!\d).*")
_PLAIN_PYTHON = re.compile(
    r"(.*/)?(lambda/python|aws-lambda-python|build-python3\.\d+|python|scratch)([:@].*)?"
)
"""Base images without packages of their own: AWS's, and Docker's official ones."""

_RUNTIMES = tuple(f"3.{minor}" for minor in range(6, 15))
_IMAGE_VARIABLES = (
    *("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "VIRTUAL_ENV"),
    *RESERVED_VARIABLES,
)
"""Variables about the image's own files, or set by Lambda."""

_PROJECT_FILES = ("Pipfile", "poetry.lock", "pyproject.toml", "requirements", "setup.py", "uv.lock")
"""Prefixes of files that are copied for package installers only."""

_MAX_NOTICE_ITEMS = 5


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """What a template says about building and starting an image."""

    context: Path
    dockerfile: Path
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ()
    entrypoint: Sequence[str] = ()
    workdir: str | None = None


def read_image(spec: BuildSpec, links: Path | None) -> Image:
    """
    Return what to run of an image. If it copies several folders, they are linked in `links`.

    Raises:
        TemplateError: The Dockerfile is invalid or names no handler.
        UnsupportedFunctionError: The image is not for Python, or needs links without a folder.
    """
    reader = DockerfileReader(spec.context, spec.dockerfile, spec.build_args)
    stage = reader.read(spec.target)
    stage.command = list(spec.command) or stage.command
    stage.entrypoint = list(spec.entrypoint) or stage.entrypoint
    if spec.workdir:
        stage.workdir = PurePosixPath(spec.workdir)
    if language := _OTHER_LANGUAGES.fullmatch(stage.base):
        message = f"its base image is for {language[1]}; only Python 3 functions are supported"
        raise UnsupportedFunctionError(message)
    handler = _handler(spec, stage)
    requirements = _requirements(spec, stage)
    folder = _handler_folder(spec, stage, handler, requirements)
    root, opened = _root(spec, stage, folder, links)
    version = _python_version(stage)
    package_files = [path for _, path in stage.packages if path is not None]
    watched = opened | (reader.glob_folders if root == links or stage.substitutes else set())
    return Image(
        handler=handler,
        root=root,
        runtime=f"python{version}" if version else None,
        variables=dict(_variables(stage, folder, root)),
        requirements=requirements,
        installs_project=stage.installs_project or not stage.packages,
        starts_runtime_client=_starts_runtime_client(stage),
        files=(spec.dockerfile, *package_files, *sorted(watched)),
        notices=tuple(_notices(spec, stage, folder)),
    )


def _python_version(stage: Stage) -> str | None:
    version = _VERSION.fullmatch(stage.base)
    return version[1] if version and version[1] in _RUNTIMES else None


def _starts_runtime_client(stage: Stage) -> bool:
    """Whether the image starts the runtime client itself, without AWS's bootstrap."""
    return _RUNTIME_CLIENT in (*stage.entrypoint, *stage.command)


def _handler(spec: BuildSpec, stage: Stage) -> str:
    """Return the handler that the runtime client gets."""
    words = [*stage.entrypoint, *stage.command]
    hint = 'write CMD ["MODULE.FUNCTION"], or Command in ImageConfig'
    if not words:
        raise TemplateError(spec.dockerfile, stage.start_line, "no CMD found", hint)
    if _starts_runtime_client(stage):
        arguments = words[words.index(_RUNTIME_CLIENT) + 1 :]
    else:  # an entrypoint script may start the client with these arguments
        arguments = stage.command or stage.entrypoint[1:]
    handler = arguments[0] if len(arguments) == 1 else ""
    if not _HANDLER.fullmatch(handler) or handler.endswith(_PROGRAM_SUFFIXES):
        if any("lambda-adapter" in each.text for each in stage.skipped):
            message = f"its image is a web server; run {' '.join(words)!r} without Lambda"
            raise UnsupportedFunctionError(message)
        problem = f"the start command {' '.join(words)!r} names no handler"
        raise TemplateError(spec.dockerfile, stage.start_line, problem, hint)
    return handler


def _handler_folder(
    spec: BuildSpec, stage: Stage, handler: str, requirements: Sequence[Requirements]
) -> PurePosixPath:
    """Return the folder in the image that contains the handler's module."""
    task_root = PurePosixPath(stage.variables.get("LAMBDA_TASK_ROOT") or TASK_ROOT)
    parts = handler.rpartition(".")[0].replace("/", ".").split(".")
    path = [each for each in stage.variables.get("PYTHONPATH", "").split(":") if each]
    folders = [stage.workdir, task_root, *map(PurePosixPath, path)]
    if stage.installs_project:  # most projects have their modules there
        folders += [folder / "src" for folder in folders]
    for folder in folders:
        module = folder.joinpath(*parts)
        files = (module.with_name(f"{module.name}.py"), module / "__init__.py")
        if any(map(stage.files.find, files)):
            return folder
    package = re.compile(rf"(?im)^{parts[0].replace('_', '[-_]')}\b")
    if any(package.search(each.text) for each in requirements):
        return task_root
    problem = f"the handler {handler!r} is in no file that is copied from {spec.context}"
    hint = "COPY its module to ${LAMBDA_TASK_ROOT}, or fix CMD"
    raise TemplateError(spec.dockerfile, stage.start_line, problem, hint)


def _requirements(spec: BuildSpec, stage: Stage) -> tuple[Requirements, ...]:
    packages = dict.fromkeys(stage.packages)
    files = [path for _, path in packages if path is not None]
    if not packages:
        return ()
    if len(packages) == len(files) == 1 and files[0].name == "requirements.txt":
        return tuple(filter(None, (parse_requirements(files[0], spec.context),)))
    context = spec.context
    text = "".join(
        f"{line} {path.relative_to(context)}\n" if path else f"{line}\n" for line, path in packages
    )
    included = {each for file in files for each in (file, *included_files(file))}
    return (Requirements(spec.dockerfile, text, tuple(sorted(included)), context),)


def _root(
    spec: BuildSpec, stage: Stage, folder: PurePosixPath, links: Path | None
) -> tuple[Path, set[Path]]:
    """Return the local folder of the code, and the folders whose files are linked one by one."""
    files = [each for each in stage.files.below(folder) if _is_code(stage, each[1])]
    if (root := single_root(files)) is not None:
        return root, set()
    if links is None:
        message = "its code comes from several folders; run `make up EMBEDDED=yes` to join them"
        raise UnsupportedFunctionError(message)
    try:
        return links, link_files(files, links)
    except OSError as error:
        problem = f"the folder of links to its files cannot be written: {error}"
        raise TemplateError(spec.dockerfile, None, problem, f"check {links}") from error


def _is_code(stage: Stage, source: Path) -> bool:
    """Whether a file or folder is more than input of a package installer."""
    is_required = any(path and path.is_relative_to(source) for _, path in stage.packages)
    is_other = is_required or source.name.startswith(_PROJECT_FILES) or source.suffix == ".md"
    return not is_other or (source.is_dir() and any(source.rglob("*.py")))


def _variables(stage: Stage, folder: PurePosixPath, root: Path) -> Iterator[tuple[str, str]]:
    for name, value in stage.variables.items():
        if name == "PYTHONPATH":
            parts = filter(None, value.split(":"))
            yield name, ":".join(_local_path(each, stage, folder, root) for each in parts)
        elif name not in _IMAGE_VARIABLES:
            yield name, _local_path(value, stage, folder, root)


def _local_path(value: str, stage: Stage, folder: PurePosixPath, root: Path) -> str:
    """Replace a path in the image by the local path."""
    path = PurePosixPath(value)
    if path.is_relative_to(folder):
        return str(root / path.relative_to(folder))
    found = stage.files.find(path) if len(path.parts) > 1 and path.is_absolute() else None
    return str(found or value)


def _notices(spec: BuildSpec, stage: Stage, folder: PurePosixPath) -> Iterator[str]:
    """Yield what differs from the built image, as `PATH:LINE: PROBLEM; HINT`."""
    if _python_version(stage) is None:
        yield (
            f"{spec.dockerfile}:{stage.line}: the Python version of {stage.base} is unknown;"
            f" {SERVICE_INTERPRETER.version} is used, name another one in the image's tag"
        )
    if not _PLAIN_PYTHON.fullmatch(stage.base):
        yield (
            f"{spec.dockerfile}:{stage.line}: the packages of {stage.base} are missing locally;"
            " add those that the code imports to the function's requirements.txt"
        )
    if stage.skipped:
        hint = "install what the code needs of it yourself"
        if stage.substitutes:
            hint += ", and put the files that it makes beside the Dockerfile"
        items = [f"{each.text} (line {each.line})" for each in stage.skipped[:_MAX_NOTICE_ITEMS]]
        more = len(stage.skipped) - len(items)
        yield (
            f"{spec.dockerfile}:{stage.skipped[0].line}: not run locally: {', '.join(items)}"
            f"{f' and {more} more' if more else ''}; {hint}"
        )
    for line, names in stage.substitutes.items():
        if names:
            verb = "is" if len(names) == 1 else "are"
            used = ", ".join(names[:_MAX_NOTICE_ITEMS])
            yield (
                f"{spec.dockerfile}:{line}: its command is not run locally;"
                f" {used} beside the Dockerfile {verb} used in place of what it makes"
            )
    for path, source in stage.files:
        is_used = path.is_relative_to(folder) or folder.is_relative_to(path)
        if not is_used and not Path(path).exists() and _is_code(stage, source):
            if str(path) in stage.entrypoint:
                continue
            mkdir = "" if Path(path.parent).exists() else f"mkdir -p {path.parent} && "
            yield (
                f"{spec.dockerfile}:{stage.files.line_of(path)}: {path} exists only in the image;"
                f" if the code opens it, run: {mkdir}ln -s {source} {path}"
            )
