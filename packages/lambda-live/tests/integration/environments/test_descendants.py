"""What a function starts ends with its environment, whatever it does to hide."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from support.lambda_service import LambdaService
from support.project import RUNS_ITS_EVENT
from support.service_starter import StartService
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")

CRASH = {"code": "import os; os._exit(1)"}
HIDE = """
import subprocess, sys
hidden = dict(env={}, start_new_session=True, stdout=subprocess.PIPE, text=True)
"""
CHILD = """
child = subprocess.Popen(["sleep", "600"], **hidden)
reply = child.pid
"""
DAEMON = """
code = '''
import os, time
for _ in range(GENERATIONS):
    if os.fork():
        os._exit(0)
    os.setsid()
    if not os.fork():
        time.sleep(600)
print(os.getpid(), flush=True)
time.sleep(600)
'''
parent = subprocess.Popen([sys.executable, "-c", code], **hidden)
parent.wait()
reply = int(parent.stdout.readline())
"""
FAMILY = DAEMON.replace("GENERATIONS", "3")
DAEMON = DAEMON.replace("GENERATIONS", "1")
WAYS = {"child": CHILD, "daemon": DAEMON, "family": FAMILY}


@pytest.fixture(scope="module")
def single(start_module_service: StartService) -> LambdaService:
    return start_module_service(RUNS_ITS_EVENT, "--concurrency=1")


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def orphans_of(pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


@pytest.mark.parametrize("way", WAYS)
def test_hidden_process_ends_with_crashed_environment(single: LambdaService, way: str) -> None:
    environment = single.run("import os; reply = os.getpid()")
    hidden = single.run(HIDE + WAYS[way])
    left = {hidden, *filter(is_running, orphans_of(environment))}
    assert is_running(hidden)

    single.invoke(CRASH)

    assert not any(map(is_running, left))


def test_hidden_process_outlives_other_environments(start_service: StartService) -> None:
    service = start_service(RUNS_ITS_EVENT, "--concurrency=1")
    hidden = service.run(HIDE + DAEMON)
    (service.project / "function/app.py").write_text(f"{RUNS_ITS_EVENT}\n", encoding="utf-8")
    wait_until(lambda: not is_running(hidden))

    second = service.run(HIDE + DAEMON)
    environment, zygote = service.run("import os; reply = os.getpid(), os.getppid()")
    others = [each for each in psutil.Process(zygote).children() if each.pid != environment]
    for process in others:  # the standby
        process.kill()
    wait_until(lambda: not any(process.is_running() for process in others))

    assert is_running(second)
    assert service.run("reply = 1") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_hidden_process_ends_with_service(
    start_service: StartService, number: signal.Signals
) -> None:
    service = start_service(RUNS_ITS_EVENT, "--concurrency=1")
    left = [service.run(HIDE + way) for way in WAYS.values()]

    service.process.send_signal(number)
    service.wait()

    wait_until(lambda: not any(map(is_running, left)))


def test_hidden_process_ends_with_killed_zygote(single: LambdaService) -> None:
    hidden = single.run(HIDE + DAEMON)
    os.kill(single.run("import os; reply = os.getppid()"), signal.SIGKILL)

    wait_until(lambda: not is_running(hidden))
    assert single.run("reply = 1") == 1


def test_group_ends_before_crash_is_reported(single: LambdaService) -> None:
    code = "import subprocess; reply = subprocess.Popen(['sleep', '600']).pid"
    member = single.run(code)

    single.invoke(CRASH)

    assert not is_running(member)


def test_function_process_has_no_other_thread(single: LambdaService) -> None:
    code = """
import os, threading, warnings
warnings.simplefilter("error")
if not os.fork():
    os._exit(0)
os.wait()
reply = threading.active_count(), len(os.listdir("/proc/self/task"))
"""
    for _ in range(2):  # the second environment was a standby, and may have preloaded
        assert single.run(code) == [1, 1]
        single.invoke(CRASH)
        wait_until(lambda: len(orphans_of(single.pid)) >= 3)


def test_stopped_zygote_does_not_delay_requests(single: LambdaService) -> None:
    zygote = single.run("import os; reply = os.getppid()")
    os.kill(zygote, signal.SIGSTOP)
    single.invoke(CRASH)
    assert single.run("reply = 1") == 1

    os.kill(zygote, signal.SIGSTOP)
    (single.project / "function/app.py").write_text(f"{RUNS_ITS_EVENT}\n#\n", encoding="utf-8")
    assert single.run("reply = 2") == 2


WRAPPERS = {"wrapper": '#!/bin/sh\nexec "$@"\n', "parent": '#!/bin/sh\n"$@"\nexit $?\n'}


@pytest.mark.parametrize("kind", [*WRAPPERS, "debugger"])
def test_hidden_process_ends_with_wrapped_or_debugged_environment(
    start_service: StartService, tmp_path: Path, kind: str
) -> None:
    options = ["--debug", "--debug-port=0", "--concurrency=1"]
    if kind in WRAPPERS:
        wrapper = tmp_path / "wrapper"
        wrapper.write_text(WRAPPERS[kind], encoding="utf-8")
        wrapper.chmod(0o755)
        options = [f"--env=AWS_LAMBDA_EXEC_WRAPPER={wrapper}", "--concurrency=1"]
    service = start_service(RUNS_ITS_EVENT, *options)

    left = [service.run(HIDE + way) for way in WAYS.values()]
    assert "exit status 1" in service.invoke(CRASH).json()["errorMessage"]
    assert not any(map(is_running, left))

    left = [service.run(HIDE + way) for way in WAYS.values()]
    (service.project / "function/app.py").write_text(f"{RUNS_ITS_EVENT}\n", encoding="utf-8")
    wait_until(lambda: not any(map(is_running, left)))

    left = [service.run(HIDE + way) for way in WAYS.values()]
    service.process.kill()
    service.wait()
    wait_until(lambda: not any(map(is_running, left)))


def test_wrapper_that_cannot_run_fails_requests_until_fixed(
    start_service: StartService, tmp_path: Path
) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(WRAPPERS["wrapper"], encoding="utf-8")
    service = start_service(RUNS_ITS_EVENT, f"--env=AWS_LAMBDA_EXEC_WRAPPER={wrapper}")
    assert "Permission denied" in service.invoke({"code": "reply = 1"}).json()["errorMessage"]

    wrapper.chmod(0o755)

    assert service.run("import threading; reply = threading.active_count()") == 1
