import base64
import http.client
import json
import os
import re
import signal
import socket
import sys
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

import psutil
import pytest

from support.http import HttpResponse, request
from support.lambda_service import INVOKE, LambdaService, idle_process_count
from support.project import RUNS_ITS_EVENT
from support.service_starter import StartService
from support.waiting import wait_until


def crash(service: LambdaService, code: str) -> tuple[str, str]:
    """Return the error's type, and its message without the request id."""
    response = service.invoke({"code": code})
    assert response.status == 200
    assert response.headers["x-amz-function-error"] == "Unhandled"
    prefix = f"RequestId: {response.headers['x-amzn-requestid']} Error: "
    assert list(response.json()) == ["errorType", "errorMessage"]
    assert response.json()["errorMessage"].startswith(prefix)
    return response.json()["errorType"], response.json()["errorMessage"].removeprefix(prefix)


def report(service: LambdaService, response: HttpResponse) -> str:
    return service.wait_for_line(f"REPORT RequestId: {response.headers['x-amzn-requestid']}")


@pytest.fixture(scope="module")
def strict(start_module_service: StartService) -> LambdaService:
    """A service with low limits."""
    return start_module_service(RUNS_ITS_EVENT, "--timeout=1", "--memory=64", "--concurrency=1")


@pytest.fixture(scope="module")
def patient(start_module_service: StartService) -> LambdaService:
    """A service whose handlers have time to exceed their memory limit."""
    return start_module_service(RUNS_ITS_EVENT, "--memory=150", "--timeout=30")


@pytest.fixture(scope="module")
def single(start_module_service: StartService) -> LambdaService:
    return start_module_service(RUNS_ITS_EVENT, "--concurrency=1")


@pytest.fixture(scope="module")
def editable(start_module_service: StartService) -> LambdaService:
    """A service to which each test saves its own code."""
    return start_module_service("")


@pytest.fixture(scope="module")
def short_init(start_module_service: StartService) -> LambdaService:
    """Like `editable`, with a short init timeout."""
    constants = {"environments.environment.INIT_TIMEOUT_SECONDS": 1.0}
    return start_module_service("", constants=constants)


def save(service: LambdaService, source: str) -> int:
    """Save code; return how many lines the log had before."""
    before = len(service.lines)
    path = service.project / "function/app.py"
    path.write_text(f"{source}\n# version {before}\n", encoding="utf-8")
    return before


def test_function_module_shadows_standard_library(
    start_service: StartService,
) -> None:
    # a module that awslambdaric imports would not be shadowed, as on AWS
    name = "inspect" if sys.version_info < (3, 14) else "cmd"
    code = f"import {name}\n\n\ndef handler(event, context):\n    return {name}.OWN\n"

    service = start_service({"app.py": code, f"{name}.py": "OWN = 'mine'\n"}, handler="app.handler")

    assert service.invoke().json() == "mine"


def test_timeout_returns_aws_error(strict: LambdaService) -> None:
    before = strict.metric("lambda_errors_total", error_type="Sandbox.Timedout")

    response = strict.invoke({"code": "import time; time.sleep(60)"})

    request_id = response.headers["x-amzn-requestid"]
    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert response.json() == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    line = strict.wait_for_line(f"{request_id} Task timed out after 1.00 seconds")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [0-9a-f-]{36} Task .*", line)
    line = report(strict, response)
    assert "\tDuration: 1000.00 ms\tBilled Duration: " in line
    assert line.endswith("\tStatus: timeout\t")
    after = strict.metric("lambda_errors_total", error_type="Sandbox.Timedout")
    assert after == before + 1


def test_timeout_replaces_environment(strict: LambdaService) -> None:
    old = strict.run("import os; reply = os.getpid()")
    crash(strict, "import time; print('before'); time.sleep(60)")

    new = strict.run("import os; reply = os.getpid()")

    assert new != old
    assert "before" in strict.lines
    wait_until(lambda: not psutil.pid_exists(old))


def test_timeout_kills_child_processes(strict: LambdaService) -> None:
    code = """
import subprocess, time
child = subprocess.Popen(["sleep", "600"])
print("child", child.pid)
time.sleep(60)
"""
    crash(strict, code)

    child = int(strict.wait_for_line("child ").split()[1])
    wait_until(lambda: not psutil.pid_exists(child))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os._exit(0)", "Runtime exited without providing a reason"),
        ("import os; os._exit(7)", "Runtime exited with error: exit status 7"),
        ("import sys; sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("raise SystemExit", "Runtime exited without providing a reason"),
        (
            "import os; os.kill(os.getpid(), 11)",
            "Runtime exited with error: signal: segmentation fault",
        ),
        ("import os; os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("import os; os.kill(os.getpid(), 15)", "Runtime exited with error: signal: terminated"),
        ("import os; os.kill(os.getpid(), 10)", "Runtime exited with error: signal: "),
    ],
)
def test_handler_that_exits_returns_exit_error(
    service: LambdaService, code: str, message: str
) -> None:
    error_type, text = crash(service, code)

    assert error_type == "Runtime.ExitError"
    assert text.startswith(message)
    assert service.run("reply = 1") == 1


def test_crash_logs_last_output(service: LambdaService) -> None:
    response = service.invoke({"code": "import os; print('last output', end=''); os._exit(1)"})

    assert service.wait_for_line("last output") == "last output"
    assert report(service, response).endswith("\tStatus: error\tError Type: Runtime.ExitError\t")


def test_crash_does_not_affect_concurrent_invocations(service: LambdaService) -> None:
    slow = "import time; time.sleep(0.5); reply = event['number']"
    with ThreadPoolExecutor(8) as threads:
        responses = [
            threads.submit(service.run, slow if number % 2 else "import os; os._exit(1)", number=n)
            for n, number in enumerate([0, 1, 0, 1, 0, 1, 0, 1])
        ]
        replies = [response.result() for response in responses]

    assert [reply for reply in replies if isinstance(reply, int)] == [1, 3, 5, 7]
    assert [reply["errorType"] for reply in replies if isinstance(reply, dict)] == (
        ["Runtime.ExitError"] * 4
    )


TAKES_MEMORY = "import time; block = bytearray(300 * 2**20); time.sleep(60)"


def test_out_of_memory_kills_only_that_environment(patient: LambdaService) -> None:
    before = patient.metric("lambda_errors_total", error_type="Runtime.OutOfMemory")
    with ThreadPoolExecutor(2) as threads:
        beside = threads.submit(patient.run, "import time; time.sleep(0.5); reply = 'untouched'")
        error = threads.submit(crash, patient, TAKES_MEMORY)

        assert error.result() == (
            "Runtime.OutOfMemory",
            "Runtime exited with error: signal: killed",
        )
        assert beside.result() == "untouched"
    assert patient.run("reply = 1") == 1
    after = patient.metric("lambda_errors_total", error_type="Runtime.OutOfMemory")
    assert after == before + 1


def test_out_of_memory_at_init_returns_error(editable: LambdaService) -> None:
    save(editable, "import time\nblock = bytearray(300 * 2**20)\ntime.sleep(60)\n")

    response = editable.invoke({})

    assert response.status == 200
    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert response.json()["errorType"] == "Runtime.OutOfMemory"


CHILD_TAKES_MEMORY = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {TAKES_MEMORY!r}])
"""
FORKS = """
import multiprocessing, time
block = bytearray(60 * 2**20)
forked = multiprocessing.get_context("fork")
children = [forked.Process(target=time.sleep, args=(0.3,)) for _ in "abc"]
for child in children: child.start()
for child in children: child.join()
reply = [child.exitcode for child in children]
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_child_memory_counts_and_shared_pages_count_once(
    patient: LambdaService,
) -> None:
    assert crash(patient, CHILD_TAKES_MEMORY)[0] == "Runtime.OutOfMemory"
    assert patient.run(FORKS) == [0, 0, 0]
    wait_until(lambda: not any(TAKES_MEMORY in each.cmdline() for each in patient.processes()))


def megabytes(service: LambdaService, response: HttpResponse) -> int:
    found = re.search(r"Max Memory Used: (\d+) MB", report(service, response))
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(
    ("code", "least"),
    [(TAKES_MEMORY, 64), ("while True: pass", 10), ("import os; os._exit(1)", 10)],
    ids=["memory", "timeout", "crash"],
)
def test_killed_environment_reports_memory(strict: LambdaService, code: str, least: int) -> None:
    assert megabytes(strict, strict.invoke({"code": code})) >= least


def test_failed_init_reports_memory(editable: LambdaService) -> None:
    save(editable, "import os\nos._exit(1)\n")

    assert megabytes(editable, editable.invoke()) >= 5


def test_report_has_peak_memory(start_service: StartService) -> None:
    service = start_service(RUNS_ITS_EVENT, "--memory=512")
    small = service.invoke({"code": "reply = 1"})
    large = service.invoke({"code": "block = bytearray(200 * 2**20); del block"})

    if sys.platform.startswith("linux"):  # other systems do not record the peak
        assert 200 < megabytes(service, large) < 300
        assert service.metric("lambda_max_memory_used_bytes") > 200 * 2**20
    assert 5 < megabytes(service, small) < 100
    assert service.metric("lambda_memory_size_bytes") == 512 * 2**20
    assert "Memory Size: 512 MB" in report(service, small)


def test_idle_environment_is_frozen(editable: LambdaService) -> None:
    source = """
import os, threading, time

beats = 0

def beat():
    global beats
    while True:
        beats += 1
        time.sleep(0.001)

def handler(event, context):
    if not beats:
        threading.Thread(target=beat, daemon=True).start()
    return os.getpid(), beats
"""
    save(editable, source)
    pid, _ = editable.invoke().json()
    process = psutil.Process(pid)

    wait_until(lambda: process.status() == psutil.STATUS_STOPPED)

    assert editable.invoke().json()[0] == pid


def test_only_first_report_has_init_duration(editable: LambdaService) -> None:
    save(editable, "import time\ntime.sleep(0.3)\ndef handler(event, context): ...")

    first, second = report(editable, editable.invoke()), report(editable, editable.invoke())

    found = re.search(r"Duration: ([\d.]+) ms\t.*Init Duration: ([\d.]+) ms", first)
    assert found is not None
    assert float(found[2]) > 300
    assert "Init Duration" not in second


def test_environment_variables_match_aws(start_service: StartService) -> None:
    service = start_service(
        "import os\ndef handler(event, context): return dict(os.environ)",
        "--name=orders",
        "--memory=256",
        "--timeout=7",
        AWS_REGION="eu-central-1",
        AWS_ENDPOINT_URL_S3="http://localhost:9000",
        AWS_SECRET_ACCESS_KEY="from the shell",  # noqa: S106  # nothing checks it
        AWS_PROFILE="from the shell",
        VIRTUAL_ENV="from the shell",
        LAMBDA_LIVE_QUEUE="3",
    )
    path = "/2015-03-31/functions/orders/invocations"
    variables = service.request("POST", path, b"{}").json()

    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    expected = {
        "AWS_ACCESS_KEY_ID": "placeholder",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_LAMBDA": service.url,
        "AWS_ENDPOINT_URL_S3": "http://localhost:9000",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{python}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "Text",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
        "AWS_REGION": "eu-central-1",
        "AWS_SECRET_ACCESS_KEY": "placeholder",
        "AWS_SESSION_TOKEN": "placeholder",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_TASK_ROOT": str(service.project),
        "TZ": ":UTC",
        "_HANDLER": "function.app.handler",
    }
    assert expected.items() <= variables.items()
    assert re.fullmatch(
        r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", variables["AWS_LAMBDA_LOG_STREAM_NAME"]
    )
    rest = {
        *("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_XRAY_DAEMON_ADDRESS"),
        *("LAMBDA_RUNTIME_DIR", "LANG", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH"),
        "PYTHONUNBUFFERED",
        *("_LAMBDA_TELEMETRY_LOG_FD", "_X_AMZN_TRACE_ID", "MARKER_OF_THE_TEST"),
    }
    assert set(variables) - set(expected) <= rest


def test_context_describes_invocation(service: LambdaService) -> None:
    code = """
import time

first = context.get_remaining_time_in_millis()
time.sleep(0.1)
reply = {
    "name": context.function_name,
    "version": context.function_version,
    "arn": context.invoked_function_arn,
    "memory": context.memory_limit_in_mb,
    "id": context.aws_request_id,
    "group": context.log_group_name,
    "stream": context.log_stream_name,
    "identity": context.identity.cognito_identity_id,
    "remaining": [first, context.get_remaining_time_in_millis()],
}
"""
    response = service.invoke({"code": code})

    context = response.json()
    first, second = context.pop("remaining")
    assert 50_000 < first <= 60_000
    assert second <= first - 100
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", context.pop("stream"))
    assert context == {
        "name": "function",
        "version": "$LATEST",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:function",
        "memory": "128",
        "id": response.headers["x-amzn-requestid"],
        "group": "/aws/lambda/function",
        "identity": None,
    }


def test_task_root_is_working_directory_and_first_on_path(
    service: LambdaService,
) -> None:
    path, directory = service.run("import os, sys; reply = [sys.path[0], os.getcwd()]")

    assert path == directory == str(service.project)


def test_standard_input_is_empty(service: LambdaService) -> None:
    assert service.run("import sys; reply = sys.stdin.read()") == ""


def test_open_files_are_limited_as_on_aws(service: LambdaService) -> None:
    count, error = service.run(
        "import os\nopened, error = [], None\n"
        "while error is None and len(opened) < 2000:\n"
        "    try:\n        opened.append(os.open(os.devnull, os.O_RDONLY))\n"
        "    except OSError as raised:\n        error = raised.strerror\n"
        "reply = len(opened), error\n"
        "for each in opened: os.close(each)\n"
    )

    assert 1000 < count < 1024
    assert error == "Too many open files"


LOADS_WHEN_RELEASED = """
import time
from pathlib import Path

while not Path("go").exists():
    time.sleep(0.005)
"""


def exceed_init_timeout(service: LambdaService, source: str) -> None:
    """Save code whose first init times out, and whose next one does not."""
    go = service.project / "go"
    go.unlink(missing_ok=True)
    before = save(service, LOADS_WHEN_RELEASED + source)
    expected = "Phase: init\tStatus: timeout"
    wait_until(
        lambda: any(expected in line for line in service.lines[before:]), "the init's timeout"
    )
    go.touch()


def test_init_timeout_is_retried_within_invocation(
    short_init: LambdaService,
) -> None:
    exceed_init_timeout(short_init, "def handler(event, context): return 'loaded'\n")

    assert short_init.invoke().json() == "loaded"


def test_endless_init_times_out_invocation(start_service: StartService) -> None:
    service = start_service(
        "import time\ntime.sleep(60)\n",
        "--timeout=1",
        constants={"environments.environment.INIT_TIMEOUT_SECONDS": 0.5},
    )

    response = service.invoke()

    assert response.json() == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {response.headers['x-amzn-requestid']}"
        " Error: Task timed out after 1.00 seconds",
    }
    request_id = response.headers["x-amzn-requestid"]
    service.wait_for_line(f"REPORT RequestId: {request_id}")
    log = service.log
    assert log.index(f"START RequestId: {request_id}") < log.index(f"END RequestId: {request_id}")


def test_failed_init_is_retried_within_invocation(editable: LambdaService) -> None:
    service, before = editable, save(editable, "import no_such_module")
    service.wait_for_line("no_such_module")

    response = service.boto3.invoke(FunctionName="function", LogType="Tail")
    request_id = response["ResponseMetadata"]["RequestId"]

    assert service.json_of(response)["errorType"] == "Runtime.ImportModuleError"
    tail = base64.b64decode(response["LogResult"]).decode()
    error = re.escape("[ERROR] Runtime.ImportModuleError: Unable to import module")
    status = r"Status: error\tError Type: Runtime\.ImportModuleError\t?"
    assert re.fullmatch(
        rf"(.*\n)*{error} .*\n(.*\n)*"
        rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\t{status}\n"
        rf"START RequestId: {request_id} .*\n"
        rf"END RequestId: {request_id}\n"
        rf"REPORT .*Max Memory Used: [1-9]\d* MB\t{status}\n",
        tail,
    ), tail
    first = [line for line in service.lines[before:] if "Phase: init\tStatus: error" in line]
    assert len(first) == 1
    assert re.fullmatch(rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\t{status}", first[0])


def test_init_that_fails_once_does_not_fail_invocation(editable: LambdaService) -> None:
    source = """
from pathlib import Path

if not Path("tried").exists():
    Path("tried").touch()
    raise ValueError("not yet")

def handler(event, context):
    return "well"
"""
    save(editable, source)

    assert editable.invoke().json() == "well"


def test_retried_init_that_fails_fails_invocation(short_init: LambdaService) -> None:
    exceed_init_timeout(short_init, "import no_such_module\n")

    assert short_init.invoke().json()["errorType"] == "Runtime.ImportModuleError"


def test_init_error_needs_token_of_environment(editable: LambdaService) -> None:
    source = """
import http.client, os
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
connection.request("POST", "/2018-06-01/runtime/init/error", '{"errorType": "Mine"}')
status = connection.getresponse().status
def handler(event, context):
    return status
"""
    save(editable, source)

    assert editable.invoke().json() == 403


def test_stack_trace_of_init_error_starts_in_importlib(editable: LambdaService) -> None:
    save(editable, "def fail():\n    raise ValueError('no')\nfail()\n")

    trace = editable.invoke().json()["stackTrace"]

    assert "/importlib/__init__.py" in trace[0]
    assert "in import_module" in trace[0]
    assert "app.py" in trace[-1]
    assert not [frame for frame in trace if "lambda_live" in frame or "awslambdaric" in frame]


def test_stale_response_is_refused(service: LambdaService) -> None:
    code = """
import http.client, os
reply = []
for headers in ({"Lambda-Runtime-Invocation-Id": "earlier"}, {}):
    for call in ("error", "response"):
        connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        request_id = context.aws_request_id if headers else "other"
        path = f"/2018-06-01/runtime/invocation/{request_id}/{call}"
        connection.request("POST", path, "{}", headers)
        reply.append(connection.getresponse().status)
        connection.close()
"""
    assert service.run(code) == [410, 410, 400, 400]


def test_stopped_service_does_not_time_out_healthy_invocation(start_service: StartService) -> None:
    source = """
import pathlib, time

def handler(event, context):
    pathlib.Path("began").touch()
    while not pathlib.Path("end").exists():
        time.sleep(0.01)
    pathlib.Path("ended").touch()
    return "well"
"""
    service = start_service(source, "--timeout=1")
    with ThreadPoolExecutor(1) as threads:
        response = threads.submit(service.invoke)
        wait_until((service.project / "began").exists)
        service.process.send_signal(signal.SIGSTOP)
        stopped_at = time.monotonic()
        (service.project / "end").touch()
        wait_until((service.project / "ended").exists)
        wait_until(lambda: time.monotonic() - stopped_at > 2)  # the timeout has passed
        service.process.send_signal(signal.SIGCONT)

        assert response.result().json() == "well"


def test_module_beside_watched_package_is_importable(service: LambdaService) -> None:
    (service.project / "beside.py").write_text("print('from beside')\n", encoding="utf-8")
    crash(
        service, "import importlib, os; importlib.invalidate_caches(); import beside; os._exit(0)"
    )

    service.wait_for_line("from beside")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prlimit")
def test_environment_without_resources_is_reported_and_retried(
    single: LambdaService,
) -> None:
    service = single
    url = urllib.parse.urlsplit(service.url)
    process = psutil.Process(service.pid)
    limits = process.rlimit(psutil.RLIMIT_NOFILE)
    with closing(http.client.HTTPConnection(url.netloc, timeout=60)) as connection:

        def invoke(code: str) -> Any:
            connection.request("POST", INVOKE, json.dumps({"code": code}))
            return json.load(connection.getresponse())

        pids = {invoke("import os; reply = os.getpid()")}
        wait_until(lambda: len(service.processes()) == idle_process_count())
        process.rlimit(psutil.RLIMIT_NOFILE, (0, limits[1]))
        for each in service.processes():
            if each.pid not in pids | {service.pid}:
                each.kill()
        os.kill(pids.pop(), 9)
        wait_until(lambda: len(service.processes()) == 1)
        # a request may still go to the killed process until the service notices its exit
        wait_until(lambda: invoke("reply = 1")["errorType"] == "ServiceException")
        service.wait_for_line("cannot start an execution environment: ")
        process.rlimit(psutil.RLIMIT_NOFILE, limits)

        assert invoke("reply = 1") == 1


def test_environment_killed_while_idle_is_replaced(service: LambdaService) -> None:
    pid = service.run("import os; reply = os.getpid()")
    before = service.metric("lambda_environments")
    os.kill(pid, 9)
    wait_until(lambda: service.metric("lambda_environments") < before)

    assert service.run("reply = 1") == 1


def test_killed_standby_is_replaced(single: LambdaService) -> None:
    service = single
    others = {service.pid, *service.run("import os; reply = os.getpid(), os.getppid()")}
    (standby,) = wait_until(
        lambda: [process for process in service.processes() if process.pid not in others]
    )
    standby.kill()
    wait_until(lambda: not standby.is_running())

    assert crash(service, "import os; os._exit(1)")[0] == "Runtime.ExitError"
    assert service.run("reply = 1") == 1


def test_long_log_lines_are_not_truncated(service: LambdaService) -> None:
    code = "print('y' * 1_000_000); print('z' * 70_000, end=''); reply = 1"

    assert service.run(code) == 1
    service.wait_for_line("y" * 1_000_000)
    assert service.wait_for_line("z" * 70_000) == "z" * 70_000


def test_function_can_run_python_subprocess(service: LambdaService) -> None:
    code = """
import subprocess, sys
reply = subprocess.run([sys.executable, "-c", "print('from below')"], check=True, text=True,
    capture_output=True).stdout
"""
    assert service.run(code) == "from below\n"


def test_runtime_api_rejects_invalid_requests(service: LambdaService) -> None:
    code = """
import http.client, os
reply = []
for method, path, body in event["calls"]:
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    path = path.replace("ID", context.aws_request_id)
    connection.request(method, path, body)
    response = connection.getresponse()
    reply.append([response.status, response.read().decode()])
    connection.close()
"""
    base = "/2018-06-01/runtime/invocation"
    unknown = '{"errorMessage": "Bad Request", "errorType": "InvalidRequestID"}'
    forbidden = '{"errorMessage": "Forbidden", "errorType": "Forbidden"}'
    missing = '{"errorMessage": "Not Found", "errorType": "NotFound"}'

    replies = service.run(
        code,
        calls=[
            ["POST", f"{base}/other/response", "1"],
            ["POST", f"{base}/other/error", "{}"],
            ["GET", f"{base}/next", None],
            ["GET", "/2018-06-01/runtime/nothing", None],
            ["GET", "/", None],
        ],
    )

    assert replies == [
        *([400, unknown], [400, unknown], [403, forbidden]),
        *([404, missing], [404, missing]),
    ]


def test_runtime_api_rejects_next_without_token(
    service: LambdaService,
) -> None:
    address = service.run("import os; reply = os.environ['AWS_LAMBDA_RUNTIME_API']")
    for headers in ({}, {"Origin": "https://evil.example"}, {"User-Agent": "aws-lambda-python/3"}):
        stray = request(
            f"http://{address}", "GET", "/2018-06-01/runtime/invocation/next", None, headers
        )

        assert (stray.status, stray.json()["errorType"]) == (403, "Forbidden")
        assert service.run("reply = 1") == 1


def test_runtime_api_rejects_request_with_origin(service: LambdaService) -> None:
    code = """
import os, urllib.request, urllib.error
url = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/init/error"
try:
    urllib.request.urlopen(urllib.request.Request(url, b"{}", {"Origin": "https://evil.example"}))
except urllib.error.HTTPError as error:
    reply = error.code
"""
    assert service.run(code) == 403


def test_runtime_api_closes_connection_without_http(service: LambdaService) -> None:
    code = """
import os, socket
host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].partition(":")
with socket.create_connection((host, int(port))) as connection:
    connection.sendall(b"not HTTP\\r\\n\\r\\n")
    try:
        reply = connection.recv(1).decode()
    except ConnectionResetError:
        reply = ""
"""
    assert service.run(code) == ""


@pytest.mark.parametrize(
    "more", ["Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "X: " + "x" * 5 * 2**20]
)
def test_runtime_api_closes_upgrade_and_oversized_head(service: LambdaService, more: str) -> None:
    address = service.run("import os; reply = os.environ['AWS_LAMBDA_RUNTIME_API']")
    host, _, port = address.partition(":")
    here = (host, int(port))
    with socket.create_connection(here, timeout=30) as connection, suppress(ConnectionError):
        connection.sendall(f"GET / HTTP/1.1\r\n{more}".encode())
        while connection.recv(65_536):
            pass

    assert service.stderr == ""
    assert service.run("reply = 1") == 1


def test_function_that_writes_to_all_descriptors_at_import_is_loaded(
    start_service: StartService,
) -> None:
    service = start_service("""
import os
for descriptor in range(3, 256):
    try:
        os.write(descriptor, b"[" * 30_000)
    except OSError:
        pass
def handler(event, context): return 1
""")

    assert service.invoke().json() == 1


def test_error_without_type_counts_as_unknown(service: LambdaService) -> None:
    code = """
import http.client, os, time
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
path = f"/2018-06-01/runtime/invocation/{context.aws_request_id}/error"
connection.request("POST", path, event["error"])
assert connection.getresponse().status == 202
os._exit(0)
"""
    errors = ("nope", "[]", "{}", "[" * 100_000)
    for error in errors:
        response = service.invoke({"code": code, "error": error})
        assert (response.body, response.headers["x-amz-function-error"]) == (
            error.encode(),
            "Unhandled",
        )
    assert service.metric("lambda_errors_total", error_type="Runtime.Unknown") == len(errors)
    assert json.loads(service.invoke({"code": "reply = 1"}).body) == 1
