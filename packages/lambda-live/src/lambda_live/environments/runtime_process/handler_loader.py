"""The load of a handler: what it imports from elsewhere ahead, the rest when it is told to."""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

from lambda_live.environments.runtime_process.control_channel import ControlChannel
from lambda_live.environments.runtime_process.error_location import locate_error
from lambda_live.environments.runtime_process.function_code import FunctionCode
from lambda_live.environments.runtime_process.import_fingerprint import import_fingerprint
from lambda_live.environments.runtime_process.import_recorder import Import, ImportRecorder
from lambda_live.environments.runtime_process.output_capture import OutputCapture
from lambda_live.environments.runtime_process.preload import PreloadedModules

_MAX_LOCATION_CHARACTERS = 1_500
_MAX_MESSAGE_BYTES = 7_000
"""Bytes of a message that every system's socket takes at once."""

type GetHandler = Callable[[str], object]


class HandlerLoader:
    """
    Stands around awslambdaric's own load of the handler.

    `wanted` is what an earlier process has told, with what was found to be no good.
    """

    def __init__(
        self, gate: ControlChannel, own: FunctionCode, wanted: str, environ: Mapping[str, str]
    ) -> None:
        told = json.loads(wanted or "{}")
        self._gate = gate
        self._awaited = bool(wanted) and not gate.started.is_set()
        self._own = own
        self._imports = [(name, seen) for name, seen in told.get("imports", ())]
        self._excluded = list(told.get("never", ()))
        self._seconds = float(told.get("seconds", 0.0))
        self._environ = environ
        # a wrapper may have gone elsewhere
        self._folder = None if "AWS_LAMBDA_EXEC_WRAPPER" in environ else _identity(".")
        self._stock = PreloadedModules(own, import_fingerprint, self._restart)

    def _restart(self, culprit: str) -> None:
        """Start this process anew, with nothing imported ahead, and never again the culprit."""
        never = [*self._excluded, culprit] if culprit else self._excluded
        environ = dict(self._environ)
        environ["_LAMBDA_LIVE_AHEAD"] = json.dumps({"never": never})
        environ["_LAMBDA_LIVE_BEGUN"] = "1" if self._gate.started.is_set() else ""
        with contextlib.suppress(OSError):  # the handler is not found then, and that is told
            os.chdir(environ["LAMBDA_TASK_ROOT"])
        os.execve(sys.executable, sys.orig_argv, environ)  # noqa: S606  # this process, as it was

    def preload(self, log: Sequence[int]) -> None:
        """Import what is wanted, and keep what is written to the log meanwhile."""
        sys.meta_path.insert(0, self._stock)
        if not self._imports:
            return
        overdue = threading.Timer(self._seconds, lambda: self._restart(self._stock.current))
        overdue.daemon = True
        overdue.start()
        capture = OutputCapture(log)
        self._stock.preload(self._imports, capture)
        capture.close()
        overdue.cancel()
        overdue.join()

    def wrap(self, bootstrap: ModuleType, log: Sequence[int]) -> None:
        """Have awslambdaric load the handler by way of this."""
        get_handler: GetHandler = bootstrap._get_handler  # noqa: SLF001  # the one place for all of it

        def wrapped(handler: str) -> object:
            self.preload(log)
            if self._awaited:
                self._gate.send(ready=True)
            self._gate.started.wait()
            if self._has_moved():
                self._restart("")
            return self._load(get_handler, handler)

        bootstrap._get_handler = wrapped  # type: ignore[attr-defined]  # noqa: SLF001

    def _has_moved(self) -> bool:
        """Whether the task root is another folder than when this process began in it."""
        now = _identity(os.environ["LAMBDA_TASK_ROOT"])
        return None not in (now, self._folder) and now != self._folder

    def _load(self, get_handler: GetHandler, handler: str) -> object:
        record = ImportRecorder(self._own, self._stock.fingerprint_without_preload)
        sys.meta_path.insert(0, record)
        self._stock.start_handler_load()
        begin = time.monotonic()
        try:
            loaded = get_handler(handler)
        except BaseException as error:
            # AWS's error names no place for an ImportError; whoever broke it wants file and line
            fault = type(error).__name__ == "FaultException"
            cause = (error.__context__ if fault else None) or error
            self._gate.send(place=locate_error(cause, self._own)[:_MAX_LOCATION_CHARACTERS])
            raise
        sys.meta_path.remove(record)
        self._stock.is_strict = False
        seconds = time.monotonic() - begin + self._stock.published_ms / 1000
        self._gate.send(
            ahead_ms=self._stock.published_ms, ahead=self._next_preload(record, seconds)
        )
        return loaded

    def _next_preload(self, record: ImportRecorder, seconds: float) -> str:
        """Return what the next process may import ahead, in text for it alone."""
        imports = _merge_imports(record.close(), self._stock.published)
        names = [name for name, _ in imports]
        end = min(
            (names.index(name) for name in self._excluded if name in names), default=len(names)
        )
        told = {"never": self._excluded, "seconds": 1 + 2 * seconds}
        while (
            len(text := json.dumps(told | {"imports": imports[:end]})) > _MAX_MESSAGE_BYTES and end
        ):
            end -= 1
        return text


def _merge_imports(seen: list[Import], given: Sequence[Import]) -> list[Import]:
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
