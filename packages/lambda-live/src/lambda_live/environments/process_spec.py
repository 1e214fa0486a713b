"""How the process of an environment is started, and why a start may fail."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, override

from lambda_live.environments.function_python import FunctionPython
from lambda_live.environments.variables import RUNTIME_DIRECTORY, exec_wrapper, shared_variables
from lambda_live.model.function import FunctionConfiguration


def open_pidfd(pid: int) -> int | None:
    """Return a descriptor that is readable after the exit of a process, if the system has them."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # an old kernel, no descriptor left, or the process was reaped
        return None


def kill_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to the group that a process leads, or to the process if it left the group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
        return
    with contextlib.suppress(OSError):
        os.kill(pid, number)


class ProcessHandle(Protocol):
    """A running process: spawned by an interpreter, or forked from a zygote."""

    pid: int

    @property
    def has_exited(self) -> bool:
        """Whether the process has exited. Its pid may then belong to another process."""

    def watch(self, on_exit: Callable[[int], None]) -> None:
        """Call `on_exit` in the event loop with the return code, which is negative for a signal."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """Command, folder and variables that all environments of one configuration share."""

    wrapper: Sequence[str]
    executable: str
    handler: str
    working_directory: str
    environ: Mapping[str, str]

    def command(self, *, is_debugging: bool) -> list[str]:
        """Return the command; the control descriptor and the handler follow it."""
        # without the option, debugpy warns on each start that it cannot stop in frozen modules
        options = ["-P", "-Xfrozen_modules=off"] if is_debugging else ["-P"]
        return [*self.wrapper, self.executable, *options, str(RUNTIME_DIRECTORY / "bootstrap.py")]

    def spawn(
        self,
        control: int,
        environ: Mapping[str, str],
        output: int = subprocess.DEVNULL,
        debug_sockets: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """
        Start the process with more variables.

        It inherits the descriptors `control` and `debug_sockets`. Raises OSError.
        """
        command = self.command(is_debugging=bool(debug_sockets))
        # asyncio's subprocesses cannot set a process group; this blocks for one short fork
        return subprocess.Popen(  # noqa: S603  # the arguments are this service's own
            [*command, str(control), self.handler],
            cwd=self.working_directory,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[control, *debug_sockets],
            process_group=0,
        )


def process_spec(configuration: FunctionConfiguration) -> ProcessSpec:
    """
    Return the specification for a configuration; equal for equal configurations.

    Raises OSError if the function's Python cannot be created.
    """
    FunctionPython(configuration).create()
    return ProcessSpec(
        exec_wrapper(configuration),
        configuration.interpreter.executable,
        configuration.handler,
        str(configuration.task_root),
        shared_variables(configuration),
    )


class SpawnedProcess(ProcessHandle):
    """
    A process with an interpreter of its own.

    A pidfd reports its exit; on systems without pidfds, a thread does.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid
        self._loop = asyncio.get_running_loop()
        self._process = process

    @property
    @override
    def has_exited(self) -> bool:
        return self._process.returncode is not None

    @override
    def watch(self, on_exit: Callable[[int], None]) -> None:
        if (pidfd := open_pidfd(self.pid)) is not None:
            self._loop.add_reader(pidfd, self._on_exited, pidfd, on_exit)
        else:
            threading.Thread(target=self._wait, args=(on_exit,), daemon=True).start()

    def _on_exited(self, pidfd: int, on_exit: Callable[[int], None]) -> None:
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        with contextlib.suppress(OSError):  # before it is reaped and its number used again
            os.killpg(self.pid, signal.SIGKILL)
        on_exit(self._process.wait())

    def _wait(self, on_exit: Callable[[int], None]) -> None:
        returncode = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed if the service stops first
            self._loop.call_soon_threadsafe(on_exit, returncode)


def describe_error(error: Exception) -> str:
    """Return the text of an error of the system, and the type and text of any other."""
    return str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"


def explain_start_failure(configuration: FunctionConfiguration) -> str | None:
    """Return which file, folder or value is wrong, and how to fix it; None if all are right."""
    for name, value in configuration.variables.items():
        if not (_is_encodable(name) and _is_encodable(value)):
            return (
                f"environment variable {name!a} has a character that no process can receive;"
                " remove the NUL or lone surrogate from .env, the template or samconfig"
            )
    if not configuration.task_root.is_dir():
        return f"code folder {configuration.task_root} not found; restore it or change CodeUri"
    for script in exec_wrapper(configuration):
        if not Path(script).is_file():
            return (
                f"AWS_LAMBDA_EXEC_WRAPPER {script} not found; add the layer that contains it,"
                " or write AWS_LAMBDA_EXEC_WRAPPER= into .env to run without it"
            )
    return None


def _is_encodable(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
