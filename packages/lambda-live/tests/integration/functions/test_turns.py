"""New code of several functions is loaded in turns."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from support.local_lambda import LocalLambda
from support.starting import StartLambda
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
TELLS = """
import os, time
from pathlib import Path

import shared

def tell(word):
    with Path("../told").open("a") as told:
        told.write(f"{os.environ['AWS_LAMBDA_FUNCTION_NAME']} {word}\\n")

tell("begins")
while not Path("../gate").exists():
    time.sleep(0.005)
tell("ends")

def handler(event, context):
    return shared.ANSWER
"""
PROJECT = {
    "template.yaml": "Resources:" + "".join(FUNCTION.format(name=name) for name in NAMES) + LAYER,
    "shared/python/shared.py": "ANSWER = 'old'\n",
    **{f"{name}/app.py": TELLS for name in NAMES},
}
ONE_AT_A_TIME = {
    "functions.load_slots.MAX_CONCURRENT_LOADS": 1,
    "functions.load_slots.SLOT_TIMEOUT_SECONDS": 60.0,
}


def told(service: LocalLambda) -> list[str]:
    file = service.project / "told"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def whole(*names: str) -> list[str]:
    return [f"{name} {word}" for name in names for word in ("begins", "ends")]


def answers(service: LocalLambda, name: str) -> object:
    return service.json_of(service.boto3.invoke(FunctionName=name))


def waits(service: LocalLambda, name: str) -> Callable[[], bool]:
    return lambda: service.metric("lambda_queue_length", function_name=name) == 1


def load(service: LocalLambda, answer: str) -> None:
    """Ask for a function while another's code loads; let go when it is known to wait."""
    with ThreadPoolExecutor(1) as threads:
        wait_until(lambda: told(service), "the first begins")
        first = told(service)[0].split()[0]
        last = [name for name in NAMES if name != first][-1]
        asked = threads.submit(answers, service, last)
        wait_until(waits(service, last), "a request that waits")
        assert told(service) == [f"{first} begins"]
        (service.project / "gate").touch()
        assert asked.result() == answer
    wait_until(lambda: len(told(service)) == 2 * len(NAMES), "all have loaded")
    names = [line.split()[0] for line in told(service)[::2]]
    assert told(service) == whole(*names)
    assert names[:2] == [first, last]


def test_one_that_somebody_waits_for_is_next_at_the_start_and_after_a_save(
    start_lambda: StartLambda,
) -> None:
    service = start_lambda(PROJECT, handler=None, ready=False, constants=ONE_AT_A_TIME)
    load(service, "old")
    service.wait_until_ready()

    for name in ("told", "gate"):
        (service.project / name).unlink()
    (service.project / "shared/python/shared.py").write_text("ANSWER = 'new'\n", encoding="utf-8")
    load(service, "new")


def test_one_that_does_not_end_lets_the_others_begin(start_lambda: StartLambda) -> None:
    constants = ONE_AT_A_TIME | {"functions.load_slots.SLOT_TIMEOUT_SECONDS": 0.05}
    service = start_lambda(PROJECT, handler=None, ready=False, constants=constants)
    wait_until(lambda: len(told(service)) == len(NAMES), "all have begun")
    assert {line.split()[1] for line in told(service)} == {"begins"}
