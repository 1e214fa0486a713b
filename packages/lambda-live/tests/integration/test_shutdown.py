import http.client
import json
import os
import signal
import socket
import sys
import urllib.parse
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing

import psutil
import pytest

from support.http import HttpResponse, request
from support.lambda_service import INVOKE, LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

WAITS_FOR_END = """
import subprocess, time
from pathlib import Path

def handler(event, context):
    child = subprocess.Popen(["sleep", "600"])
    Path(f"began-{event}").touch()
    while not Path("end").exists():
        time.sleep(0.005)
    child.kill()
    return "finished"
"""
PAGE_INVOKE = b'{"function": "function", "event": "1"}'
JSON = {"Content-Type": "application/json"}
STOPPING = "lambda-live: Stopping (press again to force quit)"


def begin(
    service: LambdaService, threads: ThreadPoolExecutor, number: int = 1
) -> Future[HttpResponse]:
    response = threads.submit(service.invoke, number)
    wait_until((service.project / f"began-{number}").exists)
    return response


def release_all(service: LambdaService) -> None:
    (service.project / "end").touch()


def rejects_requests(service: LambdaService) -> bool:
    """Whether requests are rejected, by connection or by status."""
    try:
        return service.invoke(9).status == 503
    except ConnectionError:
        return True


def test_stop_finishes_running_and_rejects_new_requests(start_service: StartService) -> None:
    service = start_service(WAITS_FOR_END, "--timeout=60", "--concurrency=1")
    with ThreadPoolExecutor(2) as threads:
        running = begin(service, threads)
        queued = threads.submit(service.invoke, 2)
        wait_until(lambda: service.metric("lambda_queue_length") == 1)
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: service.admin("/ready").status == 503)

        assert rejects_requests(service)
        page = request(service.admin_url, "POST", "/api/invoke", PAGE_INVOKE, JSON)
        assert (page.status, page.json()["message"]) == (409, "The service is stopping.")
        assert not running.done()

        release_all(service)
        assert running.result().json() == "finished"
        assert queued.result().json() == "finished"
    assert service.wait() == 0
    assert STOPPING in service.lines


REQUESTS = [(INVOKE, "RequestResponse"), (INVOKE, "Event"), ("/", "any")]


def test_request_completed_after_stop_is_rejected(start_service: StartService) -> None:
    service = start_service(WAITS_FOR_END)
    netloc = urllib.parse.urlsplit(service.url).netloc
    with ThreadPoolExecutor(1) as threads, ExitStack() as stack:
        connections = []
        for path, kind in REQUESTS:
            connection = http.client.HTTPConnection(netloc, timeout=60)
            stack.enter_context(closing(connection))
            connection.putrequest("POST", path)
            connection.putheader("Content-Length", "2")
            connection.putheader("X-Amz-Invocation-Type", kind)
            connection.endheaders()
            connections.append(connection)
        running = begin(service, threads)
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: service.admin("/ready").status == 503)

        for connection in connections:
            connection.send(b"{}")
            response = connection.getresponse()
            assert (response.status, response.headers["x-amzn-ErrorType"]) == (
                503,
                "ServiceException",
            )
            assert json.load(response) == {"Type": "Service", "Message": "Service is stopping."}
        release_all(service)
        assert running.result().json() == "finished"


def test_ctrl_c_reaches_only_the_service(start_service: StartService) -> None:
    service = start_service(WAITS_FOR_END, "--timeout=60")
    with ThreadPoolExecutor(1) as threads:
        running = begin(service, threads)
        os.killpg(service.pid, signal.SIGINT)
        service.wait_for_line(STOPPING)
        release_all(service)

        assert running.result().json() == "finished"
    assert service.wait() == 0
    assert service.stderr == ""


def test_second_signal_kills_at_once(start_service: StartService) -> None:
    service = start_service(WAITS_FOR_END, "--timeout=600", "--concurrency=1")
    with ThreadPoolExecutor(3) as threads:
        begin(service, threads)
        threads.submit(service.invoke, 2)
        wait_until(lambda: service.metric("lambda_queue_length") == 1)
        service.boto3.invoke(FunctionName="function", InvocationType="Event", Payload="3")
        wait_until(lambda: service.metric("lambda_queue_length") == 2)
        service.process.send_signal(signal.SIGTERM)
        service.wait_for_line(STOPPING)
        service.process.send_signal(signal.SIGTERM)

        assert service.wait() == 0
    assert "lambda-live: event lost: the service stopped (event 3)" in service.lines
    wait_until(lambda: not service.processes())


def test_stop_waits_at_most_the_shutdown_timeout(start_service: StartService) -> None:
    service = start_service(WAITS_FOR_END, "--timeout=600", "--shutdown-timeout=1")
    with ThreadPoolExecutor(1) as threads:
        running = begin(service, threads)
        netloc = urllib.parse.urlsplit(service.url).netloc
        unfinished = http.client.HTTPConnection(netloc, timeout=60)
        with closing(unfinished):
            unfinished.putrequest("POST", INVOKE)
            unfinished.putheader("Content-Length", "2")
            unfinished.putheader("Expect", "100-continue")
            unfinished.endheaders()
            unfinished.sock.recv(1, socket.MSG_PEEK)  # "100 Continue": it waits for the body

            assert service.end() == 0
            assert unfinished.getresponse().status == 503
        assert running.result().json()["errorType"] == "Runtime.ExitError"
    assert not [line for line in service.lines if "Traceback" in line or "internal error" in line]
    wait_until(lambda: not service.processes())


def test_stop_before_ready_stops(start_service: StartService) -> None:
    service = start_service("import time\ntime.sleep(60)\n", ready=False)
    wait_until(lambda: service.metric("lambda_environments") == 1)

    assert service.end() == 0


def test_stop_right_after_startup_line_stops(start_service: StartService) -> None:
    service = start_service("def handler(event, context): ...", ready=False)

    assert service.end() == 0


def test_stop_kills_frozen_environment(start_service: StartService) -> None:
    service = start_service("import os\ndef handler(event, context): return os.getpid()")
    process = psutil.Process(service.invoke().json())
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED)

    assert service.end() == 0
    assert not process.is_running()


def test_killed_service_leaves_no_process(start_service: StartService) -> None:
    service = start_service(WAITS_FOR_END, "--timeout=600", "--concurrency=2")
    with ThreadPoolExecutor(2) as threads:
        first, second = begin(service, threads, 1), begin(service, threads, 2)
        release_all(service)
        assert first.result().json() == second.result().json() == "finished"
        (service.project / "end").unlink()
        begin(service, threads, 3)  # one is busy, one frozen, one on standby
        wait_until(lambda: any(p.status() == psutil.STATUS_STOPPED for p in service.processes()))

        service.process.kill()
        service.wait()

    wait_until(lambda: not service.processes())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")
def test_killed_service_and_reaper_leave_no_process(
    start_service: StartService,
) -> None:
    # during an init, no environment exits by itself while it writes its coverage
    service = start_service("import time\ntime.sleep(60)\n", ready=False, measured=True)
    wait_until(lambda: len(service.processes()) == len(("service", "zygote", "environment")))
    children = psutil.Process(service.pid).children()
    (reaper,) = (each for each in children if "reaper.py" in each.cmdline()[-2])

    reaper.kill()
    service.process.kill()
    service.wait()

    wait_until(lambda: not service.processes())


def test_service_killed_during_init_leaves_no_process(
    start_service: StartService,
) -> None:
    service = start_service("import time\ntime.sleep(60)\n", ready=False)
    wait_until(lambda: len(service.processes()) > 1)

    service.process.kill()
    service.wait()

    wait_until(lambda: not service.processes())


SURVIVORS = """
import os, re, subprocess, time
from pathlib import Path

def handler(event, context):
    if event == 1:
        subprocess.Popen(["sleep", "600"], start_new_session=True)
    elif event == 2:
        os.setpgid(0, os.getpgid(os.getppid()))
    Path(f"began-{event}").touch()
    if event == 3:
        re.match("(a+)+$", "a" * 60 + "b")  # C code that holds the GIL
    time.sleep(600)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_session_group_and_c_code_end_with_the_service(
    start_service: StartService, number: signal.Signals
) -> None:
    service = start_service(SURVIVORS, "--timeout=600", "--shutdown-timeout=0.1")
    with ThreadPoolExecutor(3) as threads:
        for event in (1, 2, 3):
            begin(service, threads, event)
        service.process.send_signal(number)
        service.wait()

    wait_until(lambda: not service.processes())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_child_processes_end_with_the_environment(start_service: StartService) -> None:
    service = start_service(
        "import os, subprocess\ndef handler(event, context):\n"
        "    subprocess.Popen(['sleep', '600'], start_new_session=True)\n    os._exit(1)\n"
    )
    service.invoke()
    wait_until(lambda: not any(p.name() == "sleep" for p in service.processes()))
