"""Events to choose from by a letter."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wcwidth import ljust, width

from lambda_live.checks.http_file import SUFFIX
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES
from lambda_live.model.strict_json import loads
from lambda_live.telemetry.sanitize import harmless
from lambda_live.terminal.style import bold, cut

_LETTERS = string.ascii_lowercase + string.ascii_uppercase
_GAP = 2
_KINDS = (".json", SUFFIX)


@dataclass(frozen=True, slots=True)
class Event:
    """An event file, and the function that it is for."""

    name: str
    path: Path
    function: str

    @property
    def is_request(self) -> bool:
        """Whether it is an HTTP request to the function's URL, and no event of the Invoke API's."""
        return self.path.suffix == SUFFIX

    def payload(self) -> bytes:
        """Return what is in it now. Raises OSError, and ValueError if that is no event."""
        if (size := self.path.stat().st_size) > MAX_SYNC_PAYLOAD_BYTES:
            message = f"it has {size} bytes, and an event {MAX_SYNC_PAYLOAD_BYTES} at most"
            raise ValueError(message)
        content = self.path.read_bytes()
        loads(content)
        return content


def events_of(project: Path, functions: Sequence[str]) -> list[Event]:
    """Return those that `scripts/check` sends: of `events/`, and of the folder of each function."""
    folder = project / "events"
    of_the_only_one = _files(folder) if len(functions) == 1 else ()
    return [
        *(Event(path.name, path, functions[0]) for path in of_the_only_one),
        *(
            Event(f"{name}/{path.name}", path, name)
            for name in functions
            for path in _files(folder / name)
        ),
    ]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix in _KINDS and path.is_file())


def letters(events: Sequence[Event]) -> dict[str, Event]:
    """Return each under its letter, as far as there are letters."""
    return dict(zip(_LETTERS, events, strict=False))


def rows(events: Sequence[Event], room: int) -> list[str]:
    """Return them with their letters, in as many columns as there is room for."""
    names = {letter: harmless(event.name) for letter, event in letters(events).items()}
    longest = max(map(width, names.values()), default=0)
    column = min(longest + 2 + _GAP, room - 2)
    columns = max(1, (room - 2) // column)
    cells = [
        f"{bold(letter)} {ljust(cut(name, column - 2 - _GAP), column - 2)}"
        for letter, name in names.items()
    ]
    height = -(-len(cells) // columns)
    return ["  " + "".join(cells[at::height]).rstrip() for at in range(height)]
