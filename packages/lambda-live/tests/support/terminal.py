"""Run `lambda-live` in a pseudo-terminal, as a person would."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from support.fork_server import Started
from support.http import HttpResponse, request
from support.lambda_service import INVOKE, LambdaService, environment, program
from support.project import HANDLER
from support.waiting import DEADLINE, wait_until

NO_SUMMARIES = {
    "terminal.grouping.MAX_INVOCATIONS_PER_SECOND": 10_000,
    "terminal.grouping.MAX_RECORDS_PER_SECOND": 100_000,
}
"""Constants that keep the invocations of the tests from being summarized."""

_TITLE = re.compile(r"\x1b\][02];([^\x07]*)\x07")
_STYLE = re.compile(r"\x1b\[[0-9;?]*[mhlt]")
_REWRITTEN = re.compile(r"[^\n]*\r\x1b\[2K")


class TerminalService:
    """A service in a terminal of 80 columns and 24 rows."""

    def __init__(
        self,
        project: Path,
        *args: str,
        handler: str | None = HANDLER,
        stdin: int | None = None,
        typed: str = "",
        constants: Mapping[str, object] | None = None,
        **env: str,
    ) -> None:
        self.project = project
        self.output = bytearray()
        self.master, slave = pty.openpty()
        self.resize(80)
        self.modes = termios.tcgetattr(slave)
        self._slave = slave
        self.press(typed)
        own = ["--port=0", "--admin-port=0", "--no-history", "--timeout=60"]
        arguments = [*([handler] if handler else []), *own, *args]
        environ = environment() | {"TERM": "xterm-256color"} | env
        self.process = self._start(arguments, environ, stdin, constants)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self.wait_for(r"(http://\S+:\d+)")[1]

    def _start(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        stdin: int | None,
        constants: Mapping[str, object] | None,
    ) -> Started:
        if LambdaService.fork_server is not None and stdin is None:
            return LambdaService.fork_server.start(
                self.project,
                environ,
                [self._slave] * 3,
                arguments=arguments,
                constants=constants,
                terminal=True,
            )
        return subprocess.Popen(
            [*program(constants), *arguments],
            cwd=self.project,
            env=environ,
            stdin=self._slave if stdin is None else stdin,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(self._slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509  # no other thread holds a lock yet
        )

    def resize(self, columns: int, rows: int = 24) -> None:
        """Set the size of the terminal."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 65_536)
            except OSError:
                return
            self.output += data

    @property
    def raw(self) -> str:
        return self.output.decode("utf-8", "replace")

    @property
    def styled_rows(self) -> list[str]:
        """The visible lines with their colors."""
        text = _TITLE.sub("", self.raw).replace("\a", "").replace("\r\n", "\n")
        return _REWRITTEN.sub("", text).split("\n")

    @property
    def rows(self) -> list[str]:
        """The visible lines."""
        return [_STYLE.sub("", row) for row in self.styled_rows]

    @property
    def titles(self) -> Sequence[str]:
        return _TITLE.findall(self.raw)

    def modes_now(self) -> list[Any]:
        return termios.tcgetattr(self._slave)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def wait_for(self, pattern: str, after: int = 0) -> re.Match[str]:
        """Wait for a match in the visible lines, without the first `after` rows."""
        return wait_until(lambda: re.search(pattern, "\n".join(self.rows[after:])), f"{pattern!r}")

    def invoke(self, body: bytes = b"{}", **headers: str) -> HttpResponse:
        return request(self.url, "POST", INVOKE, body, headers)

    def save(self, source: str) -> int:
        """Save the function. Return the number of rows before."""
        rows = len(self.rows) - 1
        path = self.project / "function/app.py"
        path.with_name(".new").write_text(source, encoding="utf-8")
        path.with_name(".new").rename(path)
        return rows

    def stop(self) -> int:
        """Terminate the service and return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        """Terminate the service and check its exit status. A killed process reports no coverage."""
        try:
            assert self.stop() == 0, self.raw
            assert self.modes_now() == self.modes
        finally:
            self.process.kill()
            self.process.wait(DEADLINE)
            os.close(self._slave)
            self._reader.join(DEADLINE)
            os.close(self.master)


type Start = Callable[..., TerminalService]
"""Starts a service whose function has the given source."""
