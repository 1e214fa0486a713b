import contextlib
import http.client
import json
import os
import re
import shutil
import sys
import threading
import urllib.parse
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from support.http import HttpResponse
from support.lambda_service import INVOKE, LambdaService, idle_process_count
from support.service_starter import StartService
from support.waiting import wait_until


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service("")


@pytest.fixture
def old(service: LambdaService) -> LambdaService:
    """The module's service, with code that returns "old"."""
    is_changed = (service.project / "function/app.py").read_text(encoding="utf-8") != returns("old")
    reloads = Counts(service, "lambda_reloads_total")
    save(service, returns("old"))
    assert service.invoke().json() == "old"
    if is_changed:  # a reload may be counted after the first response
        wait_until(lambda: reloads == 1, "the reload")
    return service


class Counts:
    """The increase of a metric since this object was created."""

    def __init__(self, service: LambdaService, name: str, **labels: str) -> None:
        self._read: Callable[[], float] = lambda: service.metric(name, **labels)
        self._before = self._read()

    def __eq__(self, count: object) -> bool:
        return self._read() - self._before == count

    __hash__ = None  # type: ignore[assignment]  # it changes


def returns(value: object) -> str:
    return f"def handler(event, context):\n    return {value!r}\n"


def save(service: LambdaService, text: str, name: str = "function/app.py") -> None:
    """Save like an editor: write a new file and rename it."""
    path = service.project / name
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def error_of(response: HttpResponse) -> tuple[str, str]:
    assert response.status == 200
    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert response.json()["requestId"] == ""
    return response.json()["errorType"], response.json()["errorMessage"]


def test_request_after_save_runs_new_code(old: LambdaService) -> None:
    before = old.invoke().headers["x-lambda-live-code-sha256"]
    reloads = Counts(old, "lambda_reloads_total", result="succeeded")

    save(old, returns("new"))
    response = old.invoke()

    assert response.json() == "new"
    code = response.headers["x-lambda-live-code-sha256"]
    assert code != before
    line = old.wait_for_line(f"code {code[:12]})")
    assert re.fullmatch(r"lambda-live: reloaded \(reload_ms [\d.]+, code \w{12}\)", line)
    assert reloads == 1


def test_save_is_loaded_without_request(old: LambdaService) -> None:
    save(old, "print('of the new code')\n" + returns("new"))

    old.wait_for_line("of the new code")


def test_request_can_wait_for_a_code_hash(old: LambdaService) -> None:
    save(old, returns("new"))
    new = old.invoke().headers["x-lambda-live-code-sha256"]
    save(old, returns("old"))
    assert old.invoke().json() == "old"
    host, _, port = old.url.removeprefix("http://").partition(":")
    waiting = http.client.HTTPConnection(host, int(port))

    waiting.request("POST", INVOKE, b"{}", {"X-Lambda-Live-Await-Code-Sha256": new})
    assert old.invoke().json() == "old"  # the other request arrived first
    save(old, returns("new"))

    assert json.loads(waiting.getresponse().read()) == "new"
    waiting.close()


def test_request_for_unknown_code_hash_runs_current_code(
    old: LambdaService,
) -> None:
    response = old.invoke(headers={"X-Lambda-Live-Await-Code-Sha256": "0" * 64})

    assert response.json() == "old"
    assert response.headers["x-lambda-live-code-sha256"] != "0" * 64


def test_two_saves_of_same_size_in_one_second_are_distinguished(old: LambdaService) -> None:
    for word in ["one", "two", "one"]:
        path = old.project / "function/app.py"
        path.write_text(returns(word), encoding="utf-8")
        os.utime(path, (1_700_000_000, 1_700_000_000))

        assert old.invoke().json() == word


def test_many_saves_in_a_row_are_one_reload(start_service: StartService) -> None:
    source = """
from importlib import import_module

parts = [import_module(f"function.part{number}") for number in range(200)]

def handler(event, context):
    return sum(part.number for part in parts)
"""
    files = {f"function/part{number}.py": "number = 0\n" for number in range(200)}
    times = {
        "_QUIET_SECONDS": 0.5,
        "_BULK_QUIET_SECONDS": 0.5,
        "_MAX_WAIT_SECONDS": 30.0,
    }  # a slow machine saves slowly
    constants = {f"code.watched_code.{name}": seconds for name, seconds in times.items()}
    service = start_service(files | {"function/app.py": source}, constants=constants)
    assert service.invoke().json() == 0

    for name in files:
        save(service, "number = 1\n", name)

    assert service.invoke().json() == 200
    assert service.metric("lambda_reloads_total") == 1
    service.wait_for_line("reloaded")
    assert len([line for line in service.lines if "reloaded" in line]) == 1


def test_save_without_change_does_not_reload(old: LambdaService) -> None:
    starts = Counts(old, "lambda_init_duration_seconds_count")
    reloads = Counts(old, "lambda_reloads_total")

    save(old, returns("old"))

    assert old.invoke().json() == "old"
    assert reloads == 0
    assert starts == 0


@pytest.mark.parametrize(
    ("code", "error_type", "message", "where"),
    [
        (
            "def handler(event, context)\n    return 1\n",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'function.app': expected ':' (app.py, line 1)",
            "function/app.py:1: SyntaxError: expected ':'",
        ),
        (
            "\nimport no_such_module\n",
            "Runtime.ImportModuleError",
            "Unable to import module 'function.app': No module named 'no_such_module'",
            "function/app.py:2: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        (
            "\n\nprint(no_such_name)\n",
            "NameError",
            "name 'no_such_name' is not defined",
            "function/app.py:3: NameError: name 'no_such_name' is not defined",
        ),
        (
            "def other(event, context): ...\n",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'function.app'",
            "function/app.py:1: no function handler in module function.app; did you mean ",
        ),
        (
            "raise Exception('ünknown')\n",
            "Exception",
            "ünknown",
            "function/app.py:1: Exception: ünknown",
        ),
    ],
)
def test_broken_code_fails_like_aws_until_fixed(
    service: LambdaService, code: str, error_type: str, message: str, where: str
) -> None:
    errors = Counts(service, "lambda_errors_total", error_type=error_type)
    failed = Counts(service, "lambda_reloads_total", result="failed")
    succeeded = Counts(service, "lambda_reloads_total", result="succeeded")

    save(service, code)
    responses = [service.invoke(), service.invoke()]

    for response in responses:
        got_type, got_message = error_of(response)
        assert got_type == error_type
        assert got_message.startswith(message)
    service.wait_for_line(f"lambda-live: init failed: {where}")
    assert service.admin("/ready").status == 200
    assert failed == 1
    assert errors == 2

    save(service, returns("fixed"))

    assert service.invoke().json() == "fixed"
    assert succeeded == 1


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import sys\nsys.exit('no')\n", "exit status 1"),
        ("import os\nos._exit(5)\n", "exit status 5"),
        ("import os\nos.kill(os.getpid(), 9)\n", "signal: killed"),
    ],
)
def test_exit_at_import_is_exit_error(service: LambdaService, code: str, how: str) -> None:
    save(service, code)

    response = service.invoke()

    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert response.json() == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {response.headers['x-amzn-requestid']}"
        f" Error: Runtime exited with error: {how}",
    }
    save(service, returns("fixed"))
    assert service.invoke().json() == "fixed"


def test_code_broken_at_start_is_logged_with_location(
    start_service: StartService,
) -> None:
    files = {
        "function/app.py": "import function.deep\n" + returns(1),
        "function/deep.py": "\n\n1 / 0\n",
    }
    service = start_service(files, measured=True)

    assert service.admin("/ready").status == 200
    assert error_of(service.invoke())[0] == "ZeroDivisionError"
    line = service.wait_for_line("init failed")
    assert "init failed: function/deep.py:3: ZeroDivisionError: division by zero (code " in line


@pytest.mark.parametrize(
    ("code", "what", "where"),
    [
        (
            "import json\n\njson.loads('{')\n",
            "function/app.py:3: json.decoder.JSONDecodeError: Expecting",
            r"\(raised at .*/json/decoder.py:\d+\) \(code",
        ),
        (
            "\nimport lib2to3_gone.missing\n",
            "function/app.py:2: ModuleNotFoundError: No module named 'lib2to3_gone'",
            r"gone'; add lib2to3_gone to requirements.txt \(code",
        ),
        (
            "from importlib import import_module\n\nimport_module('json.nothing')\n",
            "function/app.py:3: ModuleNotFoundError: No module named 'json.nothing'",
            r"nothing' \(code",
        ),
        (
            "try:\n    import no_such_module\nexcept ImportError:\n    raise ValueError('mine')\n",
            "function/app.py:4: ValueError: mine",
            r"mine \(code",
        ),
    ],
    ids=["a library raises", "a package is missing", "imported by a call", "in place of another"],
)
def test_library_error_is_logged_with_own_line_first(
    service: LambdaService, code: str, what: str, where: str
) -> None:
    save(service, code)

    line = service.wait_for_line(what)
    assert line.startswith(f"lambda-live: init failed: {what}")
    assert re.search(where, line)


USES_A_MODULE = """
def handler(event, context):
    import importlib
    try:
        return importlib.import_module("function." + event).value
    except ModuleNotFoundError:
        return None
"""


def test_added_changed_moved_deleted_modules_reload(service: LambdaService) -> None:
    save(service, USES_A_MODULE)
    assert service.invoke("module").json() is None
    reloads = Counts(service, "lambda_reloads_total", result="succeeded")

    save(service, "value = 1\n", "function/module.py")
    assert service.invoke("module").json() == 1
    save(service, "value = 2\n", "function/module.py")
    assert service.invoke("module").json() == 2
    package = service.project / "function"
    (package / "module.py").rename(package / "renamed.py")
    assert service.invoke("module").json() is None
    assert service.invoke("renamed").json() == 2
    (package / "renamed.py").unlink()
    assert service.invoke("renamed").json() is None
    save(service, "value = 3\n", "function/below/module.py")
    assert service.invoke("below.module").json() == 3
    shutil.rmtree(package / "below")
    assert service.invoke("below.module").json() is None
    assert reloads == 6


@pytest.mark.parametrize(
    "name",
    [
        "function/.app.py.swp",
        "function/.venv/module.py",
        "function/__pycache__/app.cpython-312.pyc",
        "function/app.pyc",
        "function/app.py~",
        "elsewhere.py",
    ],
)
def test_file_that_is_not_code_does_not_reload(old: LambdaService, name: str) -> None:
    before = old.invoke().headers["x-lambda-live-code-sha256"]
    reloads = Counts(old, "lambda_reloads_total")

    save(old, "whatever", name)

    assert old.invoke().headers["x-lambda-live-code-sha256"] == before
    assert reloads == 0


def test_running_invocation_finishes_on_old_code(service: LambdaService) -> None:
    source = """
import time
from pathlib import Path

def handler(event, context):
    Path("began").touch()
    while not Path("end").exists():
        time.sleep(0.005)
    return "old"
"""
    save(service, source)
    with ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(service.invoke)
        wait_until((service.project / "began").exists)
        save(service, returns("new"))

        assert service.invoke().json() == "new"
        assert not under_way.done()

        (service.project / "end").touch()
        assert under_way.result().json() == "old"
    wait_until(lambda: service.metric("lambda_environments") == 1)


def test_code_stays_without_watched_paths(start_service: StartService) -> None:
    service = start_service(returns("old"), "--no-watch")
    save(service, returns("new"))

    assert service.invoke().json() == "old"


def test_each_watched_directory_reloads(start_service: StartService) -> None:
    files = {
        "function/app.py": "import shared.word\n\ndef handler(event, context):\n"
        "    return shared.word.word\n",
        "shared/word.py": "word = 'old'\n",
    }
    service = start_service(files, "--watch=function", "--watch=shared")
    assert service.invoke().json() == "old"

    save(service, "word = 'new'\n", "shared/word.py")

    assert service.invoke().json() == "new"


def test_handler_without_package_is_watched_with_siblings(
    start_service: StartService,
) -> None:
    service = start_service({"app.py": returns("old")}, handler="app.handler")
    assert service.invoke().json() == "old"

    save(service, returns("new"), "app.py")

    assert service.invoke().json() == "new"


def test_requests_during_edits_run_code_as_new_as_they_are(
    service: LambdaService,
) -> None:
    save(service, returns(0))
    assert service.invoke().json() == 0
    invocations, errors = (
        Counts(service, f"lambda_{what}_total") for what in ("invocations", "errors")
    )
    saved = 0
    wrong: list[object] = []
    responses = []
    done = threading.Event()

    def hammer() -> None:
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(service.url).netloc)
        while not done.is_set():
            oldest = saved
            connection.request("POST", INVOKE, b"{}")
            response = connection.getresponse()
            body = response.read()
            responses.append(body)
            if response.status != 200 or not oldest <= json.loads(body):
                wrong.append((oldest, response.status, body))
        connection.close()

    with ThreadPoolExecutor(3) as threads:
        hammers = [threads.submit(hammer) for _ in range(3)]
        try:
            for version in range(1, 7):
                seen = len(responses)
                save(service, returns(version))
                saved = version
                wait_until(more_than(responses, seen + 16))
        finally:
            done.set()
        for hammer_ in hammers:
            hammer_.result()

    assert wrong == []
    assert json.loads(responses[-1]) == 6
    assert invocations == len(responses)
    assert errors == 0


def more_than(responses: list[bytes], count: int) -> Callable[[], bool]:
    return lambda: len(responses) > count


def test_code_that_writes_beside_itself_still_responds(service: LambdaService) -> None:
    source = """
import uuid
from pathlib import Path

Path(__file__).with_name("state.txt").write_text(uuid.uuid4().hex)

def handler(event, context):
    Path(__file__).with_name("state.txt").write_text(uuid.uuid4().hex)
    return "done"
"""
    save(service, source)

    assert [service.invoke().json() for _ in range(5)] == ["done"] * 5


def test_waiting_requests_do_not_see_broken_code_that_was_fixed(
    service: LambdaService,
) -> None:
    (service.project / "function/app.py").write_text("def handler(event, con", encoding="utf-8")
    with ThreadPoolExecutor(1) as threads:
        response = threads.submit(service.invoke)
        save(service, returns("new"))

        assert response.result().json() == "new"


LOADS_SLOWLY = """
import time
from pathlib import Path

print("loading {name}")
while not Path("go-{name}").exists():
    time.sleep(0.005)
{then}

def handler(event, context):
    return "{name}"
"""


def begin(service: LambdaService, threads: ThreadPoolExecutor) -> Future[HttpResponse]:
    """Send a request while no code is loaded; return when it has arrived."""
    response = threads.submit(service.invoke)
    wait_until(lambda: service.metric("lambda_queue_length") == 1)
    return response


def save_slow(service: LambdaService, name: str, then: str = "") -> None:
    save(service, LOADS_SLOWLY.format(name=name, then=then))


def test_request_runs_code_saved_before_it_while_newer_loads(
    service: LambdaService,
) -> None:
    with ThreadPoolExecutor(1) as threads:
        save_slow(service, "old")
        response = begin(service, threads)
        service.wait_for_line("loading old")
        save_slow(service, "new")
        service.wait_for_line("loading new")
        (service.project / "go-old").touch()

        assert response.result().json() == "old"
    (service.project / "go-new").touch()
    assert service.invoke().json() == "new"


def test_replaced_code_that_fails_to_load_is_not_a_response(service: LambdaService) -> None:
    with ThreadPoolExecutor(1) as threads:
        save_slow(service, "failing", "raise ValueError('too late')")
        response = begin(service, threads)
        service.wait_for_line("loading failing")
        save_slow(service, "newer")
        service.wait_for_line("loading newer")
        (service.project / "go-failing").touch()
        service.wait_for_line("too late")
        (service.project / "go-newer").touch()

        assert response.result().json() == "newer"
    assert not [line for line in service.lines if "init failed" in line and "too late" in line]


def environment_of(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text(encoding="utf-8").splitlines())


def test_reload_command_runs_at_start_and_after_each_reload(
    start_service: StartService,
) -> None:
    command = (
        "echo url=$LAMBDA_LIVE_URL > .new; echo code=$LAMBDA_LIVE_CODE_SHA256 >> .new;"
        " mv .new .ran-$LAMBDA_LIVE_CODE_SHA256"
    )
    service = start_service("import no_such_module\n", f"--after-reload={command}")
    for value in ["new", "newer"]:
        code = service.admin("/ready").json()["code_sha256"]
        ran = service.project / f".ran-{code}"
        wait_until(ran.exists)
        assert environment_of(ran) == {"url": service.url, "code": code}
        save(service, returns(value))
        assert service.invoke().json() == value


def test_reload_stops_command_of_old_code(start_service: StartService) -> None:
    service = start_service(returns("old"), "--after-reload=echo began; exec sleep 600")
    service.wait_for_line("began")

    save(service, returns("new"))
    service.wait_for_line("began", 2)

    def sleeping() -> int:
        names = []
        for process in service.processes():
            with contextlib.suppress(psutil.NoSuchProcess):  # it has exited
                names.append(process.name())
        return names.count("sleep")

    wait_until(lambda: sleeping() == 1)


def test_command_that_ignores_sigterm_is_killed(
    start_service: StartService,
) -> None:
    ignores = "import os, signal, time; signal.signal(15, signal.SIG_IGN); {}; time.sleep(600)"
    command = (
        f"{sys.executable} -c '{ignores.format('os.setsid()')}' & "
        f"{sys.executable} -c '{ignores.format('print(1)')}' & "
        "trap '' TERM; echo began; wait; sleep 600"
    )
    service = start_service(returns("old"), f"--after-reload={command}")
    service.wait_for_line("began")
    both = idle_process_count() + 4  # the shell, its watcher of the service, and what it started
    wait_until(lambda: len(service.processes()) == both)
    for number in range(3):
        save(service, returns(number))
        assert service.invoke().json() == number

    service.wait_for_line("began", 2)
    wait_until(lambda: len(service.processes()) == both)
    assert service.end() == 0
    assert not service.processes()


def test_command_does_not_outlive_killed_service(start_service: StartService) -> None:
    command = "trap '' TERM; echo began; sleep 600 & sleep 600"
    service = start_service(returns("old"), f"--after-reload={command}")
    service.wait_for_line("began")

    service.process.kill()
    service.wait()
    wait_until(lambda: not service.processes())


def test_background_processes_of_finished_command_may_stay(start_service: StartService) -> None:
    service = start_service(returns("old"), "--after-reload=sleep 601 & echo began")
    service.wait_for_line("began")

    def with_argument(argument: str) -> list[psutil.Process]:
        found = []
        for process in service.processes():
            with contextlib.suppress(psutil.NoSuchProcess):  # it has exited
                found += [process] * (argument in process.cmdline())
        return found

    def left_behind(count: int) -> bool:
        """Whether so many processes sleep and no shell is left."""
        return len(with_argument("601")) == count and not with_argument("-c")

    wait_until(lambda: left_behind(1))
    (left,) = with_argument("601")
    save(service, returns("new"))
    service.wait_for_line("began", 2)
    wait_until(lambda: left_behind(2))
    assert left.is_running()
    for process in with_argument("601"):
        process.kill()


def test_code_beside_handler_package_is_watched(start_service: StartService) -> None:
    handler = "from shared import answer\ndef handler(event, context): return answer\n"
    files = {"package/app.py": handler, "shared.py": "answer = 1\n", "events/event.json": "{}"}
    service = start_service(files, handler="package.app.handler")
    assert service.invoke().json() == 1

    save(service, "answer = 2\n", "shared.py")

    assert service.invoke().json() == 2
