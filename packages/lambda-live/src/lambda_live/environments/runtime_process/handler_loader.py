"""The load of a handler: what it imports from elsewhere ahead, the rest when it is told to."""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

from lambda_live.environments.runtime_process.control_channel import Gate
from lambda_live.environments.runtime_process.error_location import place
from lambda_live.environments.runtime_process.function_code import Own
from lambda_live.environments.runtime_process.import_fingerprint import state
from lambda_live.environments.runtime_process.import_recorder import Import, Record
from lambda_live.environments.runtime_process.output_capture import Capture
from lambda_live.environments.runtime_process.preload import Stock

_PLACE = 1_500
_MESSAGE = 7_000
"""Bytes of a message that every system's socket takes at once."""

type GetHandler = Callable[[str], object]


class Loading:
    """
    Stands around awslambdaric's own load of the handler.

    `wanted` is what an earlier process has told, with what was found to be no good.
    """

    def __init__(self, gate: Gate, own: Own, wanted: str, environ: Mapping[str, str]) -> None:
        told = json.loads(wanted or "{}")
        self._gate = gate
        self._awaited = bool(wanted) and not gate.begun.is_set()
        self._own = own
        self._imports = [(name, seen) for name, seen in told.get("imports", ())]
        self._never = list(told.get("never", ()))
        self._seconds = float(told.get("seconds", 0.0))
        self._environ = environ
        # a wrapper may have gone elsewhere
        self._folder = None if "AWS_LAMBDA_EXEC_WRAPPER" in environ else _identity(".")
        self._stock = Stock(own, state, self._again)

    def _again(self, culprit: str) -> None:
        """Start this process anew, with nothing imported ahead, and never again the culprit."""
        never = [*self._never, culprit] if culprit else self._never
        environ = dict(self._environ)
        environ["_LAMBDA_LIVE_AHEAD"] = json.dumps({"never": never})
        environ["_LAMBDA_LIVE_BEGUN"] = "1" if self._gate.begun.is_set() else ""
        with contextlib.suppress(OSError):  # the handler is not found then, and that is told
            os.chdir(environ["LAMBDA_TASK_ROOT"])
        os.execve(sys.executable, sys.orig_argv, environ)  # noqa: S606  # this process, as it was

    def ahead(self, log: Sequence[int]) -> None:
        """Import what is wanted, and keep what is written to the log meanwhile."""
        sys.meta_path.insert(0, self._stock)
        if not self._imports:
            return
        overdue = threading.Timer(self._seconds, lambda: self._again(self._stock.fetching))
        overdue.daemon = True
        overdue.start()
        capture = Capture(log)
        self._stock.fill(self._imports, capture)
        capture.close()
        overdue.cancel()
        overdue.join()

    def wrap(self, bootstrap: ModuleType, log: Sequence[int]) -> None:
        """Have awslambdaric load the handler by way of this."""
        get_handler: GetHandler = bootstrap._get_handler  # noqa: SLF001  # the one place for all of it

        def wrapped(handler: str) -> object:
            self.ahead(log)
            if self._awaited:
                self._gate.tell(ready=True)
            self._gate.begun.wait()
            if self._is_moved():
                self._again("")
            return self._load(get_handler, handler)

        bootstrap._get_handler = wrapped  # type: ignore[attr-defined]  # noqa: SLF001

    def _is_moved(self) -> bool:
        """Whether the task root is another folder than when this process began in it."""
        now = _identity(os.environ["LAMBDA_TASK_ROOT"])
        return None not in (now, self._folder) and now != self._folder

    def _load(self, get_handler: GetHandler, handler: str) -> object:
        record = Record(self._own, self._stock.natural_state)
        sys.meta_path.insert(0, record)
        self._stock.open()
        begin = time.monotonic()
        try:
            loaded = get_handler(handler)
        except BaseException as error:
            # AWS's error names no place for an ImportError; whoever broke it wants file and line
            fault = type(error).__name__ == "FaultException"
            cause = (error.__context__ if fault else None) or error
            self._gate.tell(place=place(cause, self._own)[:_PLACE])
            raise
        sys.meta_path.remove(record)
        self._stock.strict = False
        seconds = time.monotonic() - begin + self._stock.milliseconds / 1000
        self._gate.tell(ahead_ms=self._stock.milliseconds, ahead=self._wanted(record, seconds))
        return loaded

    def _wanted(self, record: Record, seconds: float) -> str:
        """Return what the next process may import ahead, in text for it alone."""
        imports = _with(record.close(), self._stock.given)
        names = [name for name, _ in imports]
        end = min((names.index(name) for name in self._never if name in names), default=len(names))
        told = {"never": self._never, "seconds": 1 + 2 * seconds}
        while len(text := json.dumps(told | {"imports": imports[:end]})) > _MESSAGE and end:
            end -= 1
        return text


def _with(seen: list[Import], given: Sequence[Import]) -> list[Import]:
    """
    Return what was seen to be imported, and between it what was given along with a part of it.

    Nobody saw whether the function asked for that: it was there by then.
    """
    imports = list(seen)
    at = 0
    for one in given:
        names = [name for name, _ in imports]
        if one[0] not in names:
            imports.insert(at, one)
            names.insert(at, one[0])
        at = names.index(one[0]) + 1
    return imports


def _identity(folder: str) -> tuple[int, int] | None:
    """Return what tells a folder from a later one of that name."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino
