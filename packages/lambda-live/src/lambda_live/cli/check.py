"""
`lambda-live check`: send each event to a running function and compare the responses.

A check is an event in `events/` and its expected response in `events/expected/`. The command waits
until the service runs the code on disk, has curl send the events, and compares, prints or records
the responses.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, Self, override

from lambda_live.checks.accept import accept
from lambda_live.checks.check_result import (
    MAX_ROWS,
    WIDTH,
    Check,
    CheckResult,
    Outcome,
    waiting_text,
)
from lambda_live.checks.code_state import CodeWaiter, ServiceState
from lambda_live.checks.comparison import differences, parse_json
from lambda_live.checks.curl import (
    DEFAULT_TENANT,
    EMULATOR_FUNCTIONS,
    InvalidEventError,
    SendError,
    StateReader,
    Target,
)
from lambda_live.checks.event_files import ResourceEvent, events_of, expected_file, text_of
from lambda_live.checks.expected_response import HttpMessage
from lambda_live.checks.function_response import (
    error_of,
    http_error_of,
    http_payload_of,
    log_of,
    payload_of,
    request_id_of,
)
from lambda_live.checks.http_file import SUFFIX, HttpResponse
from lambda_live.checks.sender import CheckProgress, EventSender, max_parallel_checks
from lambda_live.cli.parser import CommandParser, cluster_url, log
from lambda_live.telemetry.sanitize import escape_json, sanitize

_SOURCE = "check"
_ROLLOUT_POLL_SECONDS = 0.3
_QUIET_WIDTH = 78
"""Leaves two columns to a program that indents the lines."""
_FAILED, _USAGE = 1, 2
_CODE_HEADER = "x-lambda-live-code-sha256"

_DESCRIPTION = """\
Send events to a running function and compare each response with the file of
the same name in expected/ beside the event. Exit with 1 if one differs.
Without EVENT all of events/ are sent; if there is more than one function, the
events of each are in events/NAME/. The command first waits until the service
runs the code on disk.

An event is a JSON file, or an HTTP request in a .http file as editors send it.
Of an HTTP response the status, the expected headers and the body are compared.
In an expected response the placeholders "<any>", "<string>", "<number>",
"<uuid>" and "<timestamp>" match any such value, alone or in a text. Identical
differences are grouped.
"""


class _Parser(CommandParser):
    prints_json = False

    @override
    def error(self, message: str) -> NoReturn:
        if self.prints_json:
            _print_json(CheckResult(self.get_default("url") or "", reason=message).to_json())
        super().error(message)


def _parser() -> _Parser:
    parser = _Parser(
        "check",
        _DESCRIPTION,
        usage="%(prog)s [OPTION...] [EVENT...]",
    )
    parser.add_url()
    add = parser.add_argument
    add("events", nargs="*", metavar="EVENT", help=argparse.SUPPRESS)
    add("--wait", type=int, default=30, metavar="SECONDS", help="timeout of the wait [30]")
    add("--no-wait", dest="wait", action="store_const", const=None, help="for AWS's emulator")
    add("--patient", action="store_true", help="also wait as long as the code does not load")
    add("--quiet", action="store_true", help="count the events of a difference, do not list them")
    add("--full", action="store_true", help="print every difference in full length")
    add("--each", action="store_true", help="print one line for each event")
    add(
        "--json",
        action="store_true",
        help="print one object, see lambda_live/checks/result.schema.json",
    )
    add(
        "--tenant",
        default=DEFAULT_TENANT,
        metavar="ID",
        help="tenant id for functions with tenant isolation [%(default)s]",
    )
    add("--code", action="store_true", help="wait for the code only, on every pod")
    add("--accept", action="store_true", help="record the responses as expected")
    add("--accept-errors", action="store_true", help="the same, errors included")
    add("--project", type=Path, default=Path.cwd(), help=argparse.SUPPRESS)
    return parser


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    parser.prints_json = "--json" in arguments
    options = parser.parse(arguments)
    options.program = parser.prog
    options.accept = options.accept or options.accept_errors
    if options.code and options.events:
        parser.error("--code takes no EVENT")
    if options.json and options.accept:
        parser.error("--json and --accept exclude each other")
    for event in options.events:
        if not os.path.isfile(event):  # noqa: PTH113  # as it was written
            parser.error(f"no such event: {event}")
    if os.environ.get("LAMBDA_LIVE_CHECK_FORMAT") == "json":
        options.json = not options.accept and not options.code
    return options


class CheckCommand:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        """`folder` is for temporary files."""
        self._options = options
        self._project: Path = options.project.resolve()
        self._folder = folder
        self._reader = StateReader(options.url, _SOURCE, folder)
        self._events = [Path(event) for event in options.events]
        self._waiter = CodeWaiter(
            self._project,
            self._reader,
            options.url,
            options.wait or 0,
            is_cluster=options.url == cluster_url() and options.wait is not None,
        )
        self._state: ServiceState | None = None

    def run(self) -> int:
        """Run; return the exit status. Raises SendError, InvalidEventError, OSError."""
        self._state = self._waiter.read_state()
        if self._options.code:
            state = self._wait()
            codes = [each.to_code() for each in state.functions]
            problems = CheckResult(self._options.url, codes).load_problems
            _print(*problems)
            return _FAILED if problems else 0
        if not self._options.events:
            self._events = self._find_events()
        self._wait_for_functions()
        responses = self._send()
        checks = [self._check(event, *responses.get(event, (None, 0))) for event in self._events]
        result = self._result(checks)
        if self._options.json:
            _print_json(_without_waiting(result).to_json())
        else:
            _print(*self._rows(result))
        if self._options.accept:
            return self._accept(checks, {event: sent[0] for event, sent in responses.items()})
        if not self._options.json:
            _print(result.summary())
        return 0 if result.as_expected else _FAILED

    def _target(self) -> Target:
        names = EMULATOR_FUNCTIONS if self._state is None else self._state.names
        functions = () if self._state is None else self._state.functions
        tenants = {each.name: self._options.tenant for each in functions if each.needs_tenant}
        return Target(self._options.url, _SOURCE, names, tenants)

    def _wanted(self, state: ServiceState) -> list[str]:
        """Return the names of the functions that the events are for."""
        target = Target(self._options.url, _SOURCE, state.names)
        names = (name for event in self._events for name in target.functions_of(event))
        return list(dict.fromkeys(names))

    def _find_events(self) -> list[Path]:
        events = events_of(self._project, self._target().functions)
        if self._state is not None:
            return events
        skipped = [each for each in events if each.suffix == SUFFIX or ResourceEvent.parse(each)]
        if skipped:
            names = " ".join(self._relative(event) for event in skipped)
            log(f"AWS's emulator only takes JSON events. Not sent: {names}")
        return [event for event in events if event not in skipped]

    def _wait_for_functions(self) -> None:
        """Wait while a rollout replaces a service that has other functions. InvalidEventError."""
        while True:
            try:
                target = self._target()
                for event in self._events:
                    target.function_of(event)
            except InvalidEventError:
                if not self._waiter.is_rolling_out:
                    raise
                time.sleep(_ROLLOUT_POLL_SECONDS)
                self._state = self._waiter.read_state()
            else:
                return

    def _wait(self) -> ServiceState:
        """Wait until each pod runs the code on disk, or failed to load it."""
        state = self._waiter.wait(self._state, self._wanted)
        wanted = self._wanted(state)
        if not self._options.events and not state.has_failed(wanted):
            state = self._waiter.wait_for_pods(state, wanted)
        self._state = state
        return state

    def _send(self) -> dict[Path, tuple[HttpResponse, float]]:
        """
        Send the events whose code loads, again until all responses are of the code on disk.

        Return the response and the round trip in seconds of each.
        """
        while True:
            if self._options.wait is not None:
                state = self._wait()
                wanted = self._wanted(state)
                if self._options.patient and state.has_failed(wanted):
                    self._waiter.wait_until_fixed(wanted)
                    self._state = self._waiter.read_state()
                    continue
            sent = [event for event in self._events if not self._has_failed(event)]
            found = self._send_once(sent)
            if self._options.wait is None or self._is_current(found):
                return found
            if self._waiter.elapsed >= self._options.wait:
                message = (
                    f"waited {self._options.wait} s, but some responses of {self._options.url}"
                    " are still of other code than the code here."
                )
                raise SendError(message)
            self._state = self._waiter.read_state()

    def _send_once(self, events: Sequence[Path]) -> dict[Path, tuple[HttpResponse, float]]:
        functions = () if self._state is None else self._state.functions
        limits = {each.name: each.reserved for each in functions if each.reserved is not None}
        # AWS's emulator has one environment, and crashes if it gets two requests at once
        max_running = 1 if self._state is None else max_parallel_checks()
        with _ProgressLine() as progress:
            sender = EventSender(self._target(), self._folder, limits, max_running, progress.show)
            return sender.send(events)

    def _has_failed(self, event: Path) -> bool:
        if self._state is None or self._options.wait is None:
            return False
        return self._state.has_failed(self._target().functions_of(event))

    def _is_current(self, responses: dict[Path, tuple[HttpResponse, float]]) -> bool:
        """Whether the code on disk sent each response. In a rollout two services respond."""
        target, on_disk = self._target(), self._waiter.on_disk
        return all(
            (response.header(_CODE_HEADER) or "").startswith(on_disk[function])
            for event, (response, _) in responses.items()
            if (function := target.function_of(event)) in on_disk
        )

    def _check(self, event: Path, response: HttpResponse | None, seconds: float) -> Check:
        function = self._target().function_of(event)
        name = self._relative(event)
        if response is None:
            return Check(name, function, "waiting")
        reported = log_of(response)
        projects = self._projects(function)
        expected = text_of(expected_file(event))
        if event.suffix == SUFFIX:
            error = http_error_of(response, reported, projects)
            payload = http_payload_of(response)
            found = HttpMessage.parse(expected or "").differences(response)
        else:
            payload = payload_of(response)
            error = error_of(response, _first_error(event, payload), reported, projects)
            found = differences(parse_json(expected or ""), payload)
        if error is not None and error.type == "ModuleNotFoundError":
            error = replace(error, advice=self._advice(function, error.message))
        different = [] if expected is None else list(found)
        outcome: Outcome = "new" if expected is None else "failed" if different else "passed"
        return Check(
            name,
            function,
            outcome,
            different,
            error,
            payload,
            request_id_of(response),
            reported.duration_ms,
            reported.init_ms,
            _milliseconds(seconds),
            reported.lines,
        )

    def _advice(self, function: str, message: str) -> str | None:
        """Return how to add the package that an error says is missing."""
        from lambda_live.dependencies.missing_modules import missing_module_advice  # noqa: PLC0415  # rarely needed

        states = self._state.functions if self._state else ()
        folders = [each.folders for each in states if each.name == function]
        root = self._project / folders[0][0][0] if folders and folders[0] else self._project
        return missing_module_advice(message, root.resolve(), self._project) or None

    def _projects(self, function: str) -> list[str]:
        states = self._state.functions if self._state else ()
        return [*(each.project for each in states if each.name == function), str(self._project)]

    def _relative(self, event: Path) -> str:
        return str(event).removeprefix(f"{self._options.project}/")

    def _result(self, checks: Sequence[Check]) -> CheckResult:
        functions = self._state.only(self._wanted(self._state)) if self._state else ()
        return CheckResult(
            self._options.url,
            [each.to_code() for each in functions],
            checks,
            {
                "waited_ms": _milliseconds(self._reader.seconds),
                "checks_ms": round(sum(each.round_trip_ms or 0 for each in checks), 3),
            },
        )

    def _rows(self, result: CheckResult) -> list[str]:
        if self._options.full:
            return result.rows(None, None)
        if self._options.each:
            return result.lines()
        if self._options.quiet:
            return result.rows(_QUIET_WIDTH, MAX_ROWS, is_named=False)
        return result.rows(WIDTH, MAX_ROWS)

    def _accept(self, checks: Sequence[Check], responses: dict[Path, HttpResponse]) -> int:
        """Record what differs; return whether something is left."""
        accepted = errors = waiting = 0
        for event, check in zip(self._events, checks, strict=True):
            if check.outcome == "waiting":
                waiting += 1
            elif check.outcome != "passed":
                if check.error is not None and not self._options.accept_errors:
                    errors += 1
                else:
                    accept(expected_file(event), responses[event])
                    accepted += 1
        parts = []
        if accepted:
            parts.append(f"{accepted} response{'s' * (accepted > 1)} accepted")
        elif not errors and not waiting:
            parts.append(f"nothing to accept: {len(checks)} of {len(checks)} events as expected")
        if errors:
            parts.append(f"{errors} error{'s' * (errors > 1)} not accepted")
        if waiting:
            parts.append(waiting_text(waiting))
        hint = f" (to accept errors: {self._options.program} --accept-errors)" if errors else ""
        _print(", ".join(parts) + hint)
        return _FAILED if errors or waiting else 0


class _ProgressLine:
    """Shows how far the checks are: in a terminal as one line, and to the service as JSON."""

    def __init__(self) -> None:
        self._to_service = os.environ.get("LAMBDA_LIVE_CHECK_FORMAT") == "json"
        self._to_terminal = sys.stderr.isatty() and "CI" not in os.environ
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown and self._to_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, progress: CheckProgress) -> None:
        """Show progress if it has changed and the current event takes long."""
        text = progress.text()
        if not progress.is_long or text == self._shown:
            return
        self._shown = text
        if self._to_service:
            _print_json({"progress": progress.to_json()})
        elif self._to_terminal:
            width = os.get_terminal_size(sys.stderr.fileno()).columns or WIDTH
            sys.stderr.write(f"\r{sanitize(text)[: width - 1]}\x1b[K")
            sys.stderr.flush()


def _first_error(event: Path, payload: Any) -> Any:
    """Return the payload; of the results that follow a message, an item or an object, an error."""
    if ResourceEvent.parse(event) is None or not isinstance(payload, dict):
        return payload
    errors = [each for each in payload.values() if isinstance(each, dict) and "errorType" in each]
    return errors[0] if errors else payload


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _print(*texts: str) -> None:
    """Print texts for a person, without control sequences of a response."""
    lines = (sanitize(line) for text in texts for line in text.split("\n"))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _without_waiting(result: CheckResult) -> CheckResult:
    """Return why code does not load as the reason, in place of the checks that wait for it."""
    checks = [each for each in result.checks if each.outcome != "waiting"]
    if len(checks) == len(result.checks):
        return result
    reason = "; ".join(result.load_problems) or "the code does not load"
    return CheckResult(result.url, result.functions, checks, result.timings, reason)


def _print_json(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    sys.stdout.write(f"{escape_json(text)}\n")
    sys.stdout.flush()


def _run_in(folder: Path, options: argparse.Namespace) -> int:
    try:
        return CheckCommand(options, folder).run()
    except InvalidEventError as error:
        if options.json:
            _print_json(CheckResult(options.url, reason=str(error)).to_json())
        log(str(error))
        return _USAGE
    except BrokenPipeError:
        raise  # `main` exits silently
    except (SendError, OSError) as error:
        if options.json:
            _print_json(CheckResult(options.url, reason=str(error)).to_json())
        else:
            log(str(error))
        return _FAILED


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the command; exit with 0 if all is as expected, 1 if not, 2 for a wrong call."""
    options = _parse(arguments)
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(_run_in(Path(folder), options))
