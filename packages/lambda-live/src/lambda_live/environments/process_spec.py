"""The interpreter that a function's environments run in, and a process of its own for one."""

import asyncio
import contextlib
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lambda_live.environments.variables import RUNTIME_DIRECTORY, exec_wrapper, variables
from lambda_live.model.function import FunctionConfiguration


class ProcessHandle(Protocol):
    """A process that has begun."""

    pid: int

    @property
    def has_exited(self) -> bool:
        """Whether its number may be another's by now."""

    def watch(self, on_exit: Callable[[int], None]) -> None:
        """Have its return code told in the event loop when it has ended; negative for a signal."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What all environments of one configuration are started with."""

    wrapper: Sequence[str]
    executable: str
    handler: str
    working_directory: str
    environ: Mapping[str, str]

    def spawn(
        self,
        descriptor: int,
        environ: Mapping[str, str],
        output: int = subprocess.DEVNULL,
        debug_sockets: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start it, with some more variables; it has these descriptors too. Raises OSError."""
        # the debugger can't stop in frozen modules, and says so each time
        options = ["-P", "-Xfrozen_modules=off"] if debug_sockets else ["-P"]
        bootstrap = [str(RUNTIME_DIRECTORY / "bootstrap.py"), str(descriptor), self.handler]
        # one short fork in the event loop; asyncio's own subprocesses know no process groups
        return subprocess.Popen(  # noqa: S603
            [*self.wrapper, self.executable, *options, *bootstrap],
            cwd=self.working_directory,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[descriptor, *debug_sockets],
            process_group=0,
        )


def process_spec(configuration: FunctionConfiguration) -> ProcessSpec:
    """Return that of a configuration; the same for the same one."""
    return ProcessSpec(
        exec_wrapper(configuration),
        configuration.interpreter.executable,
        configuration.handler,
        str(configuration.task_root),
        variables(configuration),
    )


class SpawnedProcess:
    """A process that an interpreter of its own runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self.pid = process.pid

    @property
    def has_exited(self) -> bool:
        """Part of Started."""
        return self._process.returncode is not None

    def watch(self, on_exit: Callable[[int], None]) -> None:
        """Part of Started."""
        threading.Thread(target=self._wait, args=(on_exit,), daemon=True).start()

    def _wait(self, on_exit: Callable[[int], None]) -> None:
        returncode = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed when the service stops first
            self._loop.call_soon_threadsafe(on_exit, returncode)
