"""The events of `events/`, which are checks too, and their expected responses."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lambda_live.checks.http_file import SUFFIX
from lambda_live.code.code_files import warn_once
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES
from lambda_live.model.template_error import short_path
from lambda_live.model.text_files import text_or_empty

_KINDS = (".json", SUFFIX)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


RESOURCE_FOLDERS = ("queues", "tables", "buckets")
"""Folders of `events/` whose files are messages, items and objects."""

_EXPECTED = "expected"


@dataclass(frozen=True, slots=True)
class ResourceEvent:
    """A file that is a message to a queue, an item for a table or an object for a bucket."""

    folder: str
    resource: str
    key: str

    @classmethod
    def parse(cls, event: Path) -> "ResourceEvent | None":
        """Return what `events/queues/NAME/…` and the like stand for; None for other events."""
        parts = event.parts
        starts = [at for at, part in enumerate(parts) if part == "events"]
        for at in reversed(starts):
            folder, *rest = parts[at + 1 :]
            if folder in RESOURCE_FOLDERS and len(rest) > 1 and _EXPECTED not in rest[1:]:
                return cls(folder, rest[0], "/".join(rest[1:]))
        return None


class SaveError(Exception):
    """An event could not be written. The message is for the user."""


def events_of(project: Path, functions: Iterable[str]) -> list[Path]:
    """Return the event files of `events/`, of each function's folder in it, and of resources."""
    root = project / "events"
    folders = [root, *(root / name for name in functions)]
    found = [
        path
        for folder in folders
        for path in sorted(event_files_in(folder), key=lambda each: _KINDS.index(each.suffix))
    ]
    others = (
        path
        for folder in RESOURCE_FOLDERS
        for path in sorted((root / folder).rglob("[!.]*"))
        if not path.is_dir() and ResourceEvent.parse(path) and _is_regular(path)
    )
    return [*found, *others]


def event_files_in(folder: Path) -> list[Path]:
    """
    Return the event files in a folder, sorted by name.

    A named pipe is reported once and skipped: reading it would wait for another program.
    """
    found = sorted(path for path in folder.glob("[!.]*") if path.suffix in _KINDS)
    return [path for path in found if _is_regular(path)]


def _is_regular(path: Path) -> bool:
    """Return whether a file exists and can be read without waiting; report a pipe once."""
    if path.is_file():
        return True
    if path.exists() or path.is_symlink():
        kind = "a named pipe" if path.is_fifo() else "not a regular file"
        warn_once(f"{short_path(path)!r} is {kind}; it is skipped: write it into a regular file")
    return False


def expected_file(event: Path) -> Path:
    """Return where the expected response of an event is."""
    suffix = "" if event.suffix in _KINDS else ".json"
    return event.parent / _EXPECTED / f"{event.name}{suffix}"


class EventFiles:
    """The event files of one function: `events/NAME/` if there are several functions."""

    def __init__(self, project: Path, function: str, *, several: bool) -> None:
        self.project = project
        self.folder = project / "events" / function if several else project / "events"
        # a pod's files are not on the developer's disk
        self.writable = "KUBERNETES_SERVICE_HOST" not in os.environ

    def names(self) -> list[str]:
        """Return the names of the event files, sorted."""
        return [path.name for path in event_files_in(self.folder)]

    def get(self, name: str) -> tuple[str, str | None] | None:
        """
        Return the text of an event and of its expected response; None if there is no such event.

        Raises ValueError if the event is too large.
        """
        if name not in self.names():
            return None
        event = _limited_text(self.folder / name)
        return None if event is None else (event, _limited_text(expected_file(self.folder / name)))

    def paths_for(self, name: str) -> tuple[str, str]:
        """Return where an event of that name and its response are saved. Raises SaveError."""
        name = name.removesuffix(".json") + ".json"
        if not _NAME.fullmatch(name):
            message = (
                f"Invalid name {name!r}. Use letters, digits, '.', '_' and '-',"
                " and start with a letter or digit."
            )
            raise SaveError(message)
        event = self.folder / name
        paths = (event, expected_file(event))
        return str(paths[0].relative_to(self.project)), str(paths[1].relative_to(self.project))

    def write(self, name: str, event: str, response: str) -> None:
        """Write a new event and its expected response. Raises SaveError."""
        paths = [self.project / path for path in self.paths_for(name)]
        if existing := [path.name for path in paths if path.exists()]:
            message = f"{existing[0]} exists. Choose another name."
            raise SaveError(message)
        try:
            paths[1].parent.mkdir(parents=True, exist_ok=True)
            # the response first: an event without one would be a check that fails
            paths[1].write_text(response, encoding="utf-8")
            paths[0].write_text(event, encoding="utf-8")
        except OSError as error:
            message = f"Cannot write the event: {error}"
            raise SaveError(message) from error


def text_of(path: Path) -> str | None:
    """Return the text of a regular file, or None if there is none."""
    return text_or_empty(path) if _is_regular(path) else None


def _limited_text(path: Path) -> str | None:
    try:
        if (size := path.stat().st_size) > MAX_SYNC_PAYLOAD_BYTES:
            message = f"{path.name} has {size} bytes. An event may have {MAX_SYNC_PAYLOAD_BYTES}."
            raise ValueError(message)
        return text_of(path)
    except OSError:
        return None
