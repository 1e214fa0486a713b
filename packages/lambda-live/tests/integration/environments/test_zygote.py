"""Environments are forked from a zygote, and behave like processes of their own."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from support.lambda_service import LambdaService, idle_process_count
from support.project import RUNS_ITS_EVENT, write_project
from support.service_starter import StartService
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux forks")

FAMILY = "import os; reply = os.getpid(), os.getppid()"
CRASH = {"code": "import os; os._exit(1)"}


@pytest.fixture(scope="module")
def single(start_module_service: StartService) -> LambdaService:
    constants = {"environments.zygote._CLOSE_TIMEOUT_SECONDS": 0.1}
    return start_module_service(RUNS_ITS_EVENT, "--concurrency=1", constants=constants)


def test_environments_are_forked_from_one_zygote(single: LambdaService) -> None:
    first, zygote = single.run(FAMILY)
    single.invoke(CRASH)
    second, its_parent = single.run(FAMILY)

    assert zygote == its_parent != single.pid
    assert first != second


def test_killed_zygote_is_replaced(single: LambdaService) -> None:
    _, zygote = single.run(FAMILY)
    os.kill(zygote, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(zygote))

    wait_until(lambda: single.run(FAMILY)[1] not in (zygote, single.pid))
    wait_until(lambda: len(single.processes()) == idle_process_count())


def test_orphaned_process_is_killed_with_environment(single: LambdaService) -> None:
    code = """
import os, time
read, write = os.pipe()
if not os.fork():
    os.setsid()
    if not os.fork():
        os.write(write, str(os.getpid()).encode())
        time.sleep(600)
    os._exit(0)
reply = int(os.read(read, 20))
"""
    left = single.run(code)
    assert psutil.pid_exists(left)

    single.invoke(CRASH)

    wait_until(lambda: not psutil.pid_exists(left) or _is_zombie(left))
    assert single.run("reply = 1") == 1


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_changed_variables_start_new_zygote(start_service: StartService, tmp_path: Path) -> None:
    write_project(tmp_path, {"function/app.py": RUNS_ITS_EVENT, "template.yaml": template("one")})
    service = start_service(tmp_path, handler=None)
    code = "import os, sys; reply = os.getppid(), os.environ['WHICH'], sys.flags.dev_mode"
    before, *one = service.run(code)

    write_project(tmp_path, {"template.yaml": template("two", PYTHONDEVMODE="1")})
    after, *two = service.run(code)

    assert (one, two) == (["one", False], ["two", True])
    assert before != after
    wait_until(lambda: not psutil.pid_exists(before))
    wait_until(lambda: len(service.processes()) == idle_process_count())


def template(which: str, **more: str) -> str:
    variables = {"WHICH": which} | more
    return f"""
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: function
      CodeUri: function
      Handler: app.handler
      Runtime: python3.12
      Environment: {{Variables: {variables}}}
"""


def test_fork_runs_in_replaced_task_root(start_service: StartService, tmp_path: Path) -> None:
    write_project(tmp_path, {"function/app.py": RUNS_ITS_EVENT, "template.yaml": template("one")})
    service = start_service(tmp_path, handler=None)
    service.run("reply = 1")
    (tmp_path / "function").rename(tmp_path / "before")
    write_project(tmp_path, {"function/app.py": f"{RUNS_ITS_EVENT}\n", "function/beside": "here"})

    assert service.run("reply = open('beside').read()") == "here"


def test_forks_have_different_random_numbers(single: LambdaService) -> None:
    code = "import random, uuid; reply = random.random(), str(uuid.uuid4()), os.urandom(8).hex()"
    first = single.run(f"import os; {code}")
    single.invoke(CRASH)
    second = single.run(f"import os; {code}")

    assert not set(first) & set(second)


def test_hanging_zygote_does_not_block_shutdown(single: LambdaService) -> None:
    _, zygote = single.run(FAMILY)
    os.kill(zygote, signal.SIGSTOP)

    assert single.end() == 0
    assert not psutil.pid_exists(zygote)
