import json
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support.server_thread import serve_in_thread

LOKI = {
    "data": {
        "result": [
            {"values": [["1700000000000000003", "third"], ["1700000000000000001", "first"]]},
            {"values": [["1700000000000000002", "second"]]},
        ]
    }
}


class _Loki(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # http.server's name
        body = json.dumps(LOKI if "lambda" not in self.path else {"data": {"result": []}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def logs(*arguments: str, loki: str = "http://127.0.0.1:9") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["scripts/logs", *arguments],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LOKI_URL": loki},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["--help"], 0, "Usage: scripts/logs"),
        (["--since", "soon"], 2, "expected a number and s, m or h"),
        (["--since"], 2, "an option has no value"),
        (["one", "two"], 2, "more than one request ID: two"),
        (["--nonsense"], 2, "unknown option --nonsense"),
        ([], 1, "Is tilt up running?"),
    ],
)
def test_logs_reports_a_wrong_call(arguments: list[str], status: int, expected: str) -> None:
    done = logs(*arguments)

    assert done.returncode == status
    assert expected in done.stdout + done.stderr


def test_logs_prints_lines_oldest_first() -> None:
    with serve_in_thread(ThreadingHTTPServer(("127.0.0.1", 0), _Loki)) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        done = logs(loki=url)
        none = logs("--function", "lambda", "an-id", loki=url)

    assert (done.returncode, done.stdout, done.stderr) == (0, "first\nsecond\nthird\n", "")
    assert (none.returncode, none.stdout) == (1, "")
    assert "no lines with request ID an-id yet" in none.stderr
