import fcntl
import json
import socket
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_lambda import LocalLambda
from tests.support.starting import StartLambda
from tests.support.waiting import wait_until

ADDRESS = ("127.0.0.1", 5678)
SOURCE = """
import time

def handler(event, context):
    message = event["message"]
    time.sleep(0.2)
    return message
"""


def message(command: str, arguments: Mapping[str, object]) -> bytes:
    request = {"seq": 1, "type": "request", "command": command, "arguments": arguments}
    body = json.dumps(request).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class Debugger:
    """A client of the Debug Adapter Protocol, as an editor is one."""

    def __init__(self) -> None:
        self._socket = wait_until(_connected, "the debugger's port")
        self._socket.settimeout(30)
        self._stream = self._socket.makefile("rb")
        self._seen: list[dict[str, Any]] = []

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def send(self, command: str, **arguments: object) -> None:
        self._socket.sendall(message(command, arguments))

    def wait_for(self, kind: str, name: str) -> dict[str, Any]:
        """Return the next message: an `event`, or the `response` to a command, of that name."""
        while True:
            message = self._read()
            if message["type"] == kind and name in (message.get("event"), message.get("command")):
                return message

    def ask(self, command: str, **arguments: object) -> Any:
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


def _connected() -> socket.socket | None:
    try:
        return socket.create_connection(ADDRESS)
    except ConnectionRefusedError:
        return None


@pytest.fixture
def _port() -> Iterator[None]:
    """Port 5678, which is the debugger's always, for one test at a time."""
    with (Path(tempfile.gettempdir()) / "lambda-dev-port-5678").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def service(_port: None, start_lambda: StartLambda) -> LocalLambda:
    try:
        socket.create_server(ADDRESS).close()
    except OSError:
        pytest.skip("another debugger has port 5678")
    return start_lambda(SOURCE, "--debug", "--timeout=0.1", "--concurrency=5", measured=True)


def test_a_debugger_stops_at_a_breakpoint_and_no_timeout_disturbs_it(service: LocalLambda) -> None:
    with closing(Debugger()) as debugger, ThreadPoolExecutor(1) as threads:
        debugger.ask("initialize", adapterID="test", pathFormat="path")
        debugger.send("attach", justMyCode=True)
        debugger.wait_for("event", "initialized")
        path = str(service.project / "function/app.py")
        debugger.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": 6}])
        debugger.ask("configurationDone")

        answer = threads.submit(service.invoke, {"message": "seen"})
        stopped = debugger.wait_for("event", "stopped")
        thread = stopped["body"]["threadId"]
        frame = debugger.ask("stackTrace", threadId=thread)["stackFrames"][0]
        value = debugger.ask("evaluate", expression="message", frameId=frame["id"])
        debugger.ask("continue", threadId=thread)

        assert (frame["name"], frame["line"]) == ("handler", 6)
        assert value["result"] == "'seen'"
        assert answer.result().json() == "seen"


def test_there_is_one_environment(service: LocalLambda) -> None:
    with ThreadPoolExecutor(3) as threads:
        events = [{"message": number} for number in range(3)]
        answers = list(threads.map(service.invoke, events))

    assert [answer.json() for answer in answers] == [0, 1, 2]
    assert service.metric("lambda_init_duration_seconds_count") == 1


def test_after_a_reload_the_debugger_can_attach_again(service: LocalLambda) -> None:
    app = service.project / "function/app.py"
    for number in range(2):
        app.write_text(f"def handler(event, context): return {number}\n", encoding="utf-8")
        assert service.invoke().json() == number
        with closing(Debugger()) as debugger:
            debugger.ask("initialize", adapterID="test")


def test_after_a_crash_the_debugger_can_attach_again(service: LocalLambda) -> None:
    app = service.project / "function/app.py"
    app.write_text("import os\ndef handler(event, context): os._exit(1)\n", encoding="utf-8")
    for _ in range(2):
        assert service.invoke().json()["errorType"] == "Runtime.ExitError"
    app.write_text("def handler(event, context): return 1\n", encoding="utf-8")

    assert service.invoke().json() == 1
    with closing(Debugger()) as debugger:
        debugger.ask("initialize", adapterID="test")


def test_a_web_page_can_run_nothing_by_the_debugger(service: LocalLambda) -> None:
    evaluate = {"expression": "open('evil', 'w')", "context": "repl"}
    commands = [("initialize", {"adapterID": "x"}), ("attach", {}), ("evaluate", evaluate)]
    body = b"".join(message(command, arguments) for command, arguments in commands)
    with closing(Debugger()) as debugger:
        debugger.ask("initialize", adapterID="test")
        debugger.send("attach", justMyCode=True)
        debugger.wait_for("event", "initialized")

        with socket.create_connection(ADDRESS) as page, suppress(ConnectionError):
            page.sendall(b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n\r\n" + body)
            assert not page.recv(1)

        debugger.ask("configurationDone")
        value = debugger.ask("evaluate", expression="1 + 1", context="repl")
    assert value["result"] == "2"
    assert not (service.project / "evil").exists()
