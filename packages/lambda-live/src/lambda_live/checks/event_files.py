"""The events of `events/`, which are checks too, and their expected answers."""

import os
import re
from pathlib import Path

from lambda_live.checks.http_file import SUFFIX
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES

_KINDS = (".json", SUFFIX)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


class SaveError(Exception):
    """It could not be written; the text says why to a person."""


class EventFiles:
    """Those of one function: `events/NAME/` if there are several functions and it is there."""

    def __init__(self, project: Path, function: str, *, several: bool) -> None:
        own = project / "events" / function
        self.project = project
        self.folder = own if several else project / "events"
        # what a pod writes is not on the developer's disk
        self.writable = "KUBERNETES_SERVICE_HOST" not in os.environ

    def names(self) -> list[str]:
        """Return the names of the event files, in their order."""
        return sorted(
            path.name
            for path in self.folder.glob("[!.]*")
            if path.suffix in _KINDS and path.is_file()
        )

    def get(self, name: str) -> tuple[str, str | None] | None:
        """
        Return an event's text and its expected answer's, if there is one; None if no event.

        Raises ValueError for more than an event may have.
        """
        if name not in self.names():
            return None
        event = _text(self.folder / name)
        return None if event is None else (event, _text(self.folder / "expected" / name))

    def paths_for(self, name: str) -> tuple[str, str]:
        """Return where an event of that name and its answer belong. Raises SaveError."""
        name = name.removesuffix(".json") + ".json"
        if not _NAME.fullmatch(name):
            message = "A name has letters, digits, '.', '_' and '-', and begins with one of those."
            raise SaveError(message)
        event = self.folder / name
        seen = [event, event.parent / "expected" / name]
        return str(seen[0].relative_to(self.project)), str(seen[1].relative_to(self.project))

    def write(self, name: str, event: str, answer: str) -> None:
        """Write both; an event that is there stays as it is. Raises SaveError."""
        paths = [self.project / path for path in self.paths_for(name)]
        if there := [path.name for path in paths if path.exists()]:
            message = f"{there[0]} is there already: choose another name."
            raise SaveError(message)
        try:
            paths[1].parent.mkdir(parents=True, exist_ok=True)
            # the answer first: an event without one would be a check that fails
            paths[1].write_text(answer, encoding="utf-8")
            paths[0].write_text(event, encoding="utf-8")
        except OSError as error:
            message = f"It can't be written: {error}"
            raise SaveError(message) from error


def _text(path: Path) -> str | None:
    try:
        if (size := path.stat().st_size) > MAX_SYNC_PAYLOAD_BYTES:
            message = (
                f"{path.name} has {size} bytes, and an event {MAX_SYNC_PAYLOAD_BYTES} at most."
            )
            raise ValueError(message)
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
