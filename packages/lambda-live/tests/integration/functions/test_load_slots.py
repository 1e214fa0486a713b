"""Functions load new code one after the other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

NAMES = ("first", "second", "third", "fourth")
FUNCTION = """
  {name}:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: {name}
      Runtime: python3.12
      CodeUri: {name}/
      Handler: app.handler
      Layers: [!Ref Shared]
"""
LAYER = """
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: shared/}
"""
RECORDER = """
import os, time
from pathlib import Path

import shared

def record(word):
    with Path("../loads").open("a") as file:
        file.write(f"{os.environ['AWS_LAMBDA_FUNCTION_NAME']} {word}\\n")

record("begins")
while not Path("../gate").exists():
    time.sleep(0.005)
record("ends")

def handler(event, context):
    return shared.ANSWER
"""
PROJECT = {
    "template.yaml": "Resources:" + "".join(FUNCTION.format(name=name) for name in NAMES) + LAYER,
    "shared/python/shared.py": "ANSWER = 'old'\n",
    **{f"{name}/app.py": RECORDER for name in NAMES},
}
ONE_SLOT = {
    "functions.load_slots.MAX_CONCURRENT_LOADS": 1,
    "functions.load_slots.SLOT_TIMEOUT_SECONDS": 60.0,
}


def load_events(service: LambdaService) -> list[str]:
    file = service.project / "loads"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def begin_and_end(*names: str) -> list[str]:
    return [f"{name} {word}" for name in names for word in ("begins", "ends")]


def has_waiter(service: LambdaService, name: str) -> Callable[[], bool]:
    return lambda: service.metric("lambda_queue_length", function_name=name) == 1


def invoke_during_load(service: LambdaService, response: str) -> None:
    """Invoke a function while another's code loads; release when it is known to wait."""
    with ThreadPoolExecutor(1) as threads:
        wait_until(lambda: load_events(service), "the first begins")
        first = load_events(service)[0].split()[0]
        last = [name for name in NAMES if name != first][-1]
        waiting = threads.submit(service.result, last)
        wait_until(has_waiter(service, last), "a request that waits")
        assert load_events(service) == [f"{first} begins"]
        (service.project / "gate").touch()
        assert waiting.result() == response
    wait_until(lambda: len(load_events(service)) == 2 * len(NAMES), "all have loaded")
    names = [line.split()[0] for line in load_events(service)[::2]]
    assert load_events(service) == begin_and_end(*names)
    assert names[:2] == [first, last]


def test_function_with_waiting_request_loads_next(
    start_service: StartService,
) -> None:
    service = start_service(PROJECT, handler=None, ready=False, constants=ONE_SLOT)
    invoke_during_load(service, "old")
    service.wait_until_ready()

    for name in ("loads", "gate"):
        (service.project / name).unlink()
    (service.project / "shared/python/shared.py").write_text("ANSWER = 'new'\n", encoding="utf-8")
    invoke_during_load(service, "new")


def test_load_that_hangs_releases_its_slot(start_service: StartService) -> None:
    constants = ONE_SLOT | {"functions.load_slots.SLOT_TIMEOUT_SECONDS": 0.05}
    service = start_service(PROJECT, handler=None, ready=False, constants=constants)
    wait_until(lambda: len(load_events(service)) == len(NAMES), "all have begun")
    assert {line.split()[1] for line in load_events(service)} == {"begins"}
