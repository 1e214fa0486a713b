"""The arguments of `serve`, and the environment variables that replace them."""

import os
from argparse import BooleanOptionalAction
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lambda_live import __version__
from lambda_live.cli.main import COMMANDS
from lambda_live.cli.options import OPTIONS, assignment
from lambda_live.cli.parser import CommandParser, program_name, suggest
from lambda_live.model.resources import StoredValues
from lambda_live.model.template_error import TemplateError
from lambda_live.project.config import Config, load_config
from lambda_live.project.template import discovery

_DESCRIPTION = "Run the Python Lambda functions of the current folder, with live reload."

_METAVARS = (
    dict.fromkeys(("concurrency", "queue"), "N")
    | dict.fromkeys(("reload", "accept"), "COMMAND")
    | {"timeout": "SECONDS", "memory": "MB", "claims": "JSON", "root": "FOLDER"}
)
"""What the help names the values, by the last word of their options."""

_SWITCHES: Mapping[str, tuple[bool | None, str]] = {
    "terminal": (False, "interactive output and keys; the default in a terminal"),
    "replay": (
        False,
        "after each save, run the last 50 distinct invocations again and show changed responses",
    ),
    "preload": (True, "keep a standby process that has imported the function's libraries"),
    "history": (
        True,
        "keep the page's history for the next start, in ~/.local/state/lambda-live",
    ),
    "resources": (
        None,
        "start a local emulator with the template's queues, tables, buckets, …; deliver events",
    ),
    "persist": (
        False,
        "keep the data of these resources for the next start; `lambda-live aws reset` deletes it",
    ),
    "debug": (False, "open a debugger port; each function gets one environment and no timeout"),
}
"""Options without a value: their default, unless the standard output decides, and their help."""

_DEFAULTS = {True: "on", False: "off", None: "if the template has any"}


def _commands() -> str:
    width = max(map(len, COMMANDS))
    lines = (f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items())
    return "\n".join(("commands:", *lines, "", f"{program_name()} COMMAND --help explains each."))


def _parser(environ: Mapping[str, str]) -> CommandParser:
    program = program_name()
    usage = f"{program} [HANDLER] [OPTION...]\n       {program} COMMAND [ARGUMENT...]"
    parser = CommandParser("", _DESCRIPTION, usage=usage)
    parser.epilog = f"An environment variable in brackets can set its option.\n\n{_commands()}"
    version = f"lambda-live {__version__}"
    parser.add_argument("--version", action="version", version=version, help="print the version")
    groups = {name: parser.add_argument_group(name) for name in OPTIONS}
    _add_function_arguments(groups["functions"].add_argument)
    watch = groups["functions"].add_mutually_exclusive_group()
    watch.add_argument(
        "--watch",
        action="append",
        metavar="PATH",
        help="folder that is watched for changes; repeatable"
        " [LAMBDA_LIVE_WATCH; the template's CodeUri, or the current folder]",
    )
    watch.add_argument(
        "--no-watch", dest="watch", action="store_const", const=[], help="never reload"
    )
    for name, options in OPTIONS.items():
        for option in options:
            word = option.name.rpartition("-")[2]
            groups[name].add_argument(
                f"--{option.name}",
                type=option.parse,
                default=environ.get(option.variable) or option.parser_default,
                metavar=_METAVARS.get(word, word.upper()),
                help=f"{option.help} [{option.variable}; {option.default or 'none'}]",
            )
    groups["limits"].add_argument(
        "--no-queue",
        dest="queue",
        action="store_const",
        const=0,
        help="throttle when all environments are busy, like AWS; short for --queue=0",
    )
    for name, (default, text) in _SWITCHES.items():
        variable = f"LAMBDA_LIVE_{name.upper()}"
        is_on = os.isatty(1) if name == "terminal" else default
        groups["development"].add_argument(
            f"--{name}",
            action=BooleanOptionalAction,
            default=_switch(parser, variable, environ, default=is_on),
            help=f"{text} [{variable}; {_DEFAULTS[is_on]}]",
        )
    return parser


def _add_function_arguments(add: Callable[..., object]) -> None:
    """Add the arguments that need more than `Option` can say."""
    add(
        "handler",
        nargs="?",
        metavar="HANDLER",
        help="handler as in AWS: module.function [_HANDLER; the template's handlers, or"
        " lambda_function.lambda_handler]",
    )
    add(
        "--template",
        metavar="PATH",
        help="AWS SAM or CloudFormation template [template.yaml, .yml or .json, or the CDK app's]",
    )
    add(
        "--parameter",
        action="append",
        default=[],
        type=assignment,
        metavar="NAME=VALUE",
        help="template parameter, or LogicalId.Attribute for a value that only a deployment has;"
        " Child/NAME for a nested stack; repeatable",
    )
    add(
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="variable for the functions; NAME alone copies it from the shell; repeatable",
    )


def _switch(
    parser: CommandParser, variable: str, environ: Mapping[str, str], *, default: bool | None
) -> bool | None:
    value = environ.get(variable, "").lower()
    if not value:
        return default
    if value in ("0", "false", "no", "off"):
        return False
    if value not in ("1", "true", "yes", "on"):
        parser.error(f"{variable} must be true or false, got {value!r}")
    return True


def _handler(parser: CommandParser, handler: str | None, root: Path) -> str | None:
    if not handler:
        return None
    module, _, function = handler.rpartition(".")
    if not module or not function:
        hint = suggest(handler, list(COMMANDS)) or "; write module.function, as in AWS"
        parser.error(f"{handler!r} is not a handler or command{hint}")
    if not discovery.module_path(root, handler):
        path = root.joinpath(*module.replace("/", ".").split("."))
        parser.error(f"no module for the handler {handler!r}: {path}.py does not exist")
    return handler


def _watched(
    parser: CommandParser, watch: list[str] | None, environ: Mapping[str, str], root: Path
) -> tuple[Path, ...] | None:
    """Return the folders to watch; None lets the template decide."""
    if watch is None and "LAMBDA_LIVE_WATCH" in environ:
        watch = [path for path in environ["LAMBDA_LIVE_WATCH"].split(os.pathsep) if path]
    if watch is None:
        return None
    paths = tuple(Path(os.path.abspath(root / path)) for path in watch)  # noqa: PTH100  # resolve() would follow links out of the tree
    for path in paths:
        if not path.is_dir():
            parser.error(f"cannot watch {path}: it is not a directory")
    return paths


def parse(argv: Sequence[str], environ: Mapping[str, str], root: Path) -> Config:
    """
    Return the configuration: from the command line, else the environment, else the template.

    If the template has more than one function, or reserves concurrency, its values come before
    those of the environment. Exits with status 2 and one line on an error.
    """
    parser = _parser(environ)
    options = parser.parse(argv)
    options.cli_only = _parser({}).parse(argv)
    options.handler = _handler(parser, options.handler or environ.get("_HANDLER"), root)
    options.watch = _watched(parser, options.watch, environ, root)

    stored = StoredValues()

    def read() -> Config:
        try:
            return replace(load_config(options, environ, root, stored), reader=read)
        except OSError as error:
            path, problem = Path(error.filename or root), error.strerror or str(error)
            raise TemplateError(path, None, problem, "check its name and permissions") from error

    try:
        return read()
    except TemplateError as error:
        parser.error(str(error))
