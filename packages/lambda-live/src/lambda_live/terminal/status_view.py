"""What all functions have in common at the terminal: the crowd, the checks, the service's word."""

from collections.abc import Callable, Iterable, Sequence

from lambda_live.checks.check_output import Outcome
from lambda_live.model.code_version import CodeLoad
from lambda_live.telemetry.sanitize import harmless
from lambda_live.terminal.burst_counter import Alike
from lambda_live.terminal.invocation_line import error_name
from lambda_live.terminal.screen import Screen
from lambda_live.terminal.style import clock, cut, dim, green, milliseconds, red, yellow
from lambda_live.terminal.throttle import Crowd

_MARKS = {"INFO": dim("·"), "WARN": yellow("!"), "WARNING": yellow("!")}
_MOST_ONCE = 1000
_MOST_ROWS = 9
_LEAST_WIDTH = 78
"""Columns that a row of the checks has, also where it takes two rows."""

_LONGEST_ROW = 400
"""Columns of a row of another command, which goes on below itself."""

_NOT_CHECKED = " · not checked: a debugger is attached (c checks)"

_BEFORE_TEXT = 11
"""Columns that the time and a mark take."""


class Board:
    """Puts the lines of several functions in one order."""

    def __init__(self, screen: Screen, *, checked: bool, debugged: Callable[[], bool]) -> None:
        """`checked` is whether checks follow each load, if it is not `debugged` then."""
        self._debugged = debugged
        self._screen = screen
        self._crowd = Crowd(lambda line: screen.print([line]))
        self._checked = checked
        self._begun = ""
        self._once: set[str] = set()
        self._error: Callable[[], list[str]] | None = None
        self._broken: set[str] = set()
        self._alike = Alike()
        self.hint = ""
        """What can be done about checks that failed."""

    @property
    def seen(self) -> bool:
        """Whether anybody looks."""
        return self._screen.seen

    @property
    def folding(self) -> bool:
        """Whether there are more invocations than lines."""
        return self._crowd.folding

    @property
    def width(self) -> int:
        """How many columns a line has."""
        return self._screen.width

    def admits(self, duration_ms: float, records: int, *, failed: bool) -> bool:
        """Whether an invocation has a line of its own, and its records; else it is counted."""
        return self._crowd.admits(duration_ms, records, failed=failed)

    def throttled(self) -> None:
        """Count a request that was refused."""
        if self.seen:
            self._crowd.throttled()

    def print(self, lines: Iterable[str]) -> None:
        """Show lines."""
        self._screen.print(lines)

    def print_once(self, lines: Iterable[str]) -> None:
        """Show those that this code has not brought yet."""
        new = [line for line in dict.fromkeys(lines) if line not in self._once]
        if len(self._once) < _MOST_ONCE:
            self._once.update(new)
            self.print(new)

    def forget(self) -> None:
        """Take it that the code is another."""
        self._once.clear()
        self._error = None

    def loaded(self, load: CodeLoad, name: str, *, mended: bool) -> None:
        """Say that code was loaded; how the checks went comes into the same line."""
        self._broken.discard(name)
        verb = "mended" if mended else "loaded" if load.is_first else "reloaded"
        took = f" in {milliseconds(load.elapsed_ms)}" if load.elapsed_ms is not None else ""
        count = self._alike.count(verb, name)
        what = name if count == 1 else f"{count} functions"
        self._begun = " ".join(filter(None, (dim(clock()), green("✓"), what, verb))) + took
        if mended:
            self._screen.signal(f"✓ {name or 'lambda'}", bell=False)
        if self._checked and self._debugged():
            self._screen.print_state([self._begun + dim(_NOT_CHECKED)])
        elif self._checked and not self._broken:
            self._screen.begin(self._begun, dim(" · the checks run"), instead=count > 1)
        elif name and self._screen.here:
            self._screen.begin(self._begun, "", instead=count > 1)
        else:
            self._screen.print_state([self._begun])

    def broken(self, load: CodeLoad, name: str, where: str, lines: Sequence[str]) -> None:
        """Say that the code does not load, and why, and that nothing checks it."""
        self._broken.add(name)
        place = where or ("" if load.error is None else error_name(load.error))
        others = self._alike.count("\n".join((place, *lines)), name) - 1
        what = f"{others} more functions do not load" if others > 1 else f"{name} does not load"
        line = f"{dim(clock())} {red('✗')} {red(what.lstrip())}  {place}"
        if others and self._screen.here:
            self._screen.begin(line, "", instead=others > 1)
            return
        if not others:
            self._screen.signal(" ".join(filter(None, ("✗", name, place))), bell=True)
        waiting = [dim("  the checks wait until it loads")] if self._checked else []
        self._screen.print_state([line, *lines, *waiting])

    def check_failed(self, error: Callable[[], list[str]]) -> None:
        """Remember an error that a check met, to show it if its check minds."""
        self._error = self._error or error

    def checks_began(self) -> None:
        """Say that the checks run because somebody asked for it."""
        self._begun = f"{dim(clock())} {dim('·')} checked"
        self._screen.begin(self._begun, dim(" · the checks run"))

    def checks_ended(self, outcome: Outcome) -> None:
        """Say how the checks went."""
        summary = green(outcome.summary) if outcome.succeeded else red(outcome.summary)
        self._screen.finish(f"{self._begun} · {summary}", f"{dim(clock())} {summary}")
        rows = self._rows(outcome)
        error = self._error() if self._error is not None and not outcome.succeeded else []
        if len(rows) + len(error) <= _MOST_ROWS:
            rows += error
        hinted = self.hint and rows and not error and outcome.of_checks and not outcome.succeeded
        self._screen.print([*rows, *[dim(f"  {self.hint}")] * bool(hinted)])
        self._error = None

    def accepted(self, outcome: Outcome) -> None:
        """Say what was accepted, or why nothing was."""
        summary = dim(outcome.summary) if outcome.succeeded else red(outcome.summary)
        mark = dim("·") if outcome.succeeded else red("✗")
        self._screen.print([f"{dim(clock())} {mark} {summary}", *self._rows(outcome)])

    def replayed(self, count: int, changed: Sequence[str]) -> None:
        """Say of how many that ran again the answer changed, and of which."""
        names = ", ".join(dict.fromkeys(map(harmless, changed)))
        line = f"{len(changed)} of {count} answers changed over the save"
        line = cut(f"{line}: {names}" if changed else line, self.width - _BEFORE_TEXT)
        styled = yellow(line) if changed else dim(line)
        self._screen.print([f"{dim(clock())} {dim('↻')} {styled}"])

    def _rows(self, outcome: Outcome) -> list[str]:
        room = max(_LEAST_WIDTH, self.width - 2) if outcome.of_checks else _LONGEST_ROW
        rows = [f"  {cut(row, room)}" for row in outcome.rows[:_MOST_ROWS]]
        left_out = len(outcome.rows) - _MOST_ROWS
        return rows + [dim(f"  … {left_out} more rows")] * (left_out > 0)

    def say(self, message: str, level: str = "INFO", **fields: object) -> None:
        """Show a word of the service's own."""
        words = ", ".join(f"{name} {value}" for name, value in fields.items() if value is not None)
        text = f"{message} ({words})" if words else message
        first, *more = map(harmless, text.split("\n", _MOST_ROWS)[:_MOST_ROWS])
        mark = _MARKS.get(level, red("✗"))
        line = f"{dim(clock())} {mark} {dim(first) if level == 'INFO' else first}"
        self._screen.print([line, *(f"{' ' * _BEFORE_TEXT}{each}" for each in more)])
