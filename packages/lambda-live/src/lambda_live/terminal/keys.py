"""The terminal's keys, their help, and the list of events to invoke."""

import shutil
import string
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wcwidth import ljust, width

from lambda_live.telemetry.sanitize import sanitize
from lambda_live.terminal.actions import Actions, Event
from lambda_live.terminal.keyboard import Keyboard
from lambda_live.terminal.status_view import StatusView
from lambda_live.terminal.text import bold, dim, truncate

_STDIN = 0
_OPENERS = ("wslview", "xdg-open", "open")
_LETTERS = string.ascii_lowercase + string.ascii_uppercase
_COLUMN_GAP = 2
_RESET = "delete all data of the AWS resources, and create them again"


@dataclass(frozen=True, slots=True)
class _Key:
    key: str
    label: str
    help: str
    action: Callable[[], None]


class KeyBindings:
    """Runs the action of each key. While a list of events is shown, a letter invokes its event."""

    def __init__(
        self,
        status: StatusView,
        actions: Actions,
        *,
        dashboard_url: str,
        toggle_replay: Callable[[], bool],
        on_quit: Callable[[], None],
    ) -> None:
        """`toggle_replay` turns the replay on or off, and returns whether it is on."""
        self._status = status
        self._actions = actions
        self._dashboard_url = dashboard_url
        self._toggle_replay = toggle_replay
        self._on_quit = on_quit
        self._last_key = ""
        self._keyboard = Keyboard(_STDIN, self._on_key)
        self._choices: Mapping[str, Event] = {}
        self._last_event: Event | None = None

    def start(self) -> None:
        """Print the keys and read them, if the standard input is a terminal."""
        if self._keyboard.is_available:
            labels = " · ".join(f"{each.key} {each.label}" for each in self._keys())
            self._status.screen.print([dim(f"? help · {labels}")])
            if self._actions.can_accept:
                self._status.enable_accept()
            self._keyboard.start()

    def stop(self) -> None:
        """Stop reading keys and restore the terminal."""
        self._keyboard.stop()

    def _keys(self) -> list[_Key]:
        actions = self._actions
        check = _Key("c", "check", "run the checks", actions.check)
        accept = _Key(
            "a", "accept", "accept the responses that the checks have shown", self._accept
        )
        replay_help = "turn on or off: rerun the last 50 requests after each save"
        return [
            *[check] * actions.can_check,
            *[accept] * actions.can_accept,
            _Key("i", "invoke", "invoke an event (Enter invokes it again)", self._list_events),
            _Key("r", "replay", replay_help, self._replay),
            _Key(
                "o", "dashboard", f"open the dashboard, {self._dashboard_url}", self._open_dashboard
            ),
            *[_Key("x", "reset", _RESET, self._reset)] * (actions.reset_resources is not None),
            _Key("q", "quit", "quit", self._on_quit),
        ]

    def _reset(self) -> None:
        """Reset at the second press in a row: the data is gone for good."""
        if self._last_key != "x":
            self._status.log(f"Press x again to {_RESET}", "WARN")
        elif self._actions.reset_resources is not None:
            self._actions.reset_resources()

    def _on_key(self, key: str) -> None:
        choices, self._choices = self._choices, {}
        if choices:
            self._choose(choices, key)
            return
        if key == "\n" and self._last_event is not None:
            self._actions.invoke(self._last_event)
        elif key == "?":
            self._print_help()
        for each in self._keys():
            if key == each.key:
                each.action()
        self._last_key = "" if key == self._last_key else key

    def _print_help(self) -> None:
        self._status.screen.print(f"  {bold(each.key)}  {each.help}" for each in self._keys())

    def _accept(self) -> None:
        """Accept the differences that are shown; later ones must be shown first."""
        shown, self._status.shown_checks = self._status.shown_checks, None
        if shown is None:
            self._status.log("Nothing to accept: no result of the checks is shown", "WARN")
        elif shown.acceptable:
            self._actions.accept()
            return
        elif shown.errors:
            errors = f"{shown.errors} error{'s' * (shown.errors > 1)}"
            self._status.log(f"Nothing to accept: {errors}. Fix the code first", "WARN")
        else:
            self._status.log(f"Nothing to accept: {shown.summary}")
        self._status.shown_checks = shown

    def _list_events(self) -> None:
        events = self._actions.events()
        if not events:
            self._status.log("No events yet. Add a .json or .http file to events/.", "WARN")
            return
        self._choices = dict(zip(_LETTERS, events, strict=False))
        self._status.screen.print(_menu_rows(self._choices, self._status.screen.width))
        omitted = len(events) - len(self._choices)
        more = f"{omitted} more events without a letter · " * (omitted > 0)
        self._status.screen.print([dim(f"  {more}Press a letter to invoke, Esc to cancel")])

    def _choose(self, choices: Mapping[str, Event], key: str) -> None:
        if (event := choices.get(key)) is not None:
            self._last_event = event
            self._actions.invoke(event)

    def _replay(self) -> None:
        if self._toggle_replay():
            text = "Replay on: the last 50 requests rerun after each save (r to stop)"
            self._status.log(text, "WARN")
        else:
            self._status.log("Replay off")

    def _open_dashboard(self) -> None:
        opener = next(filter(None, map(shutil.which, _OPENERS)), None)
        if opener is None:
            self._status.log(f"No browser found. Open {self._dashboard_url}", "WARN")
            return
        # some openers return only when the browser exits
        threading.Thread(
            target=_run_opener, args=(opener, self._dashboard_url), daemon=True
        ).start()
        self._status.log(f"Opened {self._dashboard_url}")


def _menu_rows(choices: Mapping[str, Event], columns: int) -> list[str]:
    """Return the events and their letters, in as many columns as fit."""
    names = {letter: sanitize(event.name) for letter, event in choices.items()}
    longest = max(map(width, names.values()), default=0)
    cell_width = min(longest + 2 + _COLUMN_GAP, columns - 2)
    per_row = max(1, (columns - 2) // cell_width)
    cells = [
        f"{bold(letter)} {ljust(truncate(name, cell_width - 2 - _COLUMN_GAP), cell_width - 2)}"
        for letter, name in names.items()
    ]
    height = -(-len(cells) // per_row)
    return ["  " + "".join(cells[row::height]).rstrip() for row in range(height)]


def _run_opener(opener: str, url: str) -> None:
    nothing = subprocess.DEVNULL
    subprocess.run(  # noqa: S603  # the desktop's opener, with a URL of the service
        [opener, url],
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        start_new_session=True,
        check=False,
    )
