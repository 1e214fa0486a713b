"""
What AWS SAM CLI would be told by `samconfig.toml`, for it to run the functions on this machine.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambda_live.model.template_error import TemplateError, read_text

_NAMES = ("samconfig.toml", "samconfig.yaml", "samconfig.yml")
_LOCAL = ("global", "local_invoke", "local_start_lambda", "local_start_api")
"""The commands that run functions here, and what is for all; the last says it."""

_LINE = re.compile(r"line (\d+)")
_PAIR = re.compile(r"ParameterKey=(?P<name>[^,]+),ParameterValue=(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SamConfig:
    """
    `parameters` come before the template's defaults; what is `deployed` fills in where none is.

    `files` are those that were read, or would be if they were there.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    deployed: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    def variables_for(self, *names: str, declared: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a function, by any of its names, that the template has, too."""
        found: dict[str, str] = {}
        for name in ("Parameters", *names):
            found |= self.variables.get(name, {})
        return {name: value for name, value in found.items() if name in declared}


def read_samconfig(folder: Path) -> SamConfig:
    """Return what the file beside a template says. Raises TemplateError."""
    files = tuple(folder / name for name in _NAMES)
    file = next(filter(Path.is_file, files), None)
    if file is None:
        return SamConfig(files=files)
    commands = _mapping(_loaded(file).get("default"))
    here, there = _Options(file), _Options(file)
    for name in _LOCAL:
        here.take(commands, name)
    there.take(commands, "deploy")
    given = here.options.get("env_vars")
    named = folder / given if isinstance(given, str) else None
    return SamConfig(
        parameters=here.parameters,
        deployed=there.parameters,
        region=here.region or there.region,
        variables=_variables(named) if named else {},
        files=(*files, named) if named else files,
    )


class _Options:
    """What some commands are told."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.options: dict[str, Any] = {}
        self.parameters: dict[str, str] = {}

    def take(self, commands: Mapping[str, Any], name: str) -> None:
        """Add what one is told."""
        options = _mapping(_mapping(commands.get(name)).get("parameters"))
        self.options |= options
        try:
            self.parameters |= _overrides(options.get("parameter_overrides"))
        except ValueError as error:
            what = f"parameter_overrides of {name} can't be read: {error}"
            raise TemplateError(self._file, None, what, 'write "NAME=VALUE NAME=VALUE"') from error

    @property
    def region(self) -> str | None:
        region = self.options.get("region")
        return region if isinstance(region, str) else None


def _overrides(given: object) -> dict[str, str]:
    if isinstance(given, Mapping):
        return {str(name): str(value) for name, value in given.items()}
    words = shlex.split(given) if isinstance(given, str) else _words(given)
    return dict(map(_pair, words))


def _words(given: object) -> Iterator[str]:
    for each in given if isinstance(given, list) else ():
        yield from _words(each) if isinstance(each, list) else (str(each),)


def _pair(word: str) -> tuple[str, str]:
    if pair := _PAIR.fullmatch(word):
        return pair["name"], pair["value"]
    name, is_, value = word.partition("=")
    if not is_ or not name:
        message = f"{word!r} is not NAME=VALUE"
        raise ValueError(message)
    return name, value


def _variables(file: Path) -> dict[str, dict[str, str]]:
    if not file.is_file():
        return {}
    try:
        functions = _mapping(json.loads(read_text(file, "let it be read")))
    except ValueError as error:
        raise _unreadable(file, "JSON", error) from error
    return {name: _texts(_mapping(variables)) for name, variables in functions.items()}


def _texts(variables: Mapping[str, Any]) -> dict[str, str]:
    # as SAM CLI writes what is no text
    written = {True: "true", False: "false"}
    return {
        name: written[value] if isinstance(value, bool) else str(value)
        for name, value in variables.items()
        if value is not None
    }


def _loaded(file: Path) -> Mapping[str, Any]:
    text = read_text(file, "let it be read")
    if file.suffix == ".toml":
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _unreadable(file, "TOML", error) from error
    import yaml  # noqa: PLC0415  # few starts need it

    try:
        return _mapping(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise _unreadable(file, "YAML", error) from error


def _unreadable(file: Path, kind: str, error: Exception) -> TemplateError:
    place = _LINE.search(str(error))
    what = f"it is no {kind}: {error}"
    return TemplateError(file, int(place[1]) if place else None, what, "mend it")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
