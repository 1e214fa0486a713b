"""
Forks the processes of one function's environments, each with the runtime client imported already.

No thread runs and no handler is imported here: what is forked is what a new interpreter would be.
"""

import gc
import json
import os
import select
import signal
import socket

_STREAM = b"AWS_LAMBDA_LOG_STREAM_NAME="
_MAX_MESSAGE_BYTES = 65_536
_ENV_START, _ENV_END = 49, 50
"""Where `/proc/PID/stat` has the addresses of the variables that a process began with."""


class _LogStreamVariable:
    """
    The log stream's name among the variables that a process began with, which Linux shows others.

    What a function leaves behind is known by it; `os.environ` changes a copy.
    """

    def __init__(self) -> None:
        """Raises OSError, ValueError where a process can't see its own."""
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        start, end = (int(fields[field - 2]) for field in (_ENV_START, _ENV_END))
        with open("/proc/self/mem", "rb", buffering=0) as memory:
            own = os.pread(memory.fileno(), end - start, start)
        found = own.index(b"\0" + _STREAM) + 1 + len(_STREAM)
        self._address = start + found
        self._length = own.index(b"\0", found) - found

    def write(self, stream: str) -> None:
        """Have this process be known by another log stream. Raises OSError."""
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            os.pwrite(memory.fileno(), stream.encode()[: self._length], self._address)


class _Zygote:
    """Waits to be asked for a process, and tells how each ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._log_stream = _LogStreamVariable()
        self._ended, self._ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._ends, warn_on_full_buffer=False)

    def serve(self) -> int | None:
        """Return in each process that is forked, its descriptor; None in this one at the end."""
        while True:
            control = self._control.fileno()
            readable, _, _ = select.select([control, self._ended], [], [])
            if self._ended in readable:
                os.read(self._ended, _MAX_MESSAGE_BYTES)
                self._send_exits()
            if control in readable:
                message, descriptors, _, _ = socket.recv_fds(self._control, _MAX_MESSAGE_BYTES, 2)
                if not message:
                    return None
                if self._fork(descriptors):
                    return self._become_environment(json.loads(message), *descriptors)

    def _send_exits(self) -> None:
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._send(pid=ended[0], returncode=os.waitstatus_to_exitcode(ended[1]))
        except ChildProcessError:
            return

    def _fork(self, descriptors: list[int]) -> bool:
        """Return whether this is the new process; who asked is told its number, or the error."""
        try:
            os.chdir(os.environ["LAMBDA_TASK_ROOT"])  # it may be another folder of that name by now
            pid = os.fork()
        except OSError as error:
            self._send(errno=error.errno, strerror=error.strerror)
            pid = -1
        if not pid:
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        if pid > 0:
            _lead_group(pid)
            self._send(pid=pid)
        return False

    def _become_environment(self, variables: dict[str, str], control: int, output: int) -> int:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._control.close()
        os.close(self._ended)
        os.close(self._ends)
        _lead_group(0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.set_inheritable(control, True)  # noqa: FBT003  # it may start anew
        os.environ.update(variables)
        self._log_stream.write(variables["AWS_LAMBDA_LOG_STREAM_NAME"])
        return control

    def _send(self, **what: object) -> None:
        try:
            self._control.send(json.dumps(what).encode())
        except OSError:  # nobody waits any more
            return


def _lead_group(pid: int) -> None:
    """Both it and who forked it do so, as either may be the first to need it."""
    try:
        os.setpgid(pid, pid)
    except OSError:
        return


def serve(descriptor: int) -> int:
    """
    Return in each process that is forked, with the descriptor of its own control socket.

    Raises SystemExit in this one, when nobody can ask any more.
    """
    zygote = _Zygote(socket.socket(fileno=descriptor))
    gc.collect()
    gc.freeze()  # looking for garbage would write to every page that is shared
    control = zygote.serve()
    if control is None:
        raise SystemExit(0)
    return control
