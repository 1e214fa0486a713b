import itertools
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambda_local.environment.framing import LIMIT
from tests.support.local_lambda import LocalLambda
from tests.support.project import RUNS_ITS_EVENT
from tests.support.starting import StartLambda
from tests.support.waiting import wait_until

FLOODS = {
    "lines": "while True: print('hello')",
    "records": "import logging\nwhile True: logging.warning('hello')",
    "no line's end": "while True: print('hello' * 1000, end='')",
}


@pytest.fixture(scope="module")
def service(start_module_lambda: StartLambda) -> LocalLambda:
    service = start_module_lambda(RUNS_ITS_EVENT, "--timeout=2", "--concurrency=2")
    with ThreadPoolExecutor(2) as threads:  # what answers beside a flood is there before it
        list(threads.map(service.run, ["import time; time.sleep(0.3)"] * 2))
    return service


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_who_writes_without_end_holds_nobody_up(service: LocalLambda, flood: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        before = len(service.lines)
        flooded = threads.submit(service.invoke, {"code": flood})
        wait_until(lambda: any("hello" in line for line in service.lines[before:]))
        answered = next(
            count
            for count in itertools.count()
            if flooded.done()
            or service.run("reply = 1") != 1
            or service.admin("/ready").status != 200
        )

    assert flooded.result().json()["errorType"] == "Sandbox.Timedout"
    assert answered > 2


def test_an_import_that_writes_without_end_can_be_stopped(start_lambda: StartLambda) -> None:
    service = start_lambda(FLOODS["lines"], ready=False)
    service.wait_for_line("hello", 1000)

    assert service.end(signal.SIGINT) == 0


def test_a_line_without_an_end_comes_in_pieces(service: LocalLambda) -> None:
    size = 4 * LIMIT
    assert service.run(f"print('q' * {size}, end='')") is None

    def pieces() -> list[str]:
        return [line for line in list(service.lines) if line.startswith("qqq")]

    wait_until(lambda: sum(map(len, pieces())) == size)
    assert {len(piece) for piece in pieces()} == {LIMIT}
