"""The command line, and the environment variables that stand for its options."""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from lambda_local.code.interpreters import notice
from lambda_local.settings.account import Account
from lambda_local.settings.function import UNRESERVED, FunctionConfiguration
from lambda_local.settings.interpreter import OWN
from lambda_local.settings.local_environment import LocalEnvironment
from lambda_local.settings.service import ServiceSettings
from lambda_local.telemetry import levels
from lambda_local.template import absent
from lambda_local.template.error import TemplateError
from lambda_local.template.model import Function, FunctionUrl, Template


@dataclass(frozen=True, slots=True)
class Given:
    """What was given: the functions, one at least, and how to serve them."""

    functions: tuple[FunctionConfiguration, ...]
    service: ServiceSettings
    notices: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    """Those that say what the functions are."""

    reader: Callable[[], "Given"] | None = field(default=None, compare=False)

    def again(self) -> "Given":
        """
        Return what the files say now.

        Raises:
            TemplateError: One of them is wrong.
        """
        return self.reader() if self.reader else self


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"lambda_local: {message}\n")


def _number[N: (int, float)](kind: type[N], least: N, most: N, unit: str) -> Callable[[str], N]:
    def parse(text: str) -> N:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            what = f"{unit}, from {least} to {most}"
            message = f"{text!r} is not {what}"
            raise argparse.ArgumentTypeError(message)
        return value

    return parse


def _assignment(text: str) -> str:
    if not text.partition("=")[1]:
        message = f"{text!r} is not NAME=VALUE"
        raise argparse.ArgumentTypeError(message)
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _one_of(*values: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.upper() not in values:
            message = f"{text!r} is not one of {', '.join(values)}"
            raise argparse.ArgumentTypeError(message)
        return text.upper()

    return parse


def _command(text: str) -> str | None:
    return text or None


_NOBODY = Account()
_PLACE = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCOUNT_ID")
_MOST_CONCURRENCY = 1000
_port = _number(int, 0, 65535, "a port")


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m lambda_local",
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
        help="an AWS SAM or CloudFormation template, as CDK writes them too"
        " [template.yaml, .yml or .json here]",
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        type=_assignment,
        metavar="NAME=VALUE",
        help="a parameter of the template, or LogicalId.Attribute that only a deployment"
        " would know; may be repeated",
    )
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="a variable for the functions, without VALUE as it is here; may be repeated",
    )
    return parser


@dataclass(frozen=True, slots=True)
class _Option:
    flag: str
    variable: str
    default: str
    parse: Callable[[str], object]
    help: str
    of_function: bool = False
    """Whether a template may say it too."""

    @property
    def fallback(self) -> str | None:
        """What argparse takes where nothing is given."""
        return None if self.of_function else self.default


_OPTIONS = (
    _Option("--host", "LAMBDA_LOCAL_HOST", "127.0.0.1", str, "address the function answers on"),
    _Option(
        "--port", "LAMBDA_LOCAL_PORT", "3001", _port, "port the function answers on, 0 for any"
    ),
    _Option(
        "--admin-host",
        "LAMBDA_LOCAL_ADMIN_HOST",
        "127.0.0.1",
        str,
        "address of the page, /metrics and /ready",
    ),
    _Option(
        "--admin-port",
        "LAMBDA_LOCAL_ADMIN_PORT",
        "9101",
        _port,
        "port of the page, /metrics and /ready, 0 for any",
    ),
    _Option(
        "--allowed-hosts",
        "LAMBDA_LOCAL_ALLOWED_HOSTS",
        "",
        _names,
        "names under which it is asked, beside localhost, addresses and a cluster's, with commas"
        " between; .example stands for all below",
    ),
    _Option(
        "--public-url",
        "LAMBDA_LOCAL_PUBLIC_URL",
        "",
        str,
        "where people reach the function, if that is not where it answers, as in a cluster",
    ),
    _Option(
        "--public-root",
        "LAMBDA_LOCAL_PUBLIC_ROOT",
        "",
        str,
        "the project's folder as an editor knows it, if that is not where it is here",
    ),
    _Option(
        "--concurrency",
        "LAMBDA_LOCAL_CONCURRENCY",
        "10",
        _number(int, 0, 1000, "a number of environments"),
        "execution environments at most, as reserved concurrency; 0 throttles all",
        of_function=True,
    ),
    _Option(
        "--queue",
        "LAMBDA_LOCAL_QUEUE",
        "1000",
        _number(int, 0, 1_000_000, "a number of requests"),
        "requests that may wait for an environment before one is throttled (429)",
    ),
    _Option(
        "--queue-timeout",
        "LAMBDA_LOCAL_QUEUE_TIMEOUT",
        "30",
        _number(float, 0, 900, "a time in seconds"),
        "seconds that a request may wait before it is throttled (429)",
    ),
    _Option(
        "--timeout",
        "AWS_LAMBDA_FUNCTION_TIMEOUT",
        "3",
        _number(float, 0.001, 900, "a time in seconds"),
        "seconds an invocation may take",
        of_function=True,
    ),
    _Option(
        "--memory",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "128",
        _number(int, 1, 10_240, "a size in MB"),
        "MB that one environment may use",
        of_function=True,
    ),
    _Option(
        "--name",
        "AWS_LAMBDA_FUNCTION_NAME",
        "function",
        str,
        "the function's name in URLs and ARNs",
        of_function=True,
    ),
    _Option(
        "--application-log-level",
        "AWS_LAMBDA_LOG_LEVEL",
        levels.DEFAULT,
        _one_of(*levels.APPLICATION),
        "the least level of a JSON log's lines that are the function's",
        of_function=True,
    ),
    _Option(
        "--system-log-level",
        "LAMBDA_LOCAL_SYSTEM_LOG_LEVEL",
        levels.DEFAULT,
        _one_of(*levels.SYSTEM),
        "the least level of a JSON log's lines that are the platform's",
        of_function=True,
    ),
    _Option(
        "--env-file",
        "LAMBDA_LOCAL_ENV_FILE",
        ".env",
        str,
        "variables for the functions, if it is there; FILE.NAME those of the function NAME",
    ),
    _Option(
        "--after-reload",
        "LAMBDA_LOCAL_AFTER_RELOAD",
        "",
        _command,
        "shell command to run at start and after each reload",
    ),
    _Option(
        "--accept",
        "LAMBDA_LOCAL_ACCEPT",
        "",
        _command,
        "shell command that the key `a` runs, to take what is answered for what is expected",
    ),
    _Option(
        "--shutdown-timeout",
        "LAMBDA_LOCAL_SHUTDOWN_TIMEOUT",
        "20",
        _number(float, 0, 900, "a time in seconds"),
        "seconds that running invocations get to finish at a stop",
    ),
)


def _add_options(parser: _Parser, environ: Mapping[str, str]) -> None:
    for option in _OPTIONS:
        parser.add_argument(
            option.flag,
            type=option.parse,
            default=environ.get(option.variable)
            or (None if option.of_function else option.default),
            metavar=option.flag.removeprefix("--").rpartition("-")[2].upper(),
            help=f"{option.help} [{option.variable}; {option.default or 'none'}]",
        )
    watch = parser.add_mutually_exclusive_group()
    watch.add_argument(
        "--watch",
        action="append",
        metavar="PATH",
        help="a directory whose change reloads the code; may be repeated"
        " [LAMBDA_LOCAL_WATCH; the template's CodeUri, or the handler's top-level package]",
    )
    watch.add_argument(
        "--no-watch", dest="watch", action="store_const", const=[], help="never reload"
    )
    parser.add_argument(
        "--strict",
        action=argparse.BooleanOptionalAction,
        default=_switch(parser, environ, "LAMBDA_LOCAL_STRICT"),
        help="throttle when all environments are busy, as AWS does [LAMBDA_LOCAL_STRICT; off]",
    )
    parser.add_argument(
        "--replay",
        action=argparse.BooleanOptionalAction,
        default=_switch(parser, environ, "LAMBDA_LOCAL_REPLAY"),
        help="after each save run the clients' last 50 distinct invocations again, and show on the"
        " page whose answer changed [LAMBDA_LOCAL_REPLAY; off]",
    )
    parser.add_argument(
        "--terminal",
        action=argparse.BooleanOptionalAction,
        default=_switch(parser, environ, "LAMBDA_LOCAL_TERMINAL", default=os.isatty(1)),
        help="print for a person and not as AWS logs, and take keys"
        " [LAMBDA_LOCAL_TERMINAL; on where standard output is a terminal]",
    )
    parser.add_argument(
        "--import-ahead",
        action=argparse.BooleanOptionalAction,
        default=_switch(parser, environ, "LAMBDA_LOCAL_IMPORT_AHEAD", default=True),
        help="have a process wait that has imported what the function did from elsewhere"
        " [LAMBDA_LOCAL_IMPORT_AHEAD; on]",
    )
    parser.add_argument(
        "--debug",
        action=argparse.BooleanOptionalAction,
        default=_switch(parser, environ, "LAMBDA_LOCAL_DEBUG"),
        help="one environment, no timeout, debugpy on 127.0.0.1:5678 [LAMBDA_LOCAL_DEBUG; off]",
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


def _check_handler(parser: _Parser, handler: str, root: Path) -> str:
    module, _, function = handler.rpartition(".")
    if not module or not function:
        parser.error(f"{handler!r} is not a handler; write module.function, as in AWS")
    if not absent.has_module(root, handler):
        path = root.joinpath(*module.replace("/", ".").split("."))
        parser.error(f"no module for the handler {handler!r}: {path}.py does not exist")
    return handler


def _watched(
    parser: _Parser, watch: list[str] | None, environ: Mapping[str, str], root: Path
) -> tuple[Path, ...] | None:
    """Return what is to be watched; None if nobody says so."""
    if watch is None and "LAMBDA_LOCAL_WATCH" in environ:
        watch = [path for path in environ["LAMBDA_LOCAL_WATCH"].split(os.pathsep) if path]
    if watch is None:
        return None
    paths = tuple(Path(os.path.abspath(root / path)) for path in watch)  # noqa: PTH100  # resolve() would follow links out of the tree
    for path in paths:
        if not path.is_dir():
            parser.error(f"cannot watch {path}: it is not a directory")
    return paths


def parse(argv: Sequence[str], environ: Mapping[str, str], root: Path) -> Given:
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
    watch = _watched(parser, given.watch, environ, root)

    def read() -> Given:
        return replace(_read(parser, given, environ, root, watch), reader=read)

    try:
        return read()
    except TemplateError as error:
        parser.error(str(error))


def _read(
    parser: _Parser,
    given: argparse.Namespace,
    environ: Mapping[str, str],
    root: Path,
    watch: tuple[Path, ...] | None,
) -> Given:
    """Return what is given, by the template as it is now. Raises TemplateError."""
    local = LocalEnvironment(root / given.env_file, given.env, environ)
    environ = {**environ, **{name: value for name, value in local.of().items() if name in _PLACE}}
    template = _template(parser, given, environ, root)
    path, account = template.path, _account(environ)
    if given.name and len(template.functions) > 1:
        wrong = "--name is for one function; the template names several"
        raise TemplateError(path or root, None, wrong, "leave --name out")
    given.limits = given.said if len(template.functions) > 1 else given
    # what has its own requirements, or a template, sees what would ship and no tool of this service
    isolated = path is not None or (root / "requirements.txt").is_file()
    functions = tuple(
        replace(
            _configuration(each, given, environ, watch, account, isolated=isolated),
            project=path.parent if path else root,
            local_environment=local.of(each.name),
        )
        for each in template.functions
    )
    files = (*((path,) if path else ()), *local.files(*(each.name for each in functions)))
    return Given(functions, _service(given), tuple(_notices(template)), files)


def _notices(template: Template) -> Iterator[str]:
    for each in template.left_out:
        yield f"{each.logical_id} is not served: {each.sentence}"
    yield from template.notices
    for function in template.functions:
        if template.path and (unmet := notice(function.name, function.runtime)):
            yield unmet
        yield from (event.sentence for event in function.other_events)
        for name in dict.fromkeys(route.authorizer for route in function.routes):
            if name:
                yield f"The authorizer {name} of {function.logical_id} lets everybody in here"


def _template(
    parser: _Parser, given: argparse.Namespace, environ: Mapping[str, str], root: Path
) -> Template:
    """Return the template, or what stands for one. Raises TemplateError."""
    handler = given.handler or environ.get("_HANDLER")
    if handler:
        return absent.without_template(root, _check_handler(parser, handler, root))
    path = root / given.template if given.template else absent.find(root)
    if path is None:
        return absent.without_template(root)
    from lambda_local.template.read import read  # noqa: PLC0415  # YAML, which few starts need

    overrides = dict(text.split("=", 1) for text in given.parameter)
    return read(path, overrides, _account(environ).region)


def _configuration(  # noqa: PLR0913  # each is a source of its own
    function: Function,
    given: argparse.Namespace,
    environ: Mapping[str, str],
    watch: tuple[Path, ...] | None,
    account: Account,
    *,
    isolated: bool,
) -> FunctionConfiguration:
    limits, reserved = given.limits, _reserved(function, given)
    concurrency = UNRESERVED if reserved is None else min(reserved, _MOST_CONCURRENCY)
    log_format = environ.get("AWS_LAMBDA_LOG_FORMAT") or function.logging.format
    layers = tuple(layer.content for layer in function.layers)
    return FunctionConfiguration(
        name=given.name or function.name,
        handler=function.handler,
        task_root=function.code_uri,
        watch=_code_of(function, layers, isolated=isolated) if watch is None else watch,
        account=account,
        timeout=limits.timeout or float(function.timeout),
        memory=limits.memory or function.memory,
        concurrency=min(concurrency, 1) if given.debug else concurrency,
        json_logs=log_format.lower() == "json",
        application_log_level=limits.application_log_level or function.logging.application_level,
        system_log_level=limits.system_log_level or function.logging.system_level or levels.DEFAULT,
        environment=dict(function.environment or {}),
        packages=tuple(layer / "python" for layer in layers),
        isolated=isolated,
        reserved=reserved is not None,
        url=function.url or FunctionUrl(),
        asynchronous=function.asynchronous,
        routes=function.routes,
        runtime=function.runtime if isolated else OWN.runtime,
    )


def _reserved(function: Function, given: argparse.Namespace) -> int | None:
    sources = (given.said.concurrency, function.reserved_concurrency, given.concurrency)
    return next((each for each in sources if each is not None), None)


def _code_of(function: Function, layers: tuple[Path, ...], *, isolated: bool) -> tuple[Path, ...]:
    if isolated:
        return (function.code_uri, *layers)
    package = function.code_uri / function.handler.replace("/", ".").split(".")[0]
    return (package if package.is_dir() else function.code_uri,)


def _account(environ: Mapping[str, str]) -> Account:
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    return Account(region or _NOBODY.region, environ.get("AWS_ACCOUNT_ID") or _NOBODY.account_id)


def _service(given: argparse.Namespace) -> ServiceSettings:
    return ServiceSettings(
        host=given.host,
        port=given.port,
        admin_host=given.admin_host,
        admin_port=given.admin_port,
        allowed_hosts=given.allowed_hosts,
        queue=0 if given.strict else given.queue,
        queue_timeout=given.queue_timeout,
        shutdown_timeout=given.shutdown_timeout,
        after_reload=given.after_reload,
        debug=given.debug,
        replay=given.replay,
        public_url=given.public_url,
        public_root=given.public_root,
        terminal=given.terminal,
        accept=given.accept,
        import_ahead=given.import_ahead,
    )
