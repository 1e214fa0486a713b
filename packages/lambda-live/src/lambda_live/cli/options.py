"""The options that have a value: how each is written, and what it is where nobody says."""

from collections.abc import Callable
from dataclasses import dataclass

from lambda_live.cli.values import command, names, number, one_of, pods, port
from lambda_live.debugger.server import DEFAULT_PORT
from lambda_live.telemetry import levels


@dataclass(frozen=True, slots=True)
class Option:
    """One option, and the environment variable that stands for it."""

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


OPTIONS = (
    Option("--host", "LAMBDA_LIVE_HOST", "127.0.0.1", str, "address the function answers on"),
    Option("--port", "LAMBDA_LIVE_PORT", "3001", port, "port the function answers on, 0 for any"),
    Option(
        "--admin-host",
        "LAMBDA_LIVE_ADMIN_HOST",
        "127.0.0.1",
        str,
        "address of the page, /metrics and /ready",
    ),
    Option(
        "--admin-port",
        "LAMBDA_LIVE_ADMIN_PORT",
        "9101",
        port,
        "port of the page, /metrics and /ready, 0 for any",
    ),
    Option(
        "--allowed-hosts",
        "LAMBDA_LIVE_ALLOWED_HOSTS",
        "",
        names,
        "names under which it is asked, beside localhost, addresses and a cluster's, with commas"
        " between; .example stands for all below",
    ),
    Option(
        "--public-url",
        "LAMBDA_LIVE_PUBLIC_URL",
        "",
        str,
        "where people reach the function, if that is not where it answers, as in a cluster",
    ),
    Option(
        "--editor-root",
        "LAMBDA_LIVE_EDITOR_ROOT",
        "",
        str,
        "the project's folder as an editor knows it, if that is not where it is here",
    ),
    Option(
        "--pods",
        "LAMBDA_LIVE_PODS",
        "",
        pods,
        "NAMESPACE@CONTEXT, as kubectl calls them, of the pods of which this is one, for"
        " scripts/check to ask each of them",
    ),
    Option(
        "--concurrency",
        "LAMBDA_LIVE_CONCURRENCY",
        "10",
        number(int, 0, 1000, "a number of environments"),
        "execution environments at most, as reserved concurrency; 0 throttles all",
        of_function=True,
    ),
    Option(
        "--queue",
        "LAMBDA_LIVE_QUEUE",
        "1000",
        number(int, 0, 1_000_000, "a number of requests"),
        "requests that may wait for an environment before one is throttled (429)",
    ),
    Option(
        "--queue-timeout",
        "LAMBDA_LIVE_QUEUE_TIMEOUT",
        "30",
        number(float, 0, 900, "a time in seconds"),
        "seconds that a request may wait before it is throttled (429)",
    ),
    Option(
        "--timeout",
        "AWS_LAMBDA_FUNCTION_TIMEOUT",
        "3",
        number(float, 0.001, 900, "a time in seconds"),
        "seconds an invocation may take",
        of_function=True,
    ),
    Option(
        "--memory",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "128",
        number(int, 1, 10_240, "a size in MB"),
        "MB that one environment may use",
        of_function=True,
    ),
    Option(
        "--name",
        "AWS_LAMBDA_FUNCTION_NAME",
        "function",
        str,
        "the function's name in URLs and ARNs",
        of_function=True,
    ),
    Option(
        "--application-log-level",
        "AWS_LAMBDA_LOG_LEVEL",
        levels.DEFAULT_LEVEL,
        one_of(*levels.APPLICATION_LEVELS),
        "the least level of a JSON log's lines that are the function's",
        of_function=True,
    ),
    Option(
        "--system-log-level",
        "LAMBDA_LIVE_SYSTEM_LOG_LEVEL",
        levels.DEFAULT_LEVEL,
        one_of(*levels.SYSTEM_LEVELS),
        "the least level of a JSON log's lines that are the platform's",
        of_function=True,
    ),
    Option(
        "--env-file",
        "LAMBDA_LIVE_ENV_FILE",
        ".env",
        str,
        "variables for the functions, if it is there; FILE.NAME those of the function NAME",
    ),
    Option(
        "--after-reload",
        "LAMBDA_LIVE_AFTER_RELOAD",
        "",
        command,
        "shell command to run at start and after each reload",
    ),
    Option(
        "--accept",
        "LAMBDA_LIVE_ACCEPT",
        "",
        command,
        "shell command that the key `a` runs, to take what is answered for what is expected",
    ),
    Option(
        "--debug-port",
        "LAMBDA_LIVE_DEBUG_PORT",
        str(DEFAULT_PORT),
        port,
        "port of the debugger with --debug, 0 for any; each further function has the next",
    ),
    Option(
        "--shutdown-timeout",
        "LAMBDA_LIVE_SHUTDOWN_TIMEOUT",
        "20",
        number(float, 0, 900, "a time in seconds"),
        "seconds that running invocations get to finish at a stop",
    ),
)
