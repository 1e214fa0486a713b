"""A debugger that is attached to the pod through Tilt, as by .vscode/launch.json."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from support.debugger import Debugger, exclusive_port
from tests.cluster.support.load import invoke
from tests.cluster.support.workspace import CODE, TEXT, URL, Tilt, Workspace

pytestmark = pytest.mark.cluster

SAVES = 20


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path)
    with exclusive_port(), Tilt(workspace, "--debug"):
        yield workspace


def await_save(workspace: Workspace) -> None:
    command = ["scripts/check", "--cluster", "--code"]
    subprocess.run(command, cwd=workspace.directory, check=True)


def go_on(debugger: Debugger, seen: list[str]) -> None:
    """Go on at each breakpoint, Tilt's checks come there too; note which message it was at."""
    with suppress(OSError, ValueError):  # it is closed
        while True:
            thread, frame = debugger.stopped()
            asked = debugger.ask("evaluate", expression="event['message']", frameId=frame["id"])
            seen.append(asked["result"])
            debugger.send("continue", threadId=thread)  # it may end before it says that it does


def test_it_stays_attached_over_twenty_saves_and_stops_after_each(workspace: Workspace) -> None:
    code = workspace.read(CODE)
    (line,) = [at for at, text in enumerate(code.splitlines(), 1) if TEXT in text]
    seen: list[str] = []
    with ThreadPoolExecutor(1) as threads, closing(Debugger()) as debugger:
        debugger.attach(Path("/var/task") / CODE, line)
        going_on = threads.submit(go_on, debugger, seen)
        for number in range(SAVES):
            workspace.write(CODE, code.replace(TEXT, f"After save {number} it is"))
            await_save(workspace)
            message = f"message {number}"

            _, answer = invoke(URL, json.dumps({"message": message}).encode())

            assert not going_on.done(), going_on.exception()
            assert json.loads(answer)["body"] == f"After save {number} it is: '{message}'"
            assert repr(message) in seen
