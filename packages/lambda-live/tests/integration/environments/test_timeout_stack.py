"""Where a timeout stopped the code: in the log, and for the caller's log tail."""

import base64
import signal

import pytest

from lambda_live.checks.function_response import error_of, log_of, parse_response
from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import StartService

SLOW = {
    "sleeps": "import time\ndef run():\n    time.sleep(60)\n",
    # a regular expression that backtracks keeps the interpreter's lock
    "keeps_the_lock": "import re\ndef run():\n    re.match('(a+)+$', 'a' * 40 + 'b')\n",
    "spins": "def run():\n    while True: pass\n",
    "waits_for_thread": "import threading\n"
    "def run():\n    thread = threading.Thread(target=threading.Event().wait); thread.start()\n"
    "    thread.join()\n",
    "waits_for_process": "import subprocess\ndef run():\n    subprocess.run(['sleep', '60'])\n",
    "grüße": "import time\ndef run():\n    time.sleep(60)\n",
}
HANDLER_SOURCE = """
import importlib, signal, sys
sys.path.insert(0, "function")

def handler(event, context):
    if event == "ignores":
        for number in range(signal.SIGRTMIN, signal.NSIG):
            signal.signal(number, signal.SIG_IGN)
        event = "sleeps"
    importlib.import_module(event).run()
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    service = start_module_service(HANDLER_SOURCE, "--timeout=1", "--concurrency=10")
    write_project(service.project, {f"function/{name}.py": code for name, code in SLOW.items()})
    return service


def tail(service: LambdaService, event: str) -> str:
    """Return the log tail of an invocation that exceeds its timeout."""
    response = service.invoke(event, {"X-Amz-Log-Type": "Tail"})
    assert response.json()["errorType"] == "Sandbox.Timedout"
    assert list(response.json()) == ["errorType", "errorMessage"]
    return base64.b64decode(response.headers["x-amz-log-result"]).decode()


@pytest.mark.parametrize("name", SLOW)
def test_timeout_logs_line_that_was_running(service: LambdaService, name: str) -> None:
    log = tail(service, name)

    line = 4 if name == "waits_for_thread" else 2 if name == "spins" else 3
    frame = f'  File "{service.project}/function/{name}.py", line {line}, in run\n'
    timeout = "Task timed out after 1.00 seconds\n"
    message = "lambda-live: the timeout stopped this code (most recent call last)\n"
    assert f"{timeout}{message}" in log
    assert frame in log
    assert log.index(timeout) < log.index(frame) < log.index("END RequestId: ")
    assert "awslambdaric" not in log


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="no real-time signals")
def test_timeout_of_code_that_ignores_signals_has_no_stack(service: LambdaService) -> None:
    assert "the timeout stopped this code" not in tail(service, "ignores")


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_check_locates_timeout(start_service: StartService, log_format: str) -> None:
    source = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
    service = start_service(source, "--timeout=1", AWS_LAMBDA_LOG_FORMAT=log_format)
    response = service.invoke({}, {"X-Amz-Log-Type": "Tail"})
    headers = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    received = parse_response(f"HTTP/1.1 200 OK\r\n{headers}\r\n", response.body)

    error = error_of(received, response.json(), log_of(received), [str(service.project)])

    assert error is not None
    assert (error.type, error.message) == ("Sandbox.Timedout", "Task timed out after 1.00 seconds")
    assert (error.file, error.line) == ("function/app.py", 3)
