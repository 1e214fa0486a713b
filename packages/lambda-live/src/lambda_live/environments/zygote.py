"""
The processes that environments are forked of, with all imported that each would import alike.

The term is Android's and Chromium's. Only Linux has them: elsewhere a system's libraries may not
be used after a fork.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from lambda_live.environments.process_spec import ProcessSpec
from lambda_live.environments.variables import log_stream_name

_MAX_MESSAGE_BYTES = 65_536
_CLOSE_TIMEOUT_SECONDS = 1.0
_ZYGOTE_STREAM = "0" * 16
"""The log stream that no environment has, by which a zygote is known as this service's."""


class ZygoteExitedError(Exception):
    """It has ended, and forks nothing any more."""


class ForkedProcess:
    """A process that a zygote has forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._returncode: int | None = None
        self._on_exit: Callable[[int], None] | None = None

    @property
    def has_exited(self) -> bool:
        """Part of Started."""
        return self._returncode is not None

    def watch(self, on_exit: Callable[[int], None]) -> None:
        """Part of Started."""
        self._on_exit = on_exit
        if self._returncode is not None:
            asyncio.get_running_loop().call_soon(on_exit, self._returncode)

    def record_exit(self, returncode: int) -> None:
        """Take it that it has ended."""
        self._returncode = returncode
        if self._on_exit is not None:
            self._on_exit(returncode)


class Zygote:
    """Has processes forked, one after the other, and hears of their ends."""

    def __init__(self, interpreter: ProcessSpec) -> None:
        """Start it. Raises OSError."""
        self.spec = interpreter
        self.has_forked = False
        self._retired = False
        self._forked: dict[int, ForkedProcess] = {}
        self._lock = asyncio.Lock()
        self._pending_fork: asyncio.Future[ForkedProcess] | None = None
        self._control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own = {
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream_name(_ZYGOTE_STREAM),
            "_LAMBDA_LIVE_ZYGOTE": "1",
        }
        with control:
            try:
                self._process = interpreter.spawn(control.fileno(), own)
            except BaseException:
                self._control.close()
                raise
        self._control.setblocking(False)  # noqa: FBT003  # as socket has it
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._control, self._on_readable)

    async def fork(self, variables: Mapping[str, str], descriptors: Sequence[int]) -> ForkedProcess:
        """
        Return one with its own variables, and these: its control socket, and where it writes.

        Raises OSError if it can't be had, ZygoteGoneError if none can be any more.
        """
        async with self._lock:
            self._pending_fork = self._loop.create_future()
            try:
                socket.send_fds(self._control, [json.dumps(variables).encode()], descriptors)
            except OSError:
                raise ZygoteExitedError from None
            return await self._pending_fork

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
            forked = self._forked[int(message["pid"])] = ForkedProcess(int(message["pid"]))
            self._pending_fork.set_result(forked)
        elif self._pending_fork is not None:
            self._pending_fork.set_exception(OSError(message["errno"], message["strerror"]))

    @property
    def has_exited(self) -> bool:
        """Whether it forks nothing any more."""
        return self._process.returncode is not None

    def retire(self) -> None:
        """End it with the last that it has forked, or at once if it may not come to fork any."""
        self._retired = True
        if self.has_forked:
            self._close_if_idle()
        else:
            self.close()

    def _close_if_idle(self) -> None:
        if self._retired and not self._forked and not self._lock.locked():
            self.close()

    def close(self) -> None:
        """End it at once; what it has forked ends with it, as nobody else would hear of that."""
        if self.has_exited:
            return
        self._loop.remove_reader(self._control)
        self._control.close()
        self._process.kill()
        self._process.wait()
        if self._pending_fork is not None and not self._pending_fork.done():
            self._pending_fork.set_exception(ZygoteExitedError())
        for forked in self._forked.values():
            with suppress(OSError):
                os.killpg(forked.pid, signal.SIGKILL)
            forked.record_exit(-signal.SIGKILL)
        self._forked.clear()


class ZygotePool:
    """Keeps that of a function's newest configuration; those before it end with their last."""

    def __init__(self) -> None:
        self._all: list[Zygote] = []
        self._newest: Zygote | None = None
        self._unforkable: ProcessSpec | None = None
        self._closed = False

    async def fork(
        self, interpreter: ProcessSpec, variables: Mapping[str, str], descriptors: Sequence[int]
    ) -> ForkedProcess | None:
        """Return what `Zygote.fork` does; None if it has to start by itself. Raises OSError."""
        if self._closed or not _supports_fork(interpreter) or interpreter == self._unforkable:
            return None
        zygote = self._zygote_for(interpreter)
        try:
            return await zygote.fork(variables, descriptors)
        except ZygoteExitedError:
            if not zygote.has_forked:  # the reason is told by who starts by itself
                self._unforkable = interpreter
            return None

    def _zygote_for(self, interpreter: ProcessSpec) -> Zygote:
        newest = self._newest
        if newest is not None and (newest.has_exited or newest.spec != interpreter):
            newest.retire()
            self._newest = None
        if self._newest is None:
            self._newest = Zygote(interpreter)
            self._all = [each for each in self._all if not each.has_exited] + [self._newest]
        return self._newest

    def close(self) -> None:
        """Have none any more; one that does not tell soon that its last has ended has hung."""
        self._closed = True
        for zygote in self._all:
            zygote.retire()
            asyncio.get_running_loop().call_later(_CLOSE_TIMEOUT_SECONDS, zygote.close)


def _supports_fork(interpreter: ProcessSpec) -> bool:
    """Whether environments differ in no more than a fork is told; AWS's wrapper runs in each."""
    return sys.platform.startswith("linux") and not interpreter.wrapper
