import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from support.lambda_service import environment
from support.service_starter import StartService
from support.waiting import DEADLINE, wait_until

ANSWERS = "def handler(event, context): print('hello'); return {'statusCode': 200}\n"


class Follower:
    """A `lambda-live terminal` process and its output."""

    def __init__(self, *args: str, **env: str) -> None:
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lambda_live", "terminal", *args],
            env=environment() | {"NO_COLOR": "1"} | env,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line

    def wait_for(self, pattern: str) -> None:
        wait_until(lambda: re.search(pattern, self.text), f"{pattern!r} in {self.text!r}")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def following(url: str) -> Iterator[Follower]:
    with closing(Follower(url)) as follower:
        yield follower


def test_follower_gets_terminal_lines(start_service: StartService) -> None:
    service = start_service(ANSWERS)
    with following(service.admin_url) as follower:
        follower.wait_for(r"✓ loaded in [\d.]+ m?s\n")
        service.invoke()
        follower.wait_for(r"✓ Invoke  200  .* MB\n  hello\n")
        service.end()
        follower.wait_for(f"waiting for the function at {service.admin_url}\n")
    assert "\x1b" not in follower.text
    assert "START RequestId" in service.log


def test_new_follower_first_gets_load_error(
    start_service: StartService,
) -> None:
    service = start_service("import no_such_module\n")
    with following(service.admin_url) as follower:
        follower.wait_for(r"✗ does not load  function/app\.py:1\n")
        follower.wait_for("No module named 'no_such_module'; add no_such_module to\n")
        follower.wait_for("  > 1 │ import no_such_module")


def test_invalid_url_is_rejected() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "lambda_live", "terminal", "9101"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (
        2,
        "lambda-live: argument url: invalid URL '9101': write http://HOST:PORT\n",
    )
