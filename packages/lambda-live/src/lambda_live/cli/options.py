"""The options of `serve` that take a value, and how each value is parsed."""

import argparse
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lambda_live.debugger.server import DEFAULT_PORT
from lambda_live.model import strict_json
from lambda_live.model.function import DEFAULT_CONCURRENCY
from lambda_live.model.template import DEFAULT_MEMORY_MB, DEFAULT_TIMEOUT_SECONDS
from lambda_live.telemetry import levels
from lambda_live.ui.links import editor_template


def number[N: (int, float)](kind: type[N], least: N, most: N, name: str) -> Callable[[str], N]:
    """Return a parser for a number from `least` to `most`; error messages call it `name`."""

    def parse(text: str) -> N:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            message = f"{text!r} is not {name} from {least} to {most}"
            raise argparse.ArgumentTypeError(message)
        return value

    return parse


def names(text: str) -> tuple[str, ...]:
    """Parse names with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def one_of(*values: str) -> Callable[[str], str]:
    """Return a parser for one of these values, in upper or lower case."""

    def parse(text: str) -> str:
        if text.upper() not in values:
            message = f"{text!r} is not one of {', '.join(values)}"
            raise argparse.ArgumentTypeError(message)
        return text.upper()

    return parse


def pods(text: str) -> tuple[str, str] | None:
    """Parse NAMESPACE@CONTEXT of Kubernetes."""
    if not text:
        return None
    namespace, _, context = text.partition("@")
    if not namespace or not context:
        message = f"{text!r} is not NAMESPACE@CONTEXT"
        raise argparse.ArgumentTypeError(message)
    return namespace, context


def claims(text: str) -> dict[str, object]:
    """Parse the claims of a token; an empty text has none."""
    try:
        value = strict_json.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        message = f"{text!r} is not a JSON object"
        raise argparse.ArgumentTypeError(message)
    return value


def user_arn(text: str) -> str:
    """Parse the ARN of an IAM user, or of a role's session."""
    if text and not re.fullmatch(r"arn:[\w-]+:(iam|sts)::[0-9]{12}:[\w-]+(/\S+)?", text):
        message = f"{text!r} is not an ARN such as arn:aws:iam::123456789012:user/NAME"
        raise argparse.ArgumentTypeError(message)
    return text


def command(text: str) -> str | None:
    """Parse a shell command; an empty one is None."""
    return text or None


def assignment(text: str) -> str:
    """Parse NAME=VALUE."""
    if not text.partition("=")[1]:
        message = f"{text!r} is not NAME=VALUE"
        raise argparse.ArgumentTypeError(message)
    return text


def editor(text: str) -> str:
    """Parse the name of an editor or a URL template; detect the editor if the text is empty."""
    try:
        return editor_template(text, os.environ)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


port = number(int, 0, 65535, "a port")
seconds = number(float, 0, 900, "a time in seconds")


@dataclass(frozen=True, slots=True)
class Option:
    """An option and its environment variable, LAMBDA_LIVE_NAME unless AWS has one."""

    name: str
    help: str
    parse: Callable[[str], object] = str
    default: str = ""
    aws_variable: str = ""
    is_template_setting: bool = False
    """Whether the template's value comes before the default."""

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return self.aws_variable or f"LAMBDA_LIVE_{self.name.replace('-', '_').upper()}"

    @property
    def parser_default(self) -> str | None:
        """The default for argparse; None lets the template decide."""
        return None if self.is_template_setting else self.default


OPTIONS: Mapping[str, tuple[Option, ...]] = {
    "functions": (
        Option(
            "name",
            "name in URLs and ARNs, if there is one function",
            default="function",
            aws_variable="AWS_LAMBDA_FUNCTION_NAME",
            is_template_setting=True,
        ),
        Option(
            "env-file",
            "file with variables for all functions; FILE.NAME has those of the function NAME",
            default=".env",
        ),
    ),
    "limits": (
        Option(
            "concurrency",
            "maximum of concurrent executions, like reserved concurrency; 0 throttles all",
            number(int, 0, 1000, "a number of environments"),
            str(DEFAULT_CONCURRENCY),
            is_template_setting=True,
        ),
        Option(
            "timeout",
            "seconds that an invocation may take",
            number(float, 0.001, 900, "a time in seconds"),
            str(DEFAULT_TIMEOUT_SECONDS),
            "AWS_LAMBDA_FUNCTION_TIMEOUT",
            is_template_setting=True,
        ),
        Option(
            "memory",
            "MB that an execution environment may use",
            number(int, 1, 10_240, "a size in MB"),
            str(DEFAULT_MEMORY_MB),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            is_template_setting=True,
        ),
        Option(
            "queue",
            "requests that may wait for an environment; further ones are throttled (429)",
            number(int, 0, 1_000_000, "a number of requests"),
            "1000",
        ),
        Option(
            "queue-timeout",
            "seconds that a request may wait before it is throttled (429)",
            seconds,
            "30",
        ),
        Option(
            "shutdown-timeout",
            "seconds that running invocations may take to finish at shutdown",
            seconds,
            "20",
        ),
    ),
    "network": (
        Option("host", "address of the functions", default="127.0.0.1"),
        Option("port", "port of the functions, 0 for any", port, "3001"),
        Option("admin-host", "address of the dashboard, /metrics and /ready", default="127.0.0.1"),
        Option("admin-port", "port of the dashboard, /metrics and /ready, 0 for any", port, "9101"),
        Option(
            "allowed-hosts",
            "Host names to accept besides localhost, *.localhost and IP addresses, separated by"
            " commas; .example.com accepts all names below it",
            names,
        ),
        Option(
            "claims",
            "JSON object with claims for routes with a JWT or Cognito authorizer, if a request's"
            " token lacks them or is missing",
            claims,
        ),
        Option(
            "user-arn",
            "ARN of the user or role that calls routes and function URLs with IAM authorization",
            user_arn,
        ),
        Option(
            "public-url",
            "URL at which people reach the functions, if it is another, as in a cluster",
        ),
        Option(
            "pods",
            "NAMESPACE@CONTEXT of the pods that run this service, for scripts/check",
            pods,
        ),
    ),
    "development": (
        Option("after-reload", "shell command to run at startup and after each reload", command),
        Option(
            "accept",
            "shell command of the key `a`, which saves the current responses as expected",
            command,
        ),
        Option(
            "editor",
            "editor that links open: vscode, cursor, windsurf, pycharm, zed, neovim, or a URL with"
            " {path} and {line}; detected from the terminal if it is not set",
            editor,
        ),
        Option("editor-root", "the project's folder on the editor's machine, if it is another"),
        Option(
            "debug-port",
            "debugger port of the first function, 0 for any; each further function uses the next"
            " one",
            port,
            str(DEFAULT_PORT),
        ),
        Option(
            "application-log-level",
            "minimum level of the function's lines in a JSON log",
            one_of(*levels.APPLICATION_LEVELS),
            levels.DEFAULT_LEVEL,
            "AWS_LAMBDA_LOG_LEVEL",
            is_template_setting=True,
        ),
        Option(
            "system-log-level",
            "minimum level of the platform's lines in a JSON log",
            one_of(*levels.SYSTEM_LEVELS),
            levels.DEFAULT_LEVEL,
            is_template_setting=True,
        ),
    ),
}
"""The options of each group in the help."""
