"""Print what concerns all functions: loads, checks, replays, and messages of the service."""

from collections.abc import Callable, Iterable, Sequence

from lambda_live.checks.reload_command import CommandResult
from lambda_live.checks.sender import CheckProgress
from lambda_live.model.code_version import CodeLoad
from lambda_live.telemetry.sanitize import sanitize
from lambda_live.terminal.errors import error_name
from lambda_live.terminal.grouping import BurstCounter, InvocationThrottle
from lambda_live.terminal.screen import Screen
from lambda_live.terminal.text import (
    clock,
    dim,
    format_duration,
    green,
    red,
    truncate,
    yellow,
)

_MARKS = {"INFO": dim("·"), "WARN": yellow("!"), "WARNING": yellow("!")}
_MAX_REMEMBERED_LINES = 1000
_MAX_ROWS = 9
_MIN_CHECK_COLUMNS = 78
"""Columns of a row of the checks, even if a narrower terminal shows it in two rows."""

_MAX_COMMAND_COLUMNS = 400
"""Columns of a row of another command. It is wrapped, not cut."""

_PREFIX_COLUMNS = 11
"""Columns of the time and the mark."""

_RUNNING_CHECKS = " · running checks…"
_CHECKS_SKIPPED = " · checks skipped while debugging (c to run)"


class StatusView:
    """Prints the lines of all functions in one order."""

    def __init__(
        self, screen: Screen, *, runs_checks: bool, is_debugging: Callable[[], bool]
    ) -> None:
        """`runs_checks`: checks follow each load, except while `is_debugging()`."""
        self.screen = screen
        self.throttle = InvocationThrottle(lambda line: screen.print([line]))
        self._is_debugging = is_debugging
        self._runs_checks = runs_checks
        self._started_line = ""
        self._printed_once: set[str] = set()
        self._check_error: Callable[[], list[str]] | None = None
        self._failed_functions: set[str] = set()
        self._bursts = BurstCounter()
        self._can_accept = False
        self.shown_checks: CommandResult | None = None
        """The last result that was shown. None if the code has changed since, or checks run."""

    def count_throttled(self) -> None:
        """Count a request that got a 429."""
        if self.screen.has_viewers:
            self.throttle.count_throttled()

    def enable_accept(self) -> None:
        """Say below checks that failed which of their responses the key `a` accepts."""
        self._can_accept = True

    def print_once(self, lines: Iterable[str]) -> None:
        """Print the lines that were not printed since the code changed."""
        new = [line for line in dict.fromkeys(lines) if line not in self._printed_once]
        if len(self._printed_once) < _MAX_REMEMBERED_LINES:
            self._printed_once.update(new)
            self.screen.print(new)

    def reset(self) -> None:
        """Forget which lines were printed, because the code changed."""
        self._printed_once.clear()
        self._check_error = None
        self.shown_checks = None

    def show_load(self, load: CodeLoad, name: str, *, fixed: bool) -> None:
        """Show that code was loaded. The result of the checks is added to the same line."""
        self._failed_functions.discard(name)
        verb = "fixed, reloaded" if fixed else "loaded" if load.is_first else "reloaded"
        duration = "" if load.elapsed_ms is None else f" in {format_duration(load.elapsed_ms)}"
        count = self._bursts.count(verb, name)
        subject = name if count == 1 else f"{count} functions"
        words = " ".join(filter(None, (dim(clock()), green("✓"), subject, verb)))
        self._started_line = words + duration
        if fixed:
            self.screen.set_title(f"✓ {name or 'lambda'}", bell=False)
        if self._runs_checks and self._is_debugging():
            self.screen.print_state([self._started_line + dim(_CHECKS_SKIPPED)])
        elif self._runs_checks and not self._failed_functions:
            self.screen.start_line(self._started_line, dim(_RUNNING_CHECKS), replace=count > 1)
        elif name and self.screen.is_attached:
            self.screen.start_line(self._started_line, "", replace=count > 1)
        else:
            self.screen.print_state([self._started_line])

    def show_load_error(
        self, load: CodeLoad, name: str, location: str, lines: Sequence[str]
    ) -> None:
        """Show that code does not load, and why."""
        self._failed_functions.add(name)
        location = location or ("" if load.error is None else error_name(load.error))
        others = self._bursts.count("\n".join((location, *lines)), name) - 1
        text = f"{others} more functions do not load" if others > 1 else f"{name} does not load"
        line = f"{dim(clock())} {red('✗')} {red(text.lstrip())}  {location}"
        if others and self.screen.is_attached:
            self.screen.start_line(line, "", replace=others > 1)
            return
        if not others:
            self.screen.set_title(" ".join(filter(None, ("✗", name, location))), bell=True)
        paused = [dim("  Checks paused until the code loads")] if self._runs_checks else []
        self.screen.print_state([line, *lines, *paused])

    def record_check_error(self, excerpt: Callable[[], list[str]]) -> None:
        """Remember the first error in an invocation by a check. It is shown if the check fails."""
        self._check_error = self._check_error or excerpt

    def show_checks_started(self) -> None:
        """Show that the user started the checks."""
        self.shown_checks = None
        self._started_line = f"{dim(clock())} {dim('·')} checks"
        self.screen.start_line(self._started_line, dim(" · running…"))

    def show_check_progress(self, progress: CheckProgress) -> None:
        """Show how far the running checks are."""
        self.screen.show_progress(dim(f" · {progress.text()}"))

    def show_checks_finished(self, result: CommandResult) -> None:
        """Show the result of the checks."""
        self.shown_checks = result
        summary = green(result.summary) if result.succeeded else red(result.summary)
        mark = green("✓") if result.succeeded else red("✗")
        short_line = f"{dim(clock())} {mark} {summary}"
        self.screen.finish_line(f"{self._started_line} · {summary}", short_line)
        rows = self._rows(result)
        failed = not result.succeeded
        excerpt = self._check_error() if self._check_error is not None and failed else []
        if len(rows) + len(excerpt) <= _MAX_ROWS:
            rows += excerpt
        if self._can_accept and result.is_check and result.acceptable:
            rows.append(dim(f"  {_accept_hint(result)}"))
        self.screen.print(rows)
        self._check_error = None

    def show_accepted(self, result: CommandResult) -> None:
        """Show which responses were saved as expected, or why none were."""
        summary = dim(result.summary) if result.succeeded else red(result.summary)
        mark = dim("·") if result.succeeded else red("✗")
        self.screen.print([f"{dim(clock())} {mark} {summary}", *self._rows(result)])

    def show_replay(self, count: int, changed: Sequence[str]) -> None:
        """Show how many replayed requests got a different response, and which."""
        text = f"{len(changed)} of {count} replayed responses changed"
        names = ", ".join(dict.fromkeys(map(sanitize, changed)))
        text = truncate(
            f"{text}: {names}" if changed else text, self.screen.width - _PREFIX_COLUMNS
        )
        styled = yellow(text) if changed else dim(text)
        self.screen.print([f"{dim(clock())} {dim('↻')} {styled}"])

    def _rows(self, result: CommandResult) -> list[str]:
        columns = _MAX_COMMAND_COLUMNS
        if result.is_check:
            columns = max(_MIN_CHECK_COLUMNS, self.screen.width - 2)
        rows = [f"  {truncate(row, columns)}" for row in result.rows[:_MAX_ROWS]]
        omitted = len(result.rows) - _MAX_ROWS
        return rows + [dim(f"  … {omitted} more lines")] * (omitted > 0)

    def log(self, message: str, level: str = "INFO", **fields: object) -> None:
        """Print a message of the service."""
        words = ", ".join(f"{name} {value}" for name, value in fields.items() if value is not None)
        text = f"{message} ({words})" if words else message
        first, *more = map(sanitize, text.split("\n", _MAX_ROWS)[:_MAX_ROWS])
        mark = _MARKS.get(level, red("✗"))
        line = f"{dim(clock())} {mark} {dim(first) if level == 'INFO' else first}"
        self.screen.print([line, *(f"{' ' * _PREFIX_COLUMNS}{each}" for each in more)])


def _accept_hint(result: CommandResult) -> str:
    if not result.errors:
        return "Press a to accept these as expected"
    responses = f"{result.acceptable} response{'s' * (result.acceptable > 1)}"
    return f"Press a to accept {responses} as expected; errors are not accepted"
