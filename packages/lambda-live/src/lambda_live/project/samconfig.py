"""
The settings of `samconfig.toml` for running functions on this machine with AWS SAM CLI.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambda_live.dependencies.lock_files import TomlError, parse_toml
from lambda_live.model import strict_json
from lambda_live.model.template_error import TemplateError, place_of, read_text
from lambda_live.model.text_files import is_given

_NAMES = ("samconfig.toml", "samconfig.yaml", "samconfig.yml")
_LOCAL_COMMANDS = ("global", "local_invoke", "local_start_lambda", "local_start_api")
"""The sections for local commands; the last one that has an option wins."""

_PAIR = re.compile(r"ParameterKey=(?P<name>[^,]+),ParameterValue=(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SamConfig:
    """
    Settings from samconfig.toml.

    `parameters` come before the template's defaults; `deployed` are used for those without any.
    `files` are those that define the settings, existing or not. `notices` are for the startup
    output.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    deployed: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    notices: tuple[str, ...] = ()

    def variables_for(self, *names: str, declared: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a function that the template declares, by any of its names."""
        found: dict[str, str] = {}
        for name in ("Parameters", *names):
            found |= self.variables.get(name, {})
        return {name: value for name, value in found.items() if name in declared}


def read_samconfig(folder: Path) -> SamConfig:
    """Return the settings beside a template. Raises TemplateError."""
    files = tuple(folder / name for name in _NAMES)
    file = next(filter(is_given, files), None)
    if file is None:
        return SamConfig(files=files)
    sections = _mapping(_load(file).get("default"))
    local: dict[str, Any] = {}
    parameters: dict[str, str] = {}
    for command in _LOCAL_COMMANDS:
        local |= _options(sections, command)
        parameters |= _parameters(file, sections, command)
    env_vars = _text(local, "env_vars")
    env_file = folder / env_vars if env_vars else None
    notices = []
    if env_file and not is_given(env_file):
        problem = f"env_vars names {env_vars}, which does not exist"
        place = place_of(file, _line_of(file, "env_vars"))
        notices.append(f"{place}: {problem}; create it or remove env_vars")
    return SamConfig(
        parameters=parameters,
        deployed=_parameters(file, sections, "deploy"),
        region=_text(local, "region") or _text(_options(sections, "deploy"), "region"),
        variables=_read_variables(env_file) if env_file else {},
        files=(*files, env_file) if env_file else files,
        notices=tuple(notices),
    )


def _options(sections: Mapping[str, Any], command: str) -> Mapping[str, Any]:
    return _mapping(_mapping(sections.get(command)).get("parameters"))


def _text(options: Mapping[str, Any], name: str) -> str | None:
    value = options.get(name)
    return value if isinstance(value, str) else None


def _parameters(file: Path, sections: Mapping[str, Any], command: str) -> dict[str, str]:
    try:
        return _overrides(_options(sections, command).get("parameter_overrides"))
    except ValueError as error:
        problem = f"invalid parameter_overrides of {command}: {error}"
        hint = 'write "NAME=VALUE NAME=VALUE"'
        line = _line_of(file, command, "parameter_overrides")
        raise TemplateError(file, line, problem, hint) from error


def _line_of(file: Path, *words: str) -> int:
    """Return the line of the last word, after the first of each other word."""
    text, position = read_text(file, "make it readable"), 0
    for word in words:
        position = max(text.find(word, position), position)
    return text.count("\n", 0, position) + 1


def _overrides(value: object) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {str(name): str(each) for name, each in value.items()}
    words = shlex.split(value) if isinstance(value, str) else _words(value)
    return dict(map(_pair, words))


def _words(value: object) -> Iterator[str]:
    for each in value if isinstance(value, list) else ():
        yield from _words(each) if isinstance(each, list) else (str(each),)


def _pair(word: str) -> tuple[str, str]:
    if pair := _PAIR.fullmatch(word):
        return pair["name"], pair["value"]
    name, equals, value = word.partition("=")
    if not equals or not name:
        message = f"{word!r} is not NAME=VALUE"
        raise ValueError(message)
    return name, value


def _read_variables(file: Path) -> dict[str, dict[str, str]]:
    if not is_given(file):
        return {}
    try:
        functions = _mapping(strict_json.loads(read_text(file, "make it readable")))
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise TemplateError(file, line, f"invalid JSON: {error}", "fix it") from error
    return {name: _texts(_mapping(variables)) for name, variables in functions.items()}


def _texts(variables: Mapping[str, Any]) -> dict[str, str]:
    # SAM CLI writes booleans this way
    booleans = {True: "true", False: "false"}
    return {
        name: booleans[value] if isinstance(value, bool) else str(value)
        for name, value in variables.items()
        if value is not None
    }


def _load(file: Path) -> Mapping[str, Any]:
    text = read_text(file, "make it readable")
    if file.suffix == ".toml":
        try:
            return parse_toml(text)
        except TomlError as error:
            raise TemplateError(file, error.line, f"invalid TOML: {error}", "fix it") from error
    import yaml  # noqa: PLC0415  # needed only if there is such a file

    from lambda_live.project.document import syntax_error  # noqa: PLC0415  # it imports yaml

    try:
        return _mapping(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise syntax_error(file, text, error) from error
    except RecursionError:
        problem, hint = "the values are nested too deeply", "use fewer levels"
        raise TemplateError(file, 1, problem, hint) from None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
