"""
One execution environment: a process that runs AWS's runtime client, one invocation at a time.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import asyncio
import contextlib
import enum
import os
import platform
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from lambda_local import errors
from lambda_local.environment import memory
from lambda_local.environment.framing import Records
from lambda_local.environment.runtime_api import RuntimeApi
from lambda_local.invocation import Invocation, Result
from lambda_local.settings import Settings
from lambda_local.telemetry.log import Log, Report
from lambda_local.telemetry.metrics import Metrics

INIT_LIMIT = 10.0
"""Seconds that an init may take (AWS, "Init phase")."""

FREEZE_AFTER = 0.05
"""Seconds of idleness after which the environment's processes stop, as AWS freezes them."""

_FAREWELL = 1.0
"""Seconds that a process has to end by itself after its init failed."""

RUNTIME = f"python:{platform.python_version()} (awslambdaric {version('awslambdaric')})"
_BOOTSTRAP = Path(__file__).with_name("inside") / "bootstrap.py"
_MB = 2**20


@dataclass(frozen=True, slots=True)
class Generation:
    """The code between one change and the next."""

    number: int
    code_sha256: str


class State(enum.Enum):
    """Where in its life an environment is."""

    STANDBY = enum.auto()
    INIT = enum.auto()
    READY = enum.auto()
    GONE = enum.auto()


class Owner(Protocol):
    """What an environment tells the pool."""

    def initialised(self, environment: "Environment") -> None:
        """The handler is loaded."""

    def init_failed(self, environment: "Environment", error: errors.ErrorOf, place: str) -> None:
        """The handler could not be loaded; `place` says where in the code, if that is known."""

    def init_overran(self, environment: "Environment") -> None:
        """The init took longer than `INIT_LIMIT`."""

    def ready(self, environment: "Environment") -> None:
        """The environment can take an invocation."""

    def returned(self, invocation: Invocation) -> None:
        """The environment ended before it took the invocation, which nothing has seen yet."""

    def gone(self, environment: "Environment") -> None:
        """The process has ended."""


@dataclass(frozen=True, slots=True)
class Service:
    """What every environment of one service shares."""

    settings: Settings
    log: Log
    metrics: Metrics


class Environment:
    """Tells `owner` what becomes of it."""

    def __init__(self, service: Service, owner: Owner) -> None:
        self._settings = service.settings
        self._log = service.log
        self._metrics = service.metrics
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._records = Records()
        self._process: subprocess.Popen[bytes] | None = None
        self._server: asyncio.Server | None = None
        self._poll: RuntimeApi | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._started = 0.0
        self._init_ms: float | None = None
        self._init_error: errors.ErrorOf | None = None
        self._idle_since = 0.0
        self._frozen = False
        self._out_of_memory = False
        self.state = State.STANDBY
        self.generation = Generation(0, "")
        self.fresh_at = 0.0
        self.invocation: Invocation | None = None
        self.delivered = False
        self.doomed = False
        self.retiring = False
        self.max_memory = 0

    @property
    def idle_since(self) -> float | None:
        """When it became idle, monotonic; None while it is not."""
        idle = self.state is State.READY and self.invocation is None and not self.doomed
        return self._idle_since if idle else None

    async def spawn(self) -> None:
        """Start the process; it imports the runtime client and waits. Raises OSError."""
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as handed_over:
            listener = undo.enter_context(socket.create_server(("127.0.0.1", 0)))
            self._server = await self._loop.create_server(lambda: RuntimeApi(self), sock=listener)
            undo.callback(self._server.close)
            self._output, output = os.pipe()
            undo.callback(os.close, self._output)
            handed_over.callback(os.close, output)
            self._control, control = socket.socketpair()
            undo.enter_context(self._control)
            handed_over.enter_context(control)
            os.set_blocking(self._output, False)
            self._control.settimeout(0)
            self._process = self._start(listener.getsockname()[1], output, control.fileno())
            undo.pop_all()
        self._loop.add_reader(self._output, self._drain)
        threading.Thread(target=self._wait, args=(self._process,), daemon=True).start()

    def _start(self, port: int, output: int, control: int) -> subprocess.Popen[bytes]:
        options = _interpreter_options(self._settings)
        # one short fork in the event loop; asyncio's own subprocesses know no process groups
        return subprocess.Popen(  # noqa: S603
            [sys.executable, *options, _BOOTSTRAP, str(control), self._settings.handler],
            cwd=self._settings.task_root,
            env=_variables(self._settings, port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[control],
            process_group=0,
        )

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        returncode = process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed when the service stops first
            self._loop.call_soon_threadsafe(self._exited, returncode)

    def begin(
        self, generation: Generation, fresh_at: float, invocation: Invocation | None = None
    ) -> None:
        """
        Load the handler, whose code was seen to be that generation's at `fresh_at`, monotonic.

        With an invocation, its timeout holds for the init as well (AWS, "Init phase").
        """
        if self.state is not State.STANDBY:
            return
        self.generation = generation
        self.fresh_at = fresh_at
        self.state = State.INIT
        self.invocation = invocation
        self._started = time.monotonic()
        self._log.init_start(RUNTIME)
        if not self._settings.debug:
            limit = INIT_LIMIT if invocation is None else self._settings.timeout
            overran = self._init_overran if invocation is None else self._timed_out
            self._timer = self._loop.call_later(limit, overran)
        with contextlib.suppress(OSError):  # it ended already, and says so itself
            self._control.send(b"!")

    def assign(self, invocation: Invocation) -> None:
        """Run an invocation, now or as soon as the runtime asks for it."""
        self.invocation = invocation
        self.delivered = False
        if self._poll is not None:
            self._deliver(invocation, self._poll)

    def _deliver(self, invocation: Invocation, poll: RuntimeApi) -> None:
        self._thaw()
        self._poll = None
        self.delivered = True
        invocation.init_ms, self._init_ms = self._init_ms, None
        self._log.start(invocation)
        timeout = 86_400.0 if self._settings.debug else self._settings.timeout
        if self._timer is None and not self._settings.debug:
            self._timer = self._loop.call_later(timeout, self._timed_out)
        self._started = time.monotonic()
        deadline = int((time.time() + timeout) * 1000)
        poll.reply(200, self._headers(invocation, deadline), invocation.payload)

    def _headers(self, invocation: Invocation, deadline_ms: int) -> dict[str, str]:
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self._settings.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        if invocation.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        return headers

    def next_polled(self, api: RuntimeApi) -> None:
        """Part of the Runtime API."""
        self._poll = api
        self._idle_since = time.monotonic()
        if self.state is State.INIT:
            self._initialised()
        if self.invocation is not None and not self.delivered:
            self._deliver(self.invocation, api)

    def _initialised(self) -> None:
        seconds = time.monotonic() - self._started
        if self.invocation is None:
            self._stop_timer()
        self._drain()
        self._log.init_end(seconds * 1000)
        self._metrics.init_duration.observe(seconds)
        self._init_ms = seconds * 1000
        self.state = State.READY
        self._owner.initialised(self)
        if self.retiring and self.invocation is None:
            self.kill()

    def init_failed(self, payload: bytes, error_type: str) -> None:
        """Part of the Runtime API."""
        self._fail_init(lambda _: Result(payload, error_type=error_type))

    def _fail_init(self, error: errors.ErrorOf) -> None:
        self._stop_timer()
        self._drain()
        self._init_error = error
        self.doomed = True
        self._loop.call_later(_FAREWELL, self.kill)
        self._log.init_end((time.monotonic() - self._started) * 1000, error("").error_type)
        invocation, self.invocation = self.invocation, None
        if invocation is not None:
            self._owner.returned(invocation)
        self._owner.init_failed(self, error, self._place())

    def _place(self) -> str:
        try:
            return self._control.recv(4096).decode("utf-8", "replace")
        except OSError:
            return ""

    def _init_overran(self) -> None:
        self._timer = None
        self._drain()
        self._log.init_end(INIT_LIMIT * 1000, "Sandbox.Timedout", "timeout")
        self.kill()
        self._owner.init_overran(self)

    def responded(self, request_id: str, payload: bytes, content_type: str) -> int:
        """Part of the Runtime API."""
        invocation = self._running(request_id)
        if invocation is None:
            return 400
        if len(payload) > errors.RESPONSE_LIMIT:
            self._finish(invocation, errors.response_too_large(), "error")
            return 413
        self._finish(invocation, Result(payload, content_type), "success")
        return 202

    def failed(self, request_id: str, payload: bytes, error_type: str) -> int:
        """Part of the Runtime API."""
        invocation = self._running(request_id)
        if invocation is None:
            return 400
        self._finish(invocation, Result(payload, error_type=error_type), "error")
        return 202

    def _running(self, request_id: str) -> Invocation | None:
        invocation = self.invocation
        if not self.delivered or invocation is None or invocation.request_id != request_id:
            return None
        return invocation

    def _timed_out(self) -> None:
        self._timer = None
        if self.invocation is None:
            return
        self.kill()
        timeout = self._settings.timeout
        error = errors.timed_out(self.invocation.request_id, timeout)
        self._finish(self.invocation, error, "timeout", timeout)

    def _finish(
        self, invocation: Invocation, result: Result, status: str, seconds: float | None = None
    ) -> None:
        """End the invocation: its last log lines, then its report, then the caller's answer."""
        seconds = time.monotonic() - self._started if seconds is None else seconds
        self._stop_timer()
        self._drain(flush=True)
        if self._process is not None:
            self.max_memory = max(self.max_memory, memory.peak(self._process.pid))
        if not self.delivered:
            self._log.start(invocation)
        report = Report(
            duration_ms=seconds * 1000,
            memory_mb=self._settings.memory,
            max_memory_mb=round(self.max_memory / _MB),
            init_ms=invocation.init_ms,
            status=status,
            error_type=result.error_type,
        )
        self._log.end(invocation, report)
        self._metrics.invocations.inc()
        self._metrics.duration.observe(seconds)
        if result.error_type is not None:
            self._metrics.errors.labels(result.error_type).inc()
        self.invocation = None
        self.delivered = False
        self._idle_since = time.monotonic()
        invocation.succeed(replace(result, code_sha256=self.generation.code_sha256))
        if self.retiring:
            self.kill()
        elif not self.doomed:
            self._owner.ready(self)

    def retire(self) -> None:
        """Take no more invocations; end when the one under way has."""
        self.retiring = True
        if self.invocation is None and self.state is not State.INIT:
            self.kill()

    def kill(self) -> None:
        """End the process, and what it started, at once."""
        self.doomed = True
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.state is not State.GONE:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def sweep(self, now: float) -> None:
        """Freeze it when it is idle; kill it when it uses more memory than it may."""
        if self._process is None or self.doomed or self._settings.debug:
            return
        if self.delivered or self.state is State.INIT:
            if memory.resident(self._process.pid) > self._settings.memory * _MB:
                self._out_of_memory = True
                self.kill()
        elif self._poll is not None and not self._frozen and now - self._idle_since > FREEZE_AFTER:
            self._frozen = True
            self._signal(signal.SIGSTOP)

    def _thaw(self) -> None:
        if self._frozen:
            self._frozen = False
            self._signal(signal.SIGCONT)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drain(self, *, flush: bool = False) -> None:
        """Log what the function has written so far."""
        while True:
            try:
                data = os.read(self._output, 65_536)
            except BlockingIOError:
                break
            if not data:
                self._loop.remove_reader(self._output)
                break
            for record in self._records.feed(data):
                self._log.function(record, self.invocation)
        if flush:
            for record in self._records.flush():
                self._log.function(record, self.invocation)

    def _exited(self, returncode: int) -> None:
        self._signal(signal.SIGKILL)
        self._drain(flush=True)
        doomed, self.doomed = self.doomed, True
        invocation = self.invocation
        out_of_memory = self._out_of_memory
        exited = partial(errors.exited, returncode=returncode)
        error = errors.out_of_memory if out_of_memory else exited
        if invocation is not None and (self.delivered or (doomed and not out_of_memory)):
            self._finish(invocation, error(invocation.request_id), "failure")
        elif (
            self.state is State.INIT and self._init_error is None and (not doomed or out_of_memory)
        ):
            self._fail_init(error)
        elif invocation is not None:
            self.invocation = None
            self._owner.returned(invocation)
        self._close()
        self._owner.gone(self)

    def _close(self) -> None:
        self.state = State.GONE
        self._stop_timer()
        self._loop.remove_reader(self._output)
        os.close(self._output)
        self._control.close()
        if self._server is not None:
            self._server.close()


def _interpreter_options(settings: Settings) -> list[str]:
    # the debugger can't stop in frozen modules, and says so each time
    return ["-P", "-Xfrozen_modules=off"] if settings.debug else ["-P"]


def _variables(settings: Settings, port: int) -> dict[str, str]:
    """
    Return the environment's variables, the reserved ones as AWS sets them.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    root = str(settings.task_root)
    own = ("LAMBDA_LOCAL_", "PYTHONSAFEPATH")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    major_minor = ".".join(platform.python_version_tuple()[:2])
    day = time.strftime("%Y/%m/%d", time.gmtime())
    terminal = {"POWERTOOLS_DEV": "true"} if sys.stdout.isatty() else {}
    return {
        **terminal,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "LANG": "en_US.UTF-8",
        "LAMBDA_RUNTIME_DIR": str(_BOOTSTRAP.parent),
        **inherited,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{major_minor}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory),
        "AWS_LAMBDA_FUNCTION_NAME": settings.name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": f"{settings.timeout:g}",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{settings.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{day}/[$LATEST]{secrets.token_hex(16)}",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_REGION": settings.region,
        "LAMBDA_TASK_ROOT": root,
        "PYTHONUNBUFFERED": "1",
        "TZ": ":UTC",
        "_HANDLER": settings.handler,
        "_LAMBDA_LOCAL_WATCHED": os.pathsep.join(map(str, settings.watch)),
        "_LAMBDA_LOCAL_DEBUG": "1" if settings.debug else "",
    }
