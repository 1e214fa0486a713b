import json
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from support.http import Answer, request
from support.local_lambda import LocalLambda
from support.starting import StartLambda
from support.waiting import wait_until

WAITS_FOR_ITS_FILE = """
import os, time
from pathlib import Path

def handler(event, context):
    Path(event["began"]).touch()
    while not Path(event["end"]).exists():
        time.sleep(0.005)
    return os.getpid()
"""
THROTTLED = {
    "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
    "Type": "User",
    "message": "Rate Exceeded.",
}


class Held:
    """Invocations that run until they are let go."""

    def __init__(self, service: LocalLambda, threads: ThreadPoolExecutor) -> None:
        self._service = service
        self._threads = threads
        self._name = uuid.uuid4().hex
        self._end = service.project / f".end-{self._name}"

    def send(self, number: int) -> Future[Answer]:
        event = {"began": str(self.began(number)), "end": str(self._end)}
        return self._threads.submit(self._service.invoke, event)

    def began(self, number: int) -> Path:
        return self._service.project / f".began-{self._name}-{number}"

    def running(self, *numbers: int) -> None:
        wait_until(lambda: all(self.began(number).exists() for number in numbers))

    def queued(self, count: int) -> None:
        wait_until(lambda: self._service.metric("lambda_queue_length") == count)

    def let_go(self) -> None:
        self._end.touch()


def test_as_many_run_at_once_as_there_may_be_environments(start_lambda: StartLambda) -> None:
    service = start_lambda(WAITS_FOR_ITS_FILE, "--concurrency=4", "--timeout=60")
    with ThreadPoolExecutor(50) as threads:
        held = Held(service, threads)
        answers = [held.send(number) for number in range(50)]
        held.queued(46)
        wait_until(lambda: sum(held.began(number).exists() for number in range(50)) == 4)
        assert service.metric("lambda_concurrent_executions") == 4
        assert service.metric("lambda_environments") == 4
        held.let_go()
        pids = [answer.result().json() for answer in answers]

    assert len(set(pids)) == 4
    assert service.metric("lambda_invocations_total") == 50
    assert service.metric("lambda_init_duration_seconds_count") == 4
    assert service.metric("lambda_queue_length") == 0
    assert service.metric("lambda_concurrent_executions") == 0


def test_an_idle_environment_is_used_again_and_keeps_its_globals(service: LocalLambda) -> None:
    code = "import sys; sys.calls = getattr(sys, 'calls', 0) + 1; reply = sys.calls"
    first = service.run(code)
    environments = service.metric("lambda_environments")

    assert [service.run(code) for _ in range(4)] == [first + more for more in range(1, 5)]
    assert service.metric("lambda_environments") == environments


def test_past_the_queue_a_request_is_throttled_as_on_aws(start_lambda: StartLambda) -> None:
    service = start_lambda(WAITS_FOR_ITS_FILE, "--concurrency=1", "--queue=1", "--timeout=60")
    with ThreadPoolExecutor(2) as threads:
        held = Held(service, threads)
        first = held.send(1)
        held.running(1)
        second = held.send(2)
        held.queued(1)

        with pytest.raises(ClientError) as raised:
            service.boto3.invoke(FunctionName="function", Payload="{}")
        url = service.request("GET", "/")

        held.let_go()
        assert (first.result().status, second.result().status) == (200, 200)

    response = raised.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Error"]["Code"] == "TooManyRequestsException"
    assert response["Error"]["Message"] == "Rate Exceeded."
    assert response["Reason"] == THROTTLED["Reason"]
    assert (url.status, url.json()) == (429, THROTTLED)
    assert service.metric("lambda_throttles_total") >= 2
    assert service.metric("lambda_invocations_total") == 2


@pytest.fixture(scope="module")
def strict(start_module_lambda: StartLambda) -> LocalLambda:
    return start_module_lambda(WAITS_FOR_ITS_FILE, "--concurrency=3", "--no-queue", "--timeout=60")


def test_strict_starts_environments_up_to_the_limit_and_throttles_at_once(
    strict: LocalLambda,
) -> None:
    with ThreadPoolExecutor(3) as threads:
        held = Held(strict, threads)
        answers = [held.send(number) for number in range(3)]
        held.running(0, 1, 2)

        fourth = strict.invoke({})

        held.let_go()
        assert [answer.result().status for answer in answers] == [200, 200, 200]
    assert (fourth.status, fourth.json()) == (429, THROTTLED)
    assert fourth.headers["x-amzn-errortype"] == "TooManyRequestsException"


def test_a_concurrency_of_zero_throttles_all(start_lambda: StartLambda) -> None:
    service = start_lambda("def handler(event, context): ...", "--concurrency=0")

    answer = service.invoke({})
    sent = json.dumps({"function": "function", "event": "1"}).encode()
    json_type = {"Content-Type": "application/json"}
    of_the_page = request(service.admin_url, "POST", "/api/invoke", sent, json_type)

    assert (answer.status, answer.json()) == (429, THROTTLED)
    assert of_the_page.status == 409
    assert of_the_page.json()["message"].startswith("Throttled (429): ")
    assert service.metric("lambda_throttles_total") == 2
    assert service.metric("lambda_environments") == 0


def test_a_request_waits_no_longer_than_the_queue_timeout(start_lambda: StartLambda) -> None:
    service = start_lambda(
        WAITS_FOR_ITS_FILE, "--concurrency=1", "--queue-timeout=0.2", "--timeout=60"
    )
    with ThreadPoolExecutor(1) as threads:
        held = Held(service, threads)
        first = held.send(1)
        held.running(1)

        second = service.invoke({})

        held.let_go()
        assert first.result().status == 200
    assert (second.status, second.json()) == (429, THROTTLED)
    assert service.metric("lambda_queue_length") == 0


def test_an_event_that_is_throttled_is_tried_again(strict: LocalLambda) -> None:
    throttled = strict.metric("lambda_throttles_total")
    with ThreadPoolExecutor(3) as threads:
        held = Held(strict, threads)
        answers = [held.send(number) for number in range(3)]
        held.running(0, 1, 2)
        event = {"began": str(held.began(3)), "end": str(held.began(3))}
        strict.boto3.invoke(
            FunctionName="function", InvocationType="Event", Payload=json.dumps(event)
        )
        wait_until(lambda: strict.metric("lambda_throttles_total") > throttled)
        held.let_go()

        assert [answer.result().status for answer in answers] == [200, 200, 200]
    held.running(3)


def test_requests_are_answered_in_the_order_in_which_they_came(start_lambda: StartLambda) -> None:
    source = """
import time
from pathlib import Path

order = []

def handler(event, context):
    order.append(event["number"])
    while event["number"] == 0 and not Path("go").exists():
        time.sleep(0.005)
    return order
"""
    service = start_lambda(source, "--concurrency=1", "--timeout=60")
    with ThreadPoolExecutor(10) as threads:
        held = Held(service, threads)
        for number in range(10):
            threads.submit(service.invoke, {"number": number})
            wait_until(lambda: service.metric("lambda_concurrent_executions") == 1)
            held.queued(number)
        (service.project / "go").touch()

    assert service.invoke({"number": 10}).json() == list(range(11))


def test_what_is_idle_for_long_is_taken_down_but_for_one(start_lambda: StartLambda) -> None:
    service = start_lambda(
        WAITS_FOR_ITS_FILE,
        "--concurrency=3",
        constants={"functions.scaler.IDLE_TIMEOUT_SECONDS": 0.2},
    )
    with ThreadPoolExecutor(3) as threads:
        held = Held(service, threads)
        answers = [held.send(number) for number in range(3)]
        held.running(0, 1, 2)
        held.let_go()
        pids = {answer.result().json() for answer in answers}
    assert len(pids) == 3

    wait_until(lambda: service.metric("lambda_environments") == 1)
    wait_until(lambda: len(pids & {process.pid for process in service.processes()}) == 1)
