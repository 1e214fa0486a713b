import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambda_live.environments.log_records import MAX_RECORD_BYTES
from support.lambda_service import LambdaService
from support.project import RUNS_ITS_EVENT
from support.service_starter import StartService
from support.waiting import wait_until

LINES = "print('hello')"
FLOODS = {
    "lines": LINES,
    "records": "__import__('logging').warning('hello')",
    "no line's end": "print('hello' * 1000, end='')",
}
UNTIL_RELEASED = """
from pathlib import Path
while not Path("enough").exists():
    for _ in range(100): {}
Path("enough").unlink()
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    service = start_module_service(RUNS_ITS_EVENT, "--concurrency=2")
    with ThreadPoolExecutor(2) as threads:  # start both environments
        list(threads.map(service.run, ["import time; time.sleep(0.3)"] * 2))
    return service


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_endless_output_does_not_block_other_requests(service: LambdaService, flood: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        before = len(service.lines)
        flooded = threads.submit(service.run, UNTIL_RELEASED.format(flood))
        wait_until(lambda: any("hello" in line for line in service.lines[before:]))
        responses = [(service.run("reply = 1"), service.admin("/ready").status) for _ in range(3)]
        still = not flooded.done()
        (service.project / "enough").touch()
        flooded.result()

    assert still
    assert responses == [(1, 200)] * 3


def test_endless_output_times_out(start_service: StartService) -> None:
    service = start_service(RUNS_ITS_EVENT, "--timeout=1")

    response = service.invoke({"code": f"while True: {LINES}"})

    assert response.json()["errorType"] == "Sandbox.Timedout"


def test_service_stops_during_import_with_endless_output(start_service: StartService) -> None:
    service = start_service(f"while True: {LINES}", ready=False)
    service.wait_for_line("hello", 1000)

    assert service.end(signal.SIGINT) == 0


def test_long_line_without_newline_is_split(service: LambdaService) -> None:
    size = 4 * MAX_RECORD_BYTES
    assert service.run(f"print('q' * {size}, end='')") is None

    def pieces() -> list[str]:
        return [line for line in list(service.lines) if line.startswith("qqq")]

    wait_until(lambda: sum(map(len, pieces())) == size)
    assert {len(piece) for piece in pieces()} == {MAX_RECORD_BYTES}
