"""A client of the Debug Adapter Protocol, like an editor."""

import fcntl
import itertools
import json
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.waiting import wait_until

PORT = 5678


@contextmanager
def exclusive_port() -> Iterator[None]:
    """Lock port 5678, the default debugger port, for one test at a time."""
    with (Path(tempfile.gettempdir()) / "lambda-dev-port-5678").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def message(command: str, arguments: Mapping[str, object], number: int = 1) -> bytes:
    request = {"seq": number, "type": "request", "command": command, "arguments": arguments}
    body = json.dumps(request).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class Debugger:
    """A client of the Debug Adapter Protocol, like an editor."""

    def __init__(self, port: int = PORT) -> None:
        self._socket = wait_until(lambda: _connected(port), "the debugger's port")
        self._socket.settimeout(30)
        self.address: tuple[str, int] = self._socket.getpeername()
        self._stream = self._socket.makefile("rb")
        self._numbers = itertools.count(1)

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def send(self, command: str, **arguments: object) -> None:
        self._socket.sendall(message(command, arguments, next(self._numbers)))

    def wait_for(self, kind: str, name: str) -> dict[str, Any]:
        """Return the next `event` of that name, or the next `response` to that command."""
        while True:
            message = self._read()
            if message["type"] == kind and name in (message.get("event"), message.get("command")):
                return message

    def attach(self, path: Path, line: int) -> None:
        """Attach like an editor with one breakpoint."""
        self.request("initialize", adapterID="test", pathFormat="path")
        self.send("attach", justMyCode=True)
        self.wait_for("event", "initialized")
        self.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": line}])
        self.request("configurationDone")

    def stopped(self) -> tuple[int, dict[str, Any]]:
        """Wait for a breakpoint; return the stopped thread and its frame."""
        thread: int = self.wait_for("event", "stopped")["body"]["threadId"]
        frame: dict[str, Any] = self.request("stackTrace", threadId=thread)["stackFrames"][0]
        return thread, frame

    def request(self, command: str, **arguments: object) -> Any:
        """Send a request; return the body of its response."""
        self.send(command, **arguments)
        response = self.wait_for("response", command)
        assert response["success"], response
        return response.get("body")

    def _read(self) -> dict[str, Any]:
        length = 0
        while line := self._stream.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._stream.read(length))
        return message


def _connected(port: int) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", port))
    except ConnectionRefusedError:
        return None
