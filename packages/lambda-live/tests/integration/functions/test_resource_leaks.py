from concurrent.futures import ThreadPoolExecutor

import psutil

from support.lambda_service import idle_process_count
from support.project import RUNS_ITS_EVENT
from support.service_starter import StartService
from support.waiting import wait_until

CONCURRENCY = 3
"""The number of environments."""


def test_saves_under_load_leave_no_process(start_service: StartService) -> None:
    service = start_service("def handler(event, context): ...", f"--concurrency={CONCURRENCY}")
    app = service.project / "function/app.py"
    saving = True

    def invoke_all_the_time() -> None:
        while saving:
            assert service.invoke().status == 200

    with ThreadPoolExecutor(6) as threads:
        clients = [threads.submit(invoke_all_the_time) for _ in range(6)]
        for number in range(10):
            app.write_text(f"def handler(event, context): return {number}\n", encoding="utf-8")
            wait_until(lambda number=number: service.invoke().json() == number)  # type: ignore[misc]  # mypy infers no default's type
        saving = False
        for client in clients:
            client.result()

    wait_until(lambda: len(service.processes()) <= idle_process_count(environments=CONCURRENCY))


def test_crashes_and_timeouts_leave_no_open_file(start_service: StartService) -> None:
    service = start_service(RUNS_ITS_EVENT, f"--concurrency={CONCURRENCY}", "--timeout=1")

    process = psutil.Process(service.pid)

    def crash_each_way() -> None:
        with ThreadPoolExecutor(CONCURRENCY) as threads:
            endings = ["import os; os._exit(1)", "import time; time.sleep(600)", "raise SystemExit"]
            assert all(threads.map(lambda code: service.invoke({"code": code}), endings * 2))
        assert service.run("reply = 1") == 1
        wait_until(lambda: len(service.processes()) == idle_process_count())

    crash_each_way()
    before = process.num_fds()
    crash_each_way()
    wait_until(lambda: process.num_fds() <= before)
