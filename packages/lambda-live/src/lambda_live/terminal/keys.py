"""What the keys do, and the lines that say so."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lambda_live.terminal.keyboard import Keyboard
from lambda_live.terminal.menu import Event, letters, rows
from lambda_live.terminal.status_view import Board
from lambda_live.terminal.style import bold, dim

_STDIN = 0
_OPENERS = ("wslview", "xdg-open", "open")


@dataclass(frozen=True, slots=True)
class Deeds:
    """
    What can be done; checks and accepting only where there is a command for it.

    `replay` turns replays on or off, and returns whether they are on.
    """

    check: Callable[[], None] | None
    accept: Callable[[], None] | None
    events: Callable[[], Sequence[Event]]
    invoke: Callable[[Event], None]
    replay: Callable[[], bool]
    page: str
    quit: Callable[[], None]


class Keys:
    """Does what a key stands for; while there is a list, a letter of it."""

    def __init__(self, board: Board, deeds: Deeds) -> None:
        self._board = board
        self._deeds = deeds
        self._keyboard = Keyboard(_STDIN, self.pressed)
        self._choice: Mapping[str, Event] = {}
        self._last: Event | None = None
        self.stop = self._keyboard.stop

    def start(self) -> None:
        """Take keys, if there are any, and say which."""
        if self._keyboard.there:
            words = " · ".join(f"{key} {short}" for key, short, _, _ in self._known())
            self._board.print([dim(f"? help · {words}")])
            self._board.hint = "a accepts these answers" if self._deeds.accept else ""
            self._keyboard.start()

    def _known(self) -> list[tuple[str, str, str, Callable[[], None]]]:
        deeds = self._deeds
        checks = deeds.check and ("c", "check", "run the checks", deeds.check)
        accept = deeds.accept and ("a", "accept", "accept the answers", deeds.accept)
        return [
            *filter(None, (checks, accept)),
            ("i", "invoke", "invoke an event from a list; Enter invokes it again", self._list),
            ("r", "replay", "run clients' last invocations again after each save", self._replay),
            ("o", "page", f"open the page, {deeds.page}", self._open),
            ("q", "quit", "quit", deeds.quit),
        ]

    def pressed(self, key: str) -> None:
        """Do what it stands for."""
        choice, self._choice = self._choice, {}
        if choice:
            self._choose(choice, key)
            return
        if key == "\n" and self._last is not None:
            self._deeds.invoke(self._last)
        elif key == "?":
            self._help()
        for known, _, _, deed in self._known():
            if key == known:
                deed()

    def _help(self) -> None:
        self._board.print(f"  {bold(key)}  {words}" for key, _, words, _ in self._known())

    def _list(self) -> None:
        events = self._deeds.events()
        if not events:
            self._board.say("there is no event: put one into events/, .json or .http", "WARN")
            return
        self._choice = letters(events)
        more = len(events) - len(self._choice)
        self._board.print(rows(events, self._board.width))
        hint = "a letter invokes its event, any other key none"
        self._board.print([dim(f"  {f'{more} more have no letter · ' * (more > 0)}{hint}")])

    def _choose(self, choice: Mapping[str, Event], key: str) -> None:
        event = choice.get(key)
        if event is not None:
            self._last = event
            self._deeds.invoke(event)

    def _replay(self) -> None:
        if self._deeds.replay():
            text = "after each save, clients' last 50 invocations run again; r ends it"
            self._board.say(text, "WARN")
        else:
            self._board.say("nothing runs again after a save")

    def _open(self) -> None:
        opener = next(filter(None, map(shutil.which, _OPENERS)), None)
        if opener is None:
            self._board.say(f"nothing here opens a browser: {self._deeds.page}")
            return
        # some openers end with the browser alone
        threading.Thread(target=_open, args=(opener, self._deeds.page), daemon=True).start()
        self._board.say(f"opened {self._deeds.page}")


def _open(opener: str, page: str) -> None:
    nothing = subprocess.DEVNULL
    subprocess.run(  # noqa: S603  # the desktop's own opener, and a URL of ours
        [opener, page],
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        start_new_session=True,
        check=False,
    )
