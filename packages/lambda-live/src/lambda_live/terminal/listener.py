"""Tells, for a person, what happens to one function."""

import asyncio
from collections.abc import Iterable

from lambda_live.model.code_version import CodeLoad
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import InitReport, Invocation, Report, Result
from lambda_live.telemetry.listener import Listener
from lambda_live.terminal.failure import Failures, excerpt
from lambda_live.terminal.invocation_line import Headline
from lambda_live.terminal.log_preview import MOST, Written, shown
from lambda_live.terminal.records import of_runtime, without_crash_of_client
from lambda_live.terminal.status_view import Board
from lambda_live.terminal.style import clock, dim

_CHECK = "check"
_UNSEEN = (_CHECK, "replay")
"""What `Invocation.source` is of those that are made in numbers and told of together."""

_SOON = 0.25
"""Seconds in which what is written outside an invocation is gathered."""


class Narrator(Listener):
    """One line for an invocation, what it wrote below; nothing of what the checks do."""

    def __init__(self, board: Board, configuration: FunctionConfiguration, name: str = "") -> None:
        """`name` is the function's where there are several."""
        self._board = board
        self._name = name
        self._failures = Failures(configuration.task_root, configuration.project)
        self._running: dict[Invocation, Written] = {}
        self._loose: list[bytes] = []
        self._inits = 0
        self._broken: CodeLoad | None = None

    def on_invocation_start(self, invocation: Invocation) -> None:
        """Listen to what it writes."""
        if self._board.folding or not self._board.seen or invocation.client in _UNSEEN:
            return
        self._running[invocation] = Written(lambda: self._runs(invocation), self._print)

    def _runs(self, invocation: Invocation) -> None:
        self._print([f"{dim(f'{clock()} …')} {self._headline.called(invocation)}  {dim('runs')}"])

    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        """Keep it for its place, or show it, if there is no other."""
        if invocation is None or not invocation.is_started:
            self._wrote_outside(record)
        elif (written := self._running.get(invocation)) is not None:
            written.add(record)

    def _wrote_outside(self, record: bytes) -> None:
        if not self._board.seen or self._board.folding or of_runtime(record):
            return
        if not self._loose and not self._inits:
            asyncio.get_running_loop().call_later(_SOON, self._show_loose)
        if len(self._loose) < MOST:
            self._loose.append(record)

    def _show_loose(self) -> None:
        if not self._inits:
            self._print(self._take_loose())

    def _take_loose(self) -> list[str]:
        records, self._loose = self._loose, []
        return shown(without_crash_of_client(records))

    def on_init_start(self, runtime: str) -> None:  # noqa: ARG002  # a listener's
        """Wait with what is written at import for its end."""
        self._inits += 1

    def on_init_end(self, report: InitReport) -> None:  # noqa: ARG002  # a listener's
        """Show what was written at import, for the first that imports this code."""
        self._inits = max(0, self._inits - 1)
        self._board.print_once(self._take_loose())

    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        """Show it, or count it in the crowd."""
        failed = result.error_type is not None
        written = self._running.pop(invocation, None)
        records = 0 if written is None else len(written)
        rows = [] if written is None else written.end(failed=failed)
        if not self._board.seen:
            return
        if invocation.client in _UNSEEN:
            if failed and invocation.client == _CHECK:
                self._board.check_failed(lambda: self._code_around(result))
            return
        lines = self._error(result) if failed else []
        if self._board.admits(report.duration_ms, records, failed=failed):
            where = self._where(result) if failed else ""
            line = self._headline.of(invocation, result, report, where)
            self._print([line, *rows, *lines])
        elif lines:  # an error of a new kind is shown in any crowd
            line = self._headline.of(invocation, result, report, self._where(result))
            self._print([line, *lines])

    @property
    def _headline(self) -> Headline:
        return Headline(self._name, self._board.width)

    def _error(self, result: Result) -> list[str]:
        if self._is_of_load(result):
            return []
        place = self._failures.place_of(result)
        return self._failures.block(result, place, self._board.width)

    def _code_around(self, result: Result) -> list[str]:
        place = self._failures.place_of(result)
        return [] if place is None else excerpt(place, self._board.width)

    def _where(self, result: Result) -> str:
        if self._broken is not None and self._is_of_load(result):
            load = self._broken
            place = self._failures.place_of_load(load.location, load.code_sha256)
        else:
            place = self._failures.place_of(result)
        return self._failures.short(place)

    def _is_of_load(self, result: Result) -> bool:
        error = None if self._broken is None else self._broken.error
        return error is not None and error.error_type == result.error_type

    def on_code_change(self, code_sha256: str) -> None:  # noqa: ARG002  # a listener's
        """Take each error for a new one."""
        self._failures.forget()
        self._board.forget()

    def on_code_load(self, load: CodeLoad) -> None:
        """Say what came of a save, or of the start."""
        mended, self._broken = self._broken is not None, load if load.error else None
        if load.error is None:
            self._board.loaded(load, self._name, mended=mended)
        else:
            place = self._failures.place_of_load(load.location, load.code_sha256)
            lines = self._failures.block_of_load(load, place, self._board.width)
            self._board.broken(load, self._name, self._failures.short(place), lines)

    def on_throttle(self) -> None:
        """Count it."""
        self._board.throttled()

    def on_event_dropped(self, invocation: Invocation, result: Result) -> None:
        """Say what nobody else will tell the caller."""
        call, error = self._headline.called(invocation), result.error_type
        self.service_log(f"{call} given up after its last try", "ERROR", error=error)

    def service_log(self, message: str, level: str = "INFO", **fields: object) -> None:
        """Part of Listener."""
        self._board.say(message, level, **fields)

    def _print(self, lines: Iterable[str]) -> None:
        self._board.print(lines)
