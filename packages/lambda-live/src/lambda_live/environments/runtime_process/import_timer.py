"""
Timing of the imports while the function's code is loaded.

Problem: most of a cold start is imports, but AWS reports only the total. `python -X
importtime` would show them, but only on standard error, and not in a process that is forked.

How it works: both `import` and importlib call `importlib._bootstrap._find_and_load` for each module
that is not loaded yet. While the timer runs, a function that measures takes its place. It is
compiled under the file name of importlib's own code, so that Python removes its frames from
tracebacks as it removes importlib's.

Without it, the page and `lambda-live imports` have no import times.

Source: https://github.com/python/cpython/blob/3.12/Python/import.c (remove_importlib_frames)
"""

import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

_bootstrap: Any = sys.modules["_frozen_importlib"]  # importlib's own name of it is private

MIN_MS = 0.5
MAX_IMPORTS = 60

_SOURCE = """
def create(original, start, end):
    def _find_and_load(name, import_):
        entry = start(name)
        try:
            return original(name, import_)
        finally:
            end(entry)
    return _find_and_load
"""

type Timing = tuple[str, int, float, float]
"""A module, its depth below the first import, and its time in ms, with and without its imports."""


class _Entry:
    __slots__ = ("depth", "inner_seconds", "name", "seconds", "started")

    def __init__(self, name: str, depth: int) -> None:
        self.name = name
        self.depth = depth
        self.inner_seconds = 0.0
        self.seconds = 0.0
        self.started = time.perf_counter()


class ImportTimer:
    """Measures the imports of the current thread inside a `with` block, in their order."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._stack: list[_Entry] = []
        self._thread = threading.get_ident()
        self._original = _bootstrap._find_and_load  # noqa: SLF001  # see the module's docstring

    def __enter__(self) -> Self:
        """Start to measure."""
        namespace: dict[str, Any] = {}
        exec(compile(_SOURCE, "<frozen importlib._bootstrap>", "exec"), namespace)  # noqa: S102  # the constant above
        create = namespace["create"]
        _bootstrap._find_and_load = create(self._original, self._start, self._end)  # noqa: SLF001
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop to measure."""
        _bootstrap._find_and_load = self._original  # noqa: SLF001

    def _start(self, name: str) -> _Entry | None:
        if threading.get_ident() != self._thread:
            return None
        entry = _Entry(name, len(self._stack))
        self._entries.append(entry)
        self._stack.append(entry)
        return entry

    def _end(self, entry: _Entry | None) -> None:
        if entry is None:
            return
        entry.seconds = time.perf_counter() - entry.started
        self._stack.pop()
        if self._stack:
            self._stack[-1].inner_seconds += entry.seconds

    @property
    def timings(self) -> list[Timing]:
        """The imports that took at least `MIN_MS`."""
        return [
            (
                each.name,
                each.depth,
                round(each.seconds * 1000, 2),
                round((each.seconds - each.inner_seconds) * 1000, 2),
            )
            for each in self._entries
            if each.seconds * 1000 >= MIN_MS
        ]
