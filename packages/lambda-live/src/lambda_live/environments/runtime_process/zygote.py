"""
The zygote process: it has imported the runtime client, and forks environments on request.

`environments/zygote.py` is the service's side, and explains why. `bootstrap.py` calls `serve` after
its imports. `serve` returns once in each forked process, which then continues as an environment.

The zygote owns its forks. It is a "child subreaper", and so is each fork: a process whose parent
has exited becomes the child of its environment, whatever session, group or variables it has. When
an environment exits, its processes become children of the zygote, which kills every child that it
did not fork. When the service exits, the kernel closes its socket, and the zygote kills all
children. Without that, a daemon that a function started would outlive its environment. The price:
a daemon that exits stays a zombie until its environment exits, because only a parent can reap it.

Two rules make a fork equal to a new interpreter. No thread may run in the zygote: a fork copies
only the calling thread, and a lock that another thread held would stay locked. And no code of the
function may run in it.

A fork has the initial variables of the zygote in /proc/PID/environ, which the kernel reads from the
process's memory; `os.environ` changes a copy. The reaper finds processes by the log stream name in
there, so each fork overwrites that name in its own memory: see `_LogStreamVariable`. If it did not,
the reaper could not tell environments apart, and would leave background processes of functions.

Sources: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
"""

import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36
_STREAM = b"AWS_LAMBDA_LOG_STREAM_NAME="
_MAX_MESSAGE_BYTES = 65_536
_ENV_START, _ENV_END = 50, 51
"""Numbers of two fields of /proc/PID/stat: the addresses of the initial variables."""


class _LogStreamVariable:
    """The log stream name among the variables in this process's memory."""

    def __init__(self, address: int, length: int) -> None:
        self._address = address
        self._length = length

    @classmethod
    def find(cls) -> "_LogStreamVariable":
        """Find the address. Raises OSError or ValueError if /proc is not readable."""
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # from field 3 on
        start, end = (int(fields[number - 3]) for number in (_ENV_START, _ENV_END))
        with open("/proc/self/mem", "rb", buffering=0) as memory:
            variables = os.pread(memory.fileno(), end - start, start)
        offset = variables.index(b"\0" + _STREAM) + 1 + len(_STREAM)
        return cls(start + offset, variables.index(b"\0", offset) - offset)

    def overwrite(self, stream: str) -> None:
        """Write another name of the same length. Raises OSError."""
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            os.pwrite(memory.fileno(), stream.encode()[: self._length], self._address)


class _Zygote:
    """Forks on request, and reports the exit of each fork."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._forked: set[int] = set()
        self._adopt_orphans = load_subreaper()
        self._adopt_orphans()
        self._log_stream = _LogStreamVariable.find()
        self._child_exited, self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> int | None:
        """Return the control descriptor in each forked process, None in the zygote at the end."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        while True:
            control = self._control.fileno()
            readable, _, _ = select.select([control, self._child_exited], [], [])
            if self._child_exited in readable:
                os.read(self._child_exited, _MAX_MESSAGE_BYTES)
                self._send_exits()
            if control in readable:
                message, descriptors = self._receive()
                if not message:
                    self._kill_all()
                    return None
                forked = self._fork(json.loads(message), descriptors)
                if forked is not None:
                    return forked

    def _receive(self) -> tuple[bytes, list[int]]:
        """Return a request and its descriptors; nothing if the service has exited."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, _MAX_MESSAGE_BYTES, 3)
        except ConnectionResetError:  # the service has left a message unread
            return b"", []
        return message, descriptors

    def _send_exits(self) -> None:
        while pid := _exited_child():
            is_fork = pid in self._forked
            if is_fork:
                _kill(pid)  # its group, before another process may get the same number
                self._forked.discard(pid)
                self._kill_orphans(pid)
            status = os.waitpid(pid, 0)[1]
            if is_fork:
                self._send(pid=pid, returncode=os.waitstatus_to_exitcode(status))

    def _kill_orphans(self, exited: int = 0) -> None:
        """Kill what forks that have exited left; their own children then follow."""
        while orphans := _children() - self._forked - {exited}:
            for pid in orphans:
                _kill(pid)
            for pid in orphans:
                os.waitpid(pid, 0)

    def _kill_all(self) -> None:
        for pid in self._forked:
            _kill(pid)
        self._forked.clear()
        self._kill_orphans()

    def _fork(self, request: dict[str, Any], descriptors: list[int]) -> int | None:
        """
        Return the control descriptor in the new process. In the zygote, send its pid or the error.

        A process with a command of its own executes that instead.
        """
        command: list[str] = request["command"]
        pid = -1
        pipe: tuple[int, ...] = ()
        try:
            os.chdir(os.environ["LAMBDA_TASK_ROOT"])  # the folder may have been replaced
            pipe = os.pipe() if command else ()
            pid = os.fork()
        except OSError as error:
            self._send(errno=error.errno, strerror=error.strerror)
        if not pid:
            control = self._become_environment(request["environ"], *descriptors[:2])
            if command:
                _execute([*command, str(control), sys.argv[2]], descriptors[2:], pipe[1])
            return control
        for descriptor in (*descriptors, *pipe[1:]):
            os.close(descriptor)
        if pid > 0:
            _lead_group(pid)
        # the execution closes the pipe, which no program inherits; a failure writes to it first
        failure = os.read(pipe[0], _MAX_MESSAGE_BYTES) if command and pid > 0 else b""
        for descriptor in pipe[:1]:
            os.close(descriptor)
        if failure:
            os.waitpid(pid, 0)
            self._send(errno=int(failure), strerror=os.strerror(int(failure)))
        elif pid > 0:
            self._forked.add(pid)
            self._send(pid=pid)
        return None

    def _become_environment(self, variables: dict[str, str], control: int, output: int) -> int:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._control.close()
        os.close(self._child_exited)
        os.close(self._wakeup)
        _lead_group(0)
        self._adopt_orphans()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.set_inheritable(control, True)  # noqa: FBT003  # for a restart by `handler_loader`
        os.environ.update(variables)
        self._log_stream.overwrite(variables["AWS_LAMBDA_LOG_STREAM_NAME"])
        return control

    def _send(self, **fields: object) -> None:
        try:
            self._control.send(json.dumps(fields).encode())
        except OSError:  # the service has exited
            return


def _execute(command: list[str], debug_sockets: list[int], failure: int) -> None:
    """Replace this process by a command; write the number of an error to `failure`."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
        signal.signal(number, signal.SIG_DFL)
    for descriptor in debug_sockets:
        os.set_inheritable(descriptor, True)  # noqa: FBT003  # os's signature
        os.environ["_LAMBDA_LIVE_DEBUG_SOCKET"] = str(descriptor)
    try:
        os.execv(command[0], command)  # noqa: S606  # the service's own command
    except OSError as error:
        os.write(failure, str(error.errno).encode())
    os._exit(127)


def load_subreaper() -> Callable[[], object]:
    """Return a function that makes this process adopt orphans; it does nothing without ctypes."""
    try:
        import ctypes  # noqa: PLC0415  # some builds of Python lack it
    except ImportError:
        return lambda: None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _exited_child() -> int:
    """Return the pid of a child that has exited and is not reaped yet, or 0."""
    try:
        exited = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return 0 if exited is None else exited.si_pid


def _children() -> set[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
            return set(map(int, file.read().split()))
    except OSError:  # the kernel may be built without this file
        return set()


def _kill(pid: int) -> None:
    """Kill a process that is not reaped yet, and the group that it leads."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except OSError:
            continue


def _lead_group(pid: int) -> None:
    """Make a process the leader of its group. Parent and child both do, as either may be first."""
    try:
        os.setpgid(pid, pid)
    except OSError:
        return


def serve(descriptor: int) -> int:
    """
    Return the descriptor of the control socket in each forked process.

    Raises SystemExit in the zygote, when the service has closed its socket.
    """
    zygote = _Zygote(socket.socket(fileno=descriptor))
    gc.collect()
    gc.freeze()  # a collection would write to every shared page, and so copy it
    control = zygote.serve()
    if control is None:
        raise SystemExit(0)
    return control
