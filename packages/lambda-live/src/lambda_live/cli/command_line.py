"""The command line, and the environment variables that stand for its options."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from lambda_live.cli.options import OPTIONS
from lambda_live.model.template_error import TemplateError
from lambda_live.project.config import Config
from lambda_live.project.load_config import load_config
from lambda_live.project.template import discovery


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"lambda_live: {message}\n")


def _assignment(text: str) -> str:
    if not text.partition("=")[1]:
        message = f"{text!r} is not NAME=VALUE"
        raise argparse.ArgumentTypeError(message)
    return text


def _program() -> str:
    """Return what it was started as: by `python -m`, or by the command that a wheel installs."""
    started = Path(sys.argv[0]).name
    return "python -m lambda_live" if started == "__main__.py" else started


def _parser() -> _Parser:
    parser = _Parser(
        prog=_program(),
        description="Run a Python Lambda function locally, with live reload.",
        epilog="Each option can be set by the environment variable in brackets instead.",
    )
    parser.add_argument(
        "handler",
        nargs="?",
        help="the handler, as in AWS: module.function"
        " [_HANDLER; those of template.yaml here, else lambda_function.lambda_handler]",
    )
    parser.add_argument(
        "--template",
        metavar="PATH",
        help="an AWS SAM or CloudFormation template"
        " [template.yaml, .yml or .json here, else that of the CDK app here]",
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        type=_assignment,
        metavar="NAME=VALUE",
        help="a parameter of the template, or LogicalId.Attribute that only a deployment"
        " would know; of a nested stack Child/NAME; may be repeated",
    )
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="a variable for the functions, without VALUE as it is here; may be repeated",
    )
    return parser


def _add_options(parser: _Parser, environ: Mapping[str, str]) -> None:
    for option in OPTIONS:
        parser.add_argument(
            option.flag,
            type=option.parse,
            default=environ.get(option.variable) or option.fallback,
            metavar=option.flag.removeprefix("--").rpartition("-")[2].upper(),
            help=f"{option.help} [{option.variable}; {option.default or 'none'}]",
        )
    watch = parser.add_mutually_exclusive_group()
    watch.add_argument(
        "--watch",
        action="append",
        metavar="PATH",
        help="a directory whose change reloads the code; may be repeated"
        " [LAMBDA_LIVE_WATCH; the template's CodeUri, or the folder]",
    )
    watch.add_argument(
        "--no-watch", dest="watch", action="store_const", const=[], help="never reload"
    )
    parser.add_argument(
        "--no-queue",
        dest="queue",
        action="store_const",
        const=0,
        help="throttle when all environments are busy, as AWS does; short for --queue=0",
    )
    parser.add_argument(
        "--replay",
        action=argparse.BooleanOptionalAction,
        default=_switch(parser, environ, "LAMBDA_LIVE_REPLAY"),
        help="after each save run the clients' last 50 distinct invocations again, and show on the"
        " page whose answer changed [LAMBDA_LIVE_REPLAY; off]",
    )
    parser.add_argument(
        "--terminal",
        action=argparse.BooleanOptionalAction,
        default=_switch(parser, environ, "LAMBDA_LIVE_TERMINAL", default=os.isatty(1)),
        help="print for a person and not as AWS logs, and take keys"
        " [LAMBDA_LIVE_TERMINAL; on where standard output is a terminal]",
    )
    parser.add_argument(
        "--preload",
        action=argparse.BooleanOptionalAction,
        default=_switch(parser, environ, "LAMBDA_LIVE_PRELOAD", default=True),
        help="have a process wait that has imported what the function did from elsewhere"
        " [LAMBDA_LIVE_PRELOAD; on]",
    )
    parser.add_argument(
        "--debug",
        action=argparse.BooleanOptionalAction,
        default=_switch(parser, environ, "LAMBDA_LIVE_DEBUG"),
        help="one environment for each function, no timeout, and a port for a debugger to attach to"
        " [LAMBDA_LIVE_DEBUG; off]",
    )


def _switch(
    parser: _Parser, environ: Mapping[str, str], variable: str, *, default: bool = False
) -> bool:
    value = environ.get(variable, "").lower()
    if not value:
        return default
    if value in ("0", "false", "no", "off"):
        return False
    if value not in ("1", "true", "yes", "on"):
        parser.error(f"{variable}={value!r} is neither true nor false")
    return True


def _handler(parser: _Parser, handler: str | None, root: Path) -> str | None:
    if not handler:
        return None
    module, _, function = handler.rpartition(".")
    if not module or not function:
        parser.error(f"{handler!r} is not a handler; write module.function, as in AWS")
    if not discovery.has_module(root, handler):
        path = root.joinpath(*module.replace("/", ".").split("."))
        parser.error(f"no module for the handler {handler!r}: {path}.py does not exist")
    return handler


def _watched(
    parser: _Parser, watch: list[str] | None, environ: Mapping[str, str], root: Path
) -> tuple[Path, ...] | None:
    """Return what is to be watched; None if nobody says so."""
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
    Return the settings from the command line, else from the environment, else from the template.

    What the template says of several functions, or reserves, comes before the environment.

    Exits with status 2 and one line if any is wrong.
    """
    parser = _parser()
    _add_options(parser, environ)
    given = parser.parse_args(argv)
    alone = _parser()
    _add_options(alone, {})
    given.said = alone.parse_args(argv)
    given.handler = _handler(parser, given.handler or environ.get("_HANDLER"), root)
    given.watch = _watched(parser, given.watch, environ, root)

    def read() -> Config:
        return replace(load_config(given, environ, root), reader=read)

    try:
        return read()
    except TemplateError as error:
        parser.error(str(error))
