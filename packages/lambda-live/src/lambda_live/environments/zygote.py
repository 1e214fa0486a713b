"""
Zygotes: processes that have imported the runtime client, and fork environments.

Problem: an environment starts a Python interpreter and imports awslambdaric. A function that scales
to ten environments would pay for that ten times, in time and in memory.

How it works: for each function the service starts one zygote with the function's interpreter and
variables. The zygote imports what every environment imports, and waits. To start an environment,
the service sends it the environment's own variables and two descriptors (control socket, output)
over a Unix socket. The zygote forks, and sends back the new pid, and later the return code. The
other side is `runtime_process/zygote.py`. The name is Android's and Chromium's.

If a zygote cannot start, fork or go on, the environment is spawned without it, so nothing breaks
without zygotes: environments only start slower. Zygotes exist on Linux only. Elsewhere system
libraries do not survive a fork.

AWS_LAMBDA_EXEC_WRAPPER must run in each environment, and a debugger needs an option of the
interpreter. The fork then executes a new program. That saves no time, but the zygote still owns the
process: it kills everything that the process leaves behind.

Source: https://chromium.googlesource.com/chromium/src/+/HEAD/docs/linux/zygote.md
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import override

from lambda_live.environments import memory, reaper
from lambda_live.environments.process_spec import (
    ProcessHandle,
    ProcessSpec,
    kill_group,
    open_pidfd,
)
from lambda_live.environments.variables import log_stream_name

_LINUX = sys.platform.startswith("linux")
_MAX_MESSAGE_BYTES = 65_536
_CLOSE_TIMEOUT_SECONDS = 1.0
_FORK_TIMEOUT_SECONDS = 1.0
_FORK_ATTEMPTS = 10
"""How often a zygote is continued before it counts as hanging. A loaded machine takes seconds."""


class ZygoteExitedError(Exception):
    """The zygote has exited, and cannot fork."""


class ForkedProcess(ProcessHandle):
    """
    A process that a zygote has forked.

    A pidfd shows that the process has exited even before the zygote reports it, and whether the
    number of the process still belongs to it.
    """

    def __init__(self, pid: int, on_exited: Callable[[], None]) -> None:
        """`on_exited` is called when the process has exited and the zygote should report that."""
        self.pid = pid
        self._returncode: int | None = None
        self._on_exit: Callable[[int], None] | None = None
        self._pidfd = open_pidfd(pid)
        if self._pidfd is not None:
            asyncio.get_running_loop().add_reader(self._pidfd, self._on_exited, on_exited)

    def _on_exited(self, on_exited: Callable[[], None]) -> None:
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
        on_exited()

    @property
    @override
    def has_exited(self) -> bool:
        if self._returncode is None and self._pidfd is not None:
            try:
                signal.pidfd_send_signal(self._pidfd, 0)
            except ProcessLookupError:
                return True
        return self._returncode is not None

    @override
    def watch(self, on_exit: Callable[[int], None]) -> None:
        self._on_exit = on_exit
        if self._returncode is not None:
            asyncio.get_running_loop().call_soon(on_exit, self._returncode)

    def record_exit(self, returncode: int) -> None:
        """Store the return code, and report it."""
        self._returncode = returncode
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        if self._on_exit is not None:
            self._on_exit(returncode)


class Zygote:
    """One zygote process. It forks on request, and reports how each fork exited."""

    def __init__(
        self, spec: ProcessSpec, process: subprocess.Popen[bytes], control: socket.socket
    ) -> None:
        self.spec = spec
        self.has_forked = False
        self._process = process
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._is_retired = False
        self._forked: dict[int, ForkedProcess] = {}
        self._lock = asyncio.Lock()
        self._pending_fork: asyncio.Future[ForkedProcess] | None = None

    @classmethod
    def start(cls, spec: ProcessSpec) -> "Zygote":
        """Start a zygote process. Raises OSError."""
        control, its_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environ = {
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream_name(reaper.ZYGOTE_STREAM),
            "_LAMBDA_LIVE_IS_ZYGOTE": "1",
        }
        with its_control:
            try:
                process = replace(spec, wrapper=()).spawn(its_control.fileno(), environ)
            except BaseException:
                control.close()
                raise
        control.setblocking(False)  # noqa: FBT003  # socket's signature
        zygote = cls(spec, process, control)
        zygote._loop.add_reader(control, zygote._on_readable)  # the class's own
        return zygote

    async def fork(
        self, environ: Mapping[str, str], descriptors: Sequence[int], command: Sequence[str] = ()
    ) -> ForkedProcess:
        """
        Fork a process with its own variables and descriptors: control socket and output.

        With a `command`, the process executes that. A debugger's socket is a third descriptor.
        Raises OSError if the fork fails, ZygoteExitedError if the zygote has exited.
        """
        async with self._lock:
            try:
                message = json.dumps({"environ": environ, "command": command}).encode()
                socket.send_fds(self._control, [message], descriptors)
            except OSError:
                raise ZygoteExitedError from None
            self._pending_fork = self._loop.create_future()
            for _ in range(_FORK_ATTEMPTS):
                self._wake()
                await asyncio.wait([self._pending_fork], timeout=_FORK_TIMEOUT_SECONDS)
                if self._pending_fork.done():
                    break
            else:
                self.close()
            return self._pending_fork.result()

    def _wake(self) -> None:
        """Continue the zygote if something has stopped it: everybody would wait for it."""
        if not self.has_exited:
            # Popen.send_signal would reap the zygote, and `close` would then do nothing
            os.kill(self._process.pid, signal.SIGCONT)

    def _on_readable(self) -> None:
        try:
            message = self._control.recv(_MAX_MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if message:
            self._on_message(json.loads(message))
        else:
            self.close()

    def _on_message(self, message: dict[str, int | str]) -> None:
        if "returncode" in message:
            self._forked.pop(int(message["pid"])).record_exit(int(message["returncode"]))
            self._close_if_idle()
        elif self._pending_fork is not None and "pid" in message:
            self.has_forked = True
            pid = int(message["pid"])
            forked = self._forked[pid] = ForkedProcess(pid, self._wake)
            self._pending_fork.set_result(forked)
        elif self._pending_fork is not None:
            self._pending_fork.set_exception(OSError(message["errno"], message["strerror"]))

    @property
    def has_exited(self) -> bool:
        """Whether the zygote has exited, and cannot fork."""
        return self._process.returncode is not None

    def retire(self) -> None:
        """Stop the zygote when its last fork has exited; at once if it has not forked yet."""
        self._is_retired = True
        if self.has_forked:
            self._close_if_idle()
        else:
            self.close()

    def _close_if_idle(self) -> None:
        if self._is_retired and not self._forked and not self._lock.locked():
            self.close()

    def close(self) -> None:
        """Kill the zygote and its forks, because nobody would report their exits."""
        if self.has_exited:
            return
        self._loop.remove_reader(self._control)
        self._control.close()
        # orphans that left their group are still children of a fork, which is a subreaper
        left = [pid for forked in self._forked for pid in memory.descendants(forked)]
        self._process.kill()
        self._process.wait()
        if self._pending_fork is not None and not self._pending_fork.done():
            self._pending_fork.set_exception(ZygoteExitedError())
        forks, self._forked = self._forked, {}
        for forked in forks.values():
            if not forked.has_exited:
                kill_group(forked.pid, signal.SIGKILL)
            forked.record_exit(-signal.SIGKILL)
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


class ZygotePool:
    """Zygotes of one function: that of the newest configuration, and older ones still in use."""

    def __init__(self) -> None:
        self._zygotes: list[Zygote] = []
        self._newest: Zygote | None = None
        self._unforkable: ProcessSpec | None = None
        self._is_closed = False

    async def start(
        self,
        spec: ProcessSpec,
        environ: Mapping[str, str],
        descriptors: Sequence[int],
        debug_socket: socket.socket | None,
    ) -> ForkedProcess | None:
        """Start a process; return None if it must be spawned instead. Raises OSError."""
        if self._is_closed or not _LINUX or spec == self._unforkable:
            return None
        command: Sequence[str] = ()
        if spec.wrapper or debug_socket is not None:
            command = spec.command(is_debugging=debug_socket is not None)
        if debug_socket is not None:
            descriptors = (*descriptors, debug_socket.fileno())
        zygote = self._zygote_for(spec)
        try:
            return await zygote.fork(environ, descriptors, command)
        except ZygoteExitedError:
            if not zygote.has_forked:  # the process that is spawned instead reports the cause
                self._unforkable = spec
            return None

    def _zygote_for(self, spec: ProcessSpec) -> Zygote:
        newest = self._newest
        if newest is not None and (newest.has_exited or newest.spec != spec):
            newest.retire()
            self._newest = None
        if self._newest is None:
            self._newest = Zygote.start(spec)
            running = [zygote for zygote in self._zygotes if not zygote.has_exited]
            self._zygotes = [*running, self._newest]
        return self._newest

    def close(self) -> None:
        """Retire all zygotes. Kill those that have not exited after a timeout."""
        self._is_closed = True
        for zygote in self._zygotes:
            zygote.retire()
            asyncio.get_running_loop().call_later(_CLOSE_TIMEOUT_SECONDS, zygote.close)
