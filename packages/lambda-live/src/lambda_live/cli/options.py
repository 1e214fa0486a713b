"""The options of `serve` that take a value, and how each value is parsed."""

import argparse
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lambda_live.debugger.server import DEFAULT_PORT
from lambda_live.model import strict_json
from lambda_live.model.function import DEFAULT_CONCURRENCY
from lambda_live.model.template import DEFAULT_MEMORY_MB, DEFAULT_TIMEOUT_SECONDS
from lambda_live.telemetry import levels
from lambda_live.ui.links import editor_template

type Group = Literal["functions", "limits", "network", "development"]


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
    group: Group
    default: str
    parse: Callable[[str], object]
    help: str
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


OPTIONS = (
    Option(
        "name",
        "functions",
        "function",
        str,
        "name in URLs and ARNs, if there is one function",
        "AWS_LAMBDA_FUNCTION_NAME",
        is_template_setting=True,
    ),
    Option(
        "env-file",
        "functions",
        ".env",
        str,
        "file with variables for all functions; FILE.NAME has those of the function NAME",
    ),
    Option(
        "concurrency",
        "limits",
        str(DEFAULT_CONCURRENCY),
        number(int, 0, 1000, "a number of environments"),
        "maximum of concurrent executions, like reserved concurrency; 0 throttles all",
        is_template_setting=True,
    ),
    Option(
        "timeout",
        "limits",
        str(DEFAULT_TIMEOUT_SECONDS),
        number(float, 0.001, 900, "a time in seconds"),
        "seconds that an invocation may take",
        "AWS_LAMBDA_FUNCTION_TIMEOUT",
        is_template_setting=True,
    ),
    Option(
        "memory",
        "limits",
        str(DEFAULT_MEMORY_MB),
        number(int, 1, 10_240, "a size in MB"),
        "MB that an execution environment may use",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        is_template_setting=True,
    ),
    Option(
        "queue",
        "limits",
        "1000",
        number(int, 0, 1_000_000, "a number of requests"),
        "requests that may wait for an environment; further ones are throttled (429)",
    ),
    Option(
        "queue-timeout",
        "limits",
        "30",
        seconds,
        "seconds that a request may wait before it is throttled (429)",
    ),
    Option(
        "shutdown-timeout",
        "limits",
        "20",
        seconds,
        "seconds that running invocations may take to finish at shutdown",
    ),
    Option("host", "network", "127.0.0.1", str, "address of the functions"),
    Option("port", "network", "3001", port, "port of the functions, 0 for any"),
    Option(
        "admin-host", "network", "127.0.0.1", str, "address of the dashboard, /metrics and /ready"
    ),
    Option(
        "admin-port",
        "network",
        "9101",
        port,
        "port of the dashboard, /metrics and /ready, 0 for any",
    ),
    Option(
        "allowed-hosts",
        "network",
        "",
        names,
        "Host names to accept besides localhost, *.localhost and IP addresses, separated by commas;"
        " .example.com accepts all names below it",
    ),
    Option(
        "claims",
        "network",
        "",
        claims,
        "JSON object with claims for routes with a JWT or Cognito authorizer, if a request's token"
        " lacks them or is missing",
    ),
    Option(
        "user-arn",
        "network",
        "",
        user_arn,
        "ARN of the user or role that calls routes and function URLs with IAM authorization",
    ),
    Option(
        "public-url",
        "network",
        "",
        str,
        "URL at which people reach the functions, if it is another, as in a cluster",
    ),
    Option(
        "pods",
        "network",
        "",
        pods,
        "NAMESPACE@CONTEXT of the pods that run this service, for scripts/check",
    ),
    Option(
        "after-reload",
        "development",
        "",
        command,
        "shell command to run at startup and after each reload",
    ),
    Option(
        "accept",
        "development",
        "",
        command,
        "shell command of the key `a`, which saves the current responses as expected",
    ),
    Option(
        "editor",
        "development",
        "",
        editor,
        "editor that links open: vscode, cursor, windsurf, pycharm, zed, neovim, or a URL with"
        " {path} and {line}; detected from the terminal if it is not set",
    ),
    Option(
        "editor-root",
        "development",
        "",
        str,
        "the project's folder on the editor's machine, if it is another",
    ),
    Option(
        "debug-port",
        "development",
        str(DEFAULT_PORT),
        port,
        "debugger port of the first function, 0 for any; each further function uses the next one",
    ),
    Option(
        "application-log-level",
        "development",
        levels.DEFAULT_LEVEL,
        one_of(*levels.APPLICATION_LEVELS),
        "minimum level of the function's lines in a JSON log",
        "AWS_LAMBDA_LOG_LEVEL",
        is_template_setting=True,
    ),
    Option(
        "system-log-level",
        "development",
        levels.DEFAULT_LEVEL,
        one_of(*levels.SYSTEM_LEVELS),
        "minimum level of the platform's lines in a JSON log",
        is_template_setting=True,
    ),
)
