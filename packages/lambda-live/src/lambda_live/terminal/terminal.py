"""The terminal as a whole: what the service gives to it."""

from collections.abc import Callable, Sequence

from lambda_live.checks.check_output import outcome_of
from lambda_live.model.function import FunctionConfiguration
from lambda_live.telemetry.listener import Listener
from lambda_live.terminal.listener import Narrator
from lambda_live.terminal.screen import Screen
from lambda_live.terminal.status_view import Board
from lambda_live.terminal.stream import Stream
from lambda_live.terminal.style import bold, dim

_LONGEST_NAMES = 55
"""Characters of the functions' names that leave room for the URL."""


class Terminal(Listener):
    """Shows what functions do, and what the service has to say."""

    def __init__(
        self,
        out: Callable[[bytes], None] | None,
        descriptor: int,
        *,
        checked: bool,
        debugged: Callable[[], bool],
    ) -> None:
        """
        Without `out` it is for followers alone.

        `checked` is whether checks follow each load, if it is not `debugged` then.
        """
        self._screen = Screen(out, descriptor)
        self.board = Board(self._screen, checked=checked and out is not None, debugged=debugged)
        self.format_lost_message = self._screen.format_lost_message
        self.stream = Stream(self._screen)
        self.close = self._screen.close
        self.checks_began = self.board.checks_began

    def of(self, configuration: FunctionConfiguration, *, named: bool) -> Listener:
        """Return who listens to a function; its name is shown if there are several."""
        return Narrator(self.board, configuration, configuration.name if named else "")

    def greet(self, functions: Sequence[FunctionConfiguration], url: str, page: str) -> None:
        """Say what answers where."""
        names = ", ".join(each.name for each in functions)
        some = names if len(names) <= _LONGEST_NAMES else f"{len(functions)} functions"
        served = functions[0].handler if len(functions) == 1 else some
        self._screen.print([f"{bold(served)}  {url}", dim(f"its page  {page}")])

    def checked(self, output: bytes, status: int) -> None:
        """Show what the command after a reload printed."""
        self.board.checks_ended(outcome_of(output, status))

    def replayed(self, count: int, changed: Sequence[str]) -> None:
        """Show how many replayed requests returned a different response."""
        self.board.replayed(count, changed)

    def accepted(self, output: bytes, status: int) -> None:
        """Show what the command that accepts the answers printed."""
        self.board.accepted(outcome_of(output, status, last_sums_up=True))

    def service_log(self, message: str, level: str = "INFO", **fields: object) -> None:
        """Part of Listener."""
        self.board.say(message, level, **fields)
