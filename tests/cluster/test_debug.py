"""A debugger that is attached to the pod through Tilt, as in .vscode/launch.json."""

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from support.debugger import Debugger, exclusive_port
from tests.cluster.conftest import CreateWorkspace
from tests.cluster.support.workspace import CODE, TEXT, Tilt, Workspace

pytestmark = pytest.mark.cluster

SAVES = 20


@pytest.fixture
def workspace(create_workspace: CreateWorkspace) -> Iterator[Workspace]:
    workspace = create_workspace()
    with exclusive_port(), Tilt(workspace, "--debug"):
        yield workspace


def wait_for_save(workspace: Workspace) -> None:
    command = ["scripts/check", "--cluster", "--code"]
    environ = os.environ | workspace.ports
    subprocess.run(command, cwd=workspace.directory, env=environ, check=True)


def continue_at_breakpoints(debugger: Debugger, seen: list[str]) -> None:
    """Continue at each breakpoint, also of Tilt's checks, and record its message."""
    with suppress(OSError, ValueError):  # the debugger is closed
        while True:
            thread, frame = debugger.stopped()
            evaluated = debugger.request(
                "evaluate", expression="event['message']", frameId=frame["id"]
            )
            seen.append(evaluated["result"])
            debugger.send("continue", threadId=thread)  # the process may exit before it responds


def test_debugger_stays_attached_over_twenty_saves(workspace: Workspace) -> None:
    code = workspace.read(CODE)
    (line,) = [at for at, text in enumerate(code.splitlines(), 1) if TEXT in text]
    seen: list[str] = []
    with ThreadPoolExecutor(1) as threads, closing(Debugger()) as debugger:
        debugger.attach(Path("/var/task") / CODE, line)
        continuing = threads.submit(continue_at_breakpoints, debugger, seen)
        for number in range(SAVES):
            workspace.write(CODE, code.replace(TEXT, f"After save {number} it is"))
            wait_for_save(workspace)
            message = f"message {number}"

            response = workspace.invoke(json.dumps({"message": message}).encode())

            assert not continuing.done(), continuing.exception()
            assert json.loads(response)["body"] == f"After save {number} it is: '{message}'"
            assert repr(message) in seen
