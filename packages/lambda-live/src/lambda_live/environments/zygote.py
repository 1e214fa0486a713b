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

from lambda_live.environments.process_spec import Interpreter
from lambda_live.environments.variables import log_stream

_MESSAGE = 65_536
_PATIENCE = 1.0
_NOBODYS = "0" * 16
"""The log stream that no environment has, by which a zygote is known as this service's."""


class ZygoteGoneError(Exception):
    """It has ended, and forks nothing any more."""


class Forked:
    """A process that a zygote has forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._returncode: int | None = None
        self._ended: Callable[[int], None] | None = None

    @property
    def ended(self) -> bool:
        """Part of Started."""
        return self._returncode is not None

    def watch(self, ended: Callable[[int], None]) -> None:
        """Part of Started."""
        self._ended = ended
        if self._returncode is not None:
            asyncio.get_running_loop().call_soon(ended, self._returncode)

    def end(self, returncode: int) -> None:
        """Take it that it has ended."""
        self._returncode = returncode
        if self._ended is not None:
            self._ended(returncode)


class Zygote:
    """Has processes forked, one after the other, and hears of their ends."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Start it. Raises OSError."""
        self.interpreter = interpreter
        self.has_forked = False
        self._retired = False
        self._forked: dict[int, Forked] = {}
        self._turn = asyncio.Lock()
        self._answer: asyncio.Future[Forked] | None = None
        self._control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own = {"AWS_LAMBDA_LOG_STREAM_NAME": log_stream(_NOBODYS), "_LAMBDA_LIVE_ZYGOTE": "1"}
        with control:
            try:
                self._process = interpreter.start(control.fileno(), own)
            except BaseException:
                self._control.close()
                raise
        self._control.setblocking(False)  # noqa: FBT003  # as socket has it
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._control, self._hear)

    async def fork(self, variables: Mapping[str, str], descriptors: Sequence[int]) -> Forked:
        """
        Return one with its own variables, and these: its control socket, and where it writes.

        Raises OSError if it can't be had, ZygoteGoneError if none can be any more.
        """
        async with self._turn:
            self._answer = self._loop.create_future()
            try:
                socket.send_fds(self._control, [json.dumps(variables).encode()], descriptors)
            except OSError:
                raise ZygoteGoneError from None
            return await self._answer

    def _hear(self) -> None:
        try:
            message = self._control.recv(_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if message:
            self._heard(json.loads(message))
        else:
            self.close()

    def _heard(self, told: dict[str, int | str]) -> None:
        if "returncode" in told:
            self._forked.pop(int(told["pid"])).end(int(told["returncode"]))
            self._end_if_done()
        elif self._answer is not None and "pid" in told:
            self.has_forked = True
            forked = self._forked[int(told["pid"])] = Forked(int(told["pid"]))
            self._answer.set_result(forked)
        elif self._answer is not None:
            self._answer.set_exception(OSError(told["errno"], told["strerror"]))

    @property
    def gone(self) -> bool:
        """Whether it forks nothing any more."""
        return self._process.returncode is not None

    def retire(self) -> None:
        """End it with the last that it has forked, or at once if it may not come to fork any."""
        self._retired = True
        if self.has_forked:
            self._end_if_done()
        else:
            self.close()

    def _end_if_done(self) -> None:
        if self._retired and not self._forked and not self._turn.locked():
            self.close()

    def close(self) -> None:
        """End it at once; what it has forked ends with it, as nobody else would hear of that."""
        if self.gone:
            return
        self._loop.remove_reader(self._control)
        self._control.close()
        self._process.kill()
        self._process.wait()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ZygoteGoneError())
        for forked in self._forked.values():
            with suppress(OSError):
                os.killpg(forked.pid, signal.SIGKILL)
            forked.end(-signal.SIGKILL)
        self._forked.clear()


class Zygotes:
    """Keeps that of a function's newest configuration; those before it end with their last."""

    def __init__(self) -> None:
        self._all: list[Zygote] = []
        self._newest: Zygote | None = None
        self._unfit: Interpreter | None = None
        self._closed = False

    async def fork(
        self, interpreter: Interpreter, variables: Mapping[str, str], descriptors: Sequence[int]
    ) -> Forked | None:
        """Return what `Zygote.fork` does; None if it has to start by itself. Raises OSError."""
        if self._closed or not _can(interpreter) or interpreter == self._unfit:
            return None
        zygote = self._of(interpreter)
        try:
            return await zygote.fork(variables, descriptors)
        except ZygoteGoneError:
            if not zygote.has_forked:  # the reason is told by who starts by itself
                self._unfit = interpreter
            return None

    def _of(self, interpreter: Interpreter) -> Zygote:
        newest = self._newest
        if newest is not None and (newest.gone or newest.interpreter != interpreter):
            newest.retire()
            self._newest = None
        if self._newest is None:
            self._newest = Zygote(interpreter)
            self._all = [each for each in self._all if not each.gone] + [self._newest]
        return self._newest

    def close(self) -> None:
        """Have none any more; one that does not tell soon that its last has ended has hung."""
        self._closed = True
        for zygote in self._all:
            zygote.retire()
            asyncio.get_running_loop().call_later(_PATIENCE, zygote.close)


def _can(interpreter: Interpreter) -> bool:
    """Whether environments differ in no more than a fork is told; AWS's wrapper runs in each."""
    return sys.platform.startswith("linux") and not interpreter.wrapper
