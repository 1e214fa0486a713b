"""
Send the events of the checks with curl. A slow check does not delay the others.

Events start in the order in which they are given. Usually one curl process sends them one after the
other, because checks of a stateful function need that. Once an event has run for a second, another
curl process sends the rest meanwhile.

The first process must then not send the next event, too. curl creates the file for the headers of a
response before it sends the request. If a folder has the name of that file, curl stops
(`fail-early`). Creating the folder fails if curl has created the file, so each event is sent once.
"""

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import IO, Any, Self, cast

from lambda_live.checks.curl import (
    UNREACHABLE,
    SendError,
    Target,
    config_of,
    curl_command,
    headers_file,
    response_of,
    unreachable,
)
from lambda_live.checks.http_file import HttpResponse

_OVERLAP_SECONDS = 1.0
"""How long an event delays the next one."""

_TICK_SECONDS = 0.1
_READ_BYTES = 65_536


def max_parallel_checks() -> int:
    """Return how many events run at once, at most."""
    return (os.cpu_count() or 1) + 2


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """How many events have a response, and how long the oldest of the others has run."""

    done: int = 0
    total: int = 0
    event: str = ""
    seconds: float = 0.0

    @property
    def is_long(self) -> bool:
        """Whether the current event takes so long that its progress is shown."""
        return self.seconds >= _OVERLAP_SECONDS

    def text(self) -> str:
        """Return the progress for a person."""
        waiting = f"waiting {self.seconds:.0f} s for {self.event}"
        return f"{self.done} of {self.total} done, {waiting}"

    def to_json(self) -> dict[str, Any]:
        """Return it for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the progress that `to_json` wrote. Raises TypeError for other JSON."""
        return cls(**value)


class _Batch:
    """A curl process that sends events one after the other."""

    def __init__(self, target: Target, events: Sequence[Path], folder: Path) -> None:
        """Start it. Raises InvalidEventError, OSError."""
        folder.mkdir()
        config = folder / "curl"
        text = config_of(target, events, folder)
        config.write_text(text, encoding="utf-8", errors="surrogateescape")
        self.events = list(events)
        self._folder = folder
        self.round_trips: list[float] = []
        self.started = time.monotonic()
        """When the current event was sent."""
        self._unread = ""
        self.error = ""
        self.process = subprocess.Popen(  # noqa: S603  # a configuration of this class
            curl_command(config), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.pipe = cast("IO[bytes]", self.process.stderr)

    @property
    def current(self) -> Path:
        """The event that runs."""
        return self.events[min(len(self.round_trips), len(self.events) - 1)]

    @property
    def seconds(self) -> float:
        """How long the current event has run."""
        return time.monotonic() - self.started

    @property
    def is_done(self) -> bool:
        """Whether each event has a response."""
        return len(self.round_trips) == len(self.events)

    def read(self) -> bool:
        """Read what curl reports; return False at its end."""
        data = os.read(self.pipe.fileno(), _READ_BYTES)
        *lines, self._unread = (self._unread + data.decode("utf-8", "replace")).split("\n")
        for line in lines:
            try:
                self.round_trips.append(float(line))
                self.started = time.monotonic()
            except ValueError:
                self.error = line
        return bool(data)

    def take_rest(self) -> list[Path] | None:
        """Take the events behind the current one; return None if curl has just sent the next."""
        at = len(self.round_trips) + 1
        rest = self.events[at:]
        if rest:
            try:
                headers_file(self._folder, at + 1).mkdir()
            except FileExistsError:
                return None
        del self.events[at:]
        return rest

    def responses(self) -> Iterator[tuple[Path, HttpResponse, float]]:
        """Yield each event with its response and its round trip in seconds."""
        for number, event in enumerate(self.events, 1):
            yield event, response_of(self._folder, number), self.round_trips[number - 1]

    def kill(self) -> None:
        """Stop curl."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


class EventSender:
    """Sends events of one run of the checks."""

    def __init__(
        self,
        target: Target,
        folder: Path,
        limits: Mapping[str, int],
        max_running: int,
        on_progress: Callable[[CheckProgress], None],
    ) -> None:
        """`limits` has the reserved concurrency of the functions that have one."""
        self._target = target
        self._folder = folder
        self._limits = limits
        self._max_running = max_running
        self._on_progress = on_progress
        self._selector = selectors.DefaultSelector()
        self._finished: list[_Batch] = []
        self._rest: list[Path] = []
        self._newest: _Batch | None = None
        """The process that sends the next events. The others have only their current one."""

    @property
    def _running(self) -> list[_Batch]:
        return [key.data for key in self._selector.get_map().values()]

    def send(self, events: Sequence[Path]) -> dict[Path, tuple[HttpResponse, float]]:
        """
        Send events; return the response and the round trip of each.

        Raises SendError, InvalidEventError, OSError.
        """
        self._rest = list(events)
        try:
            while self._rest or self._running:
                if self._newest is None:
                    self._start()
                self._wait()
                self._overlap()
                self._report(len(events))
        finally:
            for batch in self._running:
                batch.kill()
            self._selector.close()
        return {
            event: (response, seconds)
            for batch in self._finished
            for event, response, seconds in batch.responses()
        }

    def _has_room(self, event: Path) -> bool:
        function = self._target.function_of(event)
        running = sum(self._target.function_of(each.current) == function for each in self._running)
        return running < max(1, self._limits.get(function, self._max_running))

    def _start(self) -> None:
        events = list(takewhile(self._has_room, self._rest))
        if events:
            folder = self._folder / f"batch-{time.monotonic_ns()}"
            self._newest = _Batch(self._target, events, folder)
            self._selector.register(self._newest.pipe, selectors.EVENT_READ, self._newest)
            del self._rest[: len(events)]

    def _wait(self) -> None:
        for key, _ in self._selector.select(_TICK_SECONDS):
            if not key.data.read():
                self._selector.unregister(key.fileobj)
                self._finish(key.data)

    def _finish(self, batch: _Batch) -> None:
        status = batch.process.wait()
        if not batch.is_done and status in UNREACHABLE:
            raise unreachable(self._target.url)
        if not batch.is_done:
            reason = batch.error or f"curl exited with {status}"
            message = f"no response from {self._target.url}: {reason}"
            raise SendError(message)
        self._finished.append(batch)
        if batch is self._newest:
            self._newest = None

    def _overlap(self) -> None:
        """Send the next event by another process if the current one takes long."""
        newest = self._newest
        if newest is None or newest.seconds < _OVERLAP_SECONDS or newest.is_done:
            return
        following = [*newest.events[len(newest.round_trips) + 1 :], *self._rest]
        is_full = len(self._running) >= self._max_running
        if not following or is_full or not self._has_room(following[0]):
            return
        rest = newest.take_rest()
        if rest is not None:
            self._rest = rest + self._rest
            self._newest = None

    def _report(self, total: int) -> None:
        if running := self._running:
            oldest = min(running, key=lambda each: each.started)
            done = sum(len(each.round_trips) for each in (*running, *self._finished))
            progress = CheckProgress(done, total, oldest.current.name, oldest.seconds)
            self._on_progress(progress)
