"""
Loading of the handler: preload, wait for the service's signal, then let awslambdaric load it.

Problem: awslambdaric loads the handler as soon as it starts. A warm standby must stop right before
that, and continue when a request or a save arrives.

How it works: `HandlerLoader.install` replaces `awslambdaric.bootstrap._get_handler`, a private
function. The replacement preloads imports, waits, calls the original, and reports the outcome to
the service. Loading itself, its errors and their texts stay AWS's.

Without it there are no warm standbys and no error locations. `pyproject.toml` limits awslambdaric
to versions with that function, and a test fails if it changes.

Source: https://github.com/aws/aws-lambda-python-runtime-interface-client
"""

import contextlib
import json
import os
import signal
import site
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType, TracebackType

from lambda_live.environments.runtime_process.control_channel import ControlChannel
from lambda_live.environments.runtime_process.function_code import FunctionCode, locate_error
from lambda_live.environments.runtime_process.import_recorder import (
    Import,
    ImportRecorder,
    import_fingerprint,
)
from lambda_live.environments.runtime_process.import_timer import (
    MAX_IMPORTS,
    ImportTimer,
    Timing,
)
from lambda_live.environments.runtime_process.output_capture import OutputCapture
from lambda_live.environments.runtime_process.preload import PreloadedModules

_MAX_LOCATION_CHARACTERS = 1_500
_MAX_MESSAGE_BYTES = 7_000
"""Every system's socket accepts a message of this size at once."""

_MAX_INIT_MESSAGE_BYTES = 24_000 if sys.platform.startswith("linux") else _MAX_MESSAGE_BYTES
"""Linux's sockets accept more: the import times follow the list of imports."""

_HERE = os.path.dirname(__file__) + os.sep

type GetHandler = Callable[[str], object]
type Frame = tuple[str, int | None, str, str | None]
type ExtractTraceback = Callable[[TracebackType | None], list[Frame]]


class HandlerLoader:
    """Wraps awslambdaric's load of the handler."""

    def __init__(
        self,
        channel: ControlChannel,
        code: FunctionCode,
        preload: str,
        environ: Mapping[str, str],
        site_dirs: Sequence[str],
    ) -> None:
        """
        `preload` is the list of imports that an earlier process has sent, or empty.

        `environ` are the variables of this process at its start, for a restart. AWS's bootstrap
        processes the `.pth` files in `site_dirs`, so this does, too.
        """
        recorded = json.loads(preload or "{}")
        self._channel = channel
        self._is_awaited = bool(preload) and not channel.is_started
        self._code = code
        self._imports = [(name, fingerprint) for name, fingerprint in recorded.get("imports", ())]
        self._excluded = list(recorded.get("excluded", ()))
        self._timeout_seconds = float(recorded.get("timeout_seconds", 0.0))
        self._environ = environ
        self._site_dirs = site_dirs
        # AWS_LAMBDA_EXEC_WRAPPER may have changed the working directory
        self._folder = None if "AWS_LAMBDA_EXEC_WRAPPER" in environ else _identity(".")
        self._modules = PreloadedModules(code, import_fingerprint, self._restart)

    def _restart(self, excluded: str) -> None:
        """Replace this process by one that preloads nothing, and never again `excluded`."""
        names = [*self._excluded, excluded] if excluded else self._excluded
        environ = dict(self._environ)
        environ["_LAMBDA_LIVE_PRELOAD"] = json.dumps({"excluded": names})
        environ["_LAMBDA_LIVE_IS_STARTED"] = "1" if self._channel.is_started else ""
        with contextlib.suppress(OSError):  # the load of the handler reports a missing folder
            os.chdir(environ["LAMBDA_TASK_ROOT"])
        os.execve(sys.orig_argv[0], sys.orig_argv, environ)  # noqa: S606  # this process's own command

    def _preload(self, log_descriptors: Sequence[int]) -> None:
        """
        Import the recorded modules. Restart without the current one after a timeout.

        A thread would be the usual timer, but a module may fork or count the threads.
        """
        sys.meta_path.insert(0, self._modules)
        if not self._imports:
            return

        def on_timeout(*_: object) -> None:
            self._restart(self._modules.current)

        previous = signal.signal(signal.SIGALRM, on_timeout)
        signal.setitimer(signal.ITIMER_REAL, self._timeout_seconds)
        capture = OutputCapture(log_descriptors)
        capture.start()
        self._modules.preload(self._imports, capture)
        capture.close()
        if signal.getsignal(signal.SIGALRM) is on_timeout:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)

    def install(self, bootstrap: ModuleType, log_descriptors: Sequence[int]) -> None:
        """
        Replace `_get_handler` and `extract_traceback` of `awslambdaric.bootstrap`.

        awslambdaric removes its own frames from the stack trace of an init error. The second
        replacement removes the frames of this file, so that the trace starts in importlib.
        """
        get_handler: GetHandler = bootstrap._get_handler  # noqa: SLF001  # see the module's docstring

        def replacement(handler: str) -> object:
            path_files = self._path_files()
            for folder in self._site_dirs:
                site.addsitedir(folder)
            self._preload(log_descriptors)
            if self._is_awaited:
                self._channel.send(ready=True)
            self._channel.wait_for_start()
            if self._is_task_root_replaced() or self._path_files() != path_files:
                self._restart("")
            return self._load(get_handler, handler)

        bootstrap._get_handler = replacement  # type: ignore[attr-defined]  # noqa: SLF001
        extract: ExtractTraceback = bootstrap.extract_traceback

        def without_own_frames(traceback: TracebackType | None) -> list[Frame]:
            return [frame for frame in extract(traceback) if not frame[0].startswith(_HERE)]

        bootstrap.extract_traceback = without_own_frames  # type: ignore[attr-defined]

    def _path_files(self) -> list[tuple[str, int, int]]:
        """Return the `.pth` files with their sizes and times; a save of one needs a new process."""
        found = []
        for folder in self._site_dirs:
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".pth"):
                        status = entry.stat()
                        found.append((entry.path, status.st_mtime_ns, status.st_size))
        return sorted(found)

    def _is_task_root_replaced(self) -> bool:
        """Whether LAMBDA_TASK_ROOT is another folder than when this process started in it."""
        now = _identity(os.environ["LAMBDA_TASK_ROOT"])
        return None not in (now, self._folder) and now != self._folder

    def _load(self, get_handler: GetHandler, handler: str) -> object:
        recorder = ImportRecorder(self._code, self._modules.fingerprint_without_preload)
        sys.meta_path.insert(0, recorder)
        self._modules.start_handler_load()
        start = time.monotonic()
        timer = ImportTimer()
        try:
            with timer:
                loaded = get_handler(handler)
        except BaseException as error:
            # awslambdaric's FaultException hides the original, which has the file and line
            is_fault = type(error).__name__ == "FaultException"
            cause = (error.__context__ if is_fault else None) or error
            location = locate_error(cause, self._code)[:_MAX_LOCATION_CHARACTERS]
            self._channel.send(location=location)
            raise
        sys.meta_path.remove(recorder)
        self._modules.is_strict = False
        seconds = time.monotonic() - start + self._modules.published_ms / 1000
        preload = self._next_preload(recorder, seconds)
        imports = self._import_times(timer.timings, _MAX_INIT_MESSAGE_BYTES - len(preload))
        self._channel.send(preload_ms=self._modules.published_ms, preload=preload, imports=imports)
        return loaded

    def _import_times(self, timings: list[Timing], max_bytes: int) -> list[tuple[object, ...]]:
        """Return the longest imports in their order, and whether each was preloaded."""
        preloaded = self._modules.published_timings
        names = {name for name, *_ in preloaded}
        own = [timing for timing in timings if timing[0] not in names]
        found = [(*timing, 0) for timing in own] + [(*timing, 1) for timing in preloaded]
        longest = sorted(found, key=lambda each: each[2], reverse=True)[:MAX_IMPORTS]
        while longest and len(json.dumps(longest)) > max_bytes:
            longest.pop()
        return [each for each in found if each in longest]

    def _next_preload(self, recorder: ImportRecorder, seconds: float) -> str:
        """Return the imports for the next process, as JSON."""
        imports = _merge_imports(recorder.close(), self._modules.published)
        names = [name for name, _ in imports]
        excluded = [names.index(name) for name in self._excluded if name in names]
        end = min(excluded, default=len(names))
        fields = {"excluded": self._excluded, "timeout_seconds": 1 + 2 * seconds}
        while True:
            text = json.dumps(fields | {"imports": imports[:end]})
            if len(text) <= _MAX_MESSAGE_BYTES or not end:
                return text
            end -= 1


def _merge_imports(recorded: list[Import], published: Sequence[Import]) -> list[Import]:
    """
    Insert published imports that are missing among the recorded ones, in their order.

    They were published as a side effect of another import, so the recorder never saw them.
    """
    imports = list(recorded)
    at = 0
    for one in published:
        names = [name for name, _ in imports]
        if one[0] not in names:
            imports.insert(at, one)
            names.insert(at, one[0])
        at = names.index(one[0]) + 1
    return imports


def _identity(folder: str) -> tuple[int, int] | None:
    """Return device and inode, which distinguish a folder from a later one of the same name."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino
