"""
`lambda-live invoke [EVENT...]`: send events to a running function and print the responses.

EVENT is a JSON file, a `.http` file, the name of one in `events/`, or `-` for standard input.
Without EVENT it is an empty object. The responses go to standard output. Standard error gets the
figures of the invocation if there is one event, and otherwise the name of each event.
Exit status: 0, 1 if an invocation failed, 2 for a wrong call.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from lambda_live.checks.code_state import ServiceState
from lambda_live.checks.curl import (
    EMULATOR_FUNCTIONS,
    STATE_PATH,
    InvalidEventError,
    Target,
    invocation_request,
    request_of,
    unreachable,
)
from lambda_live.checks.event_files import ResourceEvent, events_of
from lambda_live.checks.function_response import (
    InvocationLog,
    error_of,
    http_error_of,
    log_of,
    payload_of,
)
from lambda_live.checks.http_file import SUFFIX, HttpRequest, HttpResponse
from lambda_live.cli.parser import CommandParser, check_function, fail, log, suggest
from lambda_live.model.strict_json import loads
from lambda_live.model.text_files import is_given
from lambda_live.telemetry.sanitize import escape_json, sanitize

_CLIENT = "invoke"
_NO_FILE = Path("-")
_SOURCE = {"X-Lambda-Live-Source": _CLIENT}
_FIRST_ERROR = 400
_HIDDEN_HEADERS = ("x-amz-log-result", "x-lambda-live-code-sha256")


def _parser() -> CommandParser:
    parser = CommandParser("invoke", "Send events to a running function; print the responses.")
    parser.add_url()
    add = parser.add_argument
    add(
        "events",
        nargs="*",
        metavar="EVENT",
        help="a .json or .http file, its name in events/, or - for stdin [{}]",
    )
    add("--function", metavar="NAME", help="the function, if there is more than one")
    add("--data", metavar="JSON", help="the event itself")
    add("--tenant", metavar="ID", help="the tenant id, for a function with tenant isolation")
    add("--log", action="store_true", help="print the function's log to standard error")
    return parser


def _find_event(name: str, function: str | None) -> Path:
    """Return the file of an event. A name in `events/` needs no suffix."""
    if name == "-" or is_given(Path(name)):
        return Path(name)
    project = Path.cwd()
    folders = (each.name for each in project.glob("events/*/") if each.name != "expected")
    functions = folders if function is None else (function,)
    known = {
        str(each.relative_to(project / "events")): each for each in events_of(project, functions)
    }
    found = [path for each, path in known.items() if name in {each, Path(each).stem, path.name}]
    if not found:
        hint = suggest(name, [*known, *(Path(each).stem for each in known)])
        fail(f"no event {name}{hint or '; lambda-live events lists them'}")
    if len(found) > 1:
        paths = ", ".join(str(each.relative_to(project)) for each in found)
        fail(f"{name} is ambiguous; write one of {paths}")
    return found[0]


def _request(options: argparse.Namespace, target: Target, event: Path) -> HttpRequest:
    try:
        function = options.function or target.function_of(event)
    except InvalidEventError:
        names = ", ".join(target.functions)
        fail(f"there is more than one function; name one with --function: {names}")
    check_function(function, target.functions)
    if event != _NO_FILE:
        request = request_of(target, event, function)
    else:
        given = "{}" if options.data is None else options.data
        content = sys.stdin.buffer.read() if options.events else given.encode()
        request = invocation_request(target, function, content)
    if event.suffix != SUFFIX and ResourceEvent.parse(event) is None:
        _check_json(event, request.body)
    return request


def _check_json(event: Path, content: bytes) -> None:
    try:
        loads(content)
    except ValueError as error:
        where = "" if event == _NO_FILE else f"{event}: "
        fail(f"{where}the event is not JSON: {error}")


def _print_response(event: Path, response: HttpResponse) -> None:
    if event.suffix == SUFFIX:
        headers = (each for each in response.headers if each[0].lower() not in _HIDDEN_HEADERS)
        fields = [f"{name}: {value}" for name, value in headers]
        lines = [f"HTTP/1.1 {response.status}", *fields, ""]
        sys.stdout.write("".join(f"{sanitize(line)}\n" for line in lines))
    try:
        text = json.dumps(loads(response.body), ensure_ascii=False, indent=2)
        text = "\n".join(map(escape_json, text.split("\n")))
    except ValueError:
        text = ""
        if sys.stdout.isatty():
            text = "\n".join(map(sanitize, response.text.split("\n")))
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(response.body)
    sys.stdout.write(f"{text}\n")


def _figures(reported: InvocationLog) -> str:
    figures = {"": reported.duration_ms, "cold start ": reported.init_ms}
    return ", ".join(f"{name}{ms:.1f} ms" for name, ms in figures.items() if ms is not None)


def _read_target(options: argparse.Namespace) -> Target:
    """Return the service and its functions. Raises OSError, ValueError."""
    response = HttpRequest("GET", STATE_PATH, [], b"").send(options.url, **_SOURCE)
    state = ServiceState.parse(response.text)
    if state is None and response.status < _FIRST_ERROR:  # AWS's emulator has no such path
        message = f"{options.url} is not a Lambda service; write the URL of the startup output"
        raise ValueError(message)
    names = state.names if state else EMULATOR_FUNCTIONS
    tenants = dict.fromkeys(names, options.tenant) if options.tenant else {}
    return Target(options.url, _CLIENT, names, tenants)


def _invoke(options: argparse.Namespace, target: Target, event: Path) -> bool:
    """Send an event, and print the response; return whether the invocation succeeded."""
    request = _request(options, target, event)
    own = _SOURCE | ({} if event == _NO_FILE else {"X-Lambda-Live-Event": event.name})
    several = len(options.events) > 1
    if several:
        sys.stderr.write(f"{sanitize(str(event))}\n")
    response = request.send(options.url, **own)
    _print_response(event, response)
    reported = log_of(response)
    projects = [str(Path.cwd())]
    if event.suffix == SUFFIX:
        error = http_error_of(response, reported, projects)
        failed = response.status >= _FIRST_ERROR
    else:
        error = error_of(response, payload_of(response), reported, projects)
        failed = error is not None
    if options.log:
        sys.stderr.write("".join(f"{sanitize(line)}\n" for line in reported.lines))
    place = f"{error.file}:{error.line}: " if error and error.file else ""
    figures = "" if several else _figures(reported)
    if text := f"{place}{error.type}: {error.message}" if error else figures:
        log(text)
    return not failed


def main(arguments: Sequence[str]) -> None:
    """Run the command; exit with 1 if an invocation failed, 2 for a wrong call."""
    options = _parser().parse(arguments)
    if options.data is not None and options.events:
        fail("--data and EVENT exclude each other")
    events = [_find_event(name, options.function) for name in options.events]
    try:
        target = _read_target(options)
        succeeded = [_invoke(options, target, each) for each in events or [_NO_FILE]]
        sys.exit(0 if all(succeeded) else 1)
    except InvalidEventError as error:
        fail(str(error))
    except ConnectionRefusedError:
        log(str(unreachable(options.url)))
    except BrokenPipeError:
        raise  # `main` exits silently
    except (OSError, ValueError) as error:
        log(str(error))
    sys.exit(1)
