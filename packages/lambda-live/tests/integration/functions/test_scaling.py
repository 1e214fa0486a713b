import json
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from support.http import HttpResponse, request
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

WAITS_FOR_FILE = """
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


class RunningInvocations:
    """Invocations that run until they are released."""

    def __init__(self, service: LambdaService, threads: ThreadPoolExecutor) -> None:
        self._service = service
        self._threads = threads
        self._name = uuid.uuid4().hex
        self._end = service.project / f".end-{self._name}"

    def send(self, number: int) -> Future[HttpResponse]:
        event = {"began": str(self.marker(number)), "end": str(self._end)}
        return self._threads.submit(self._service.invoke, event)

    def marker(self, number: int) -> Path:
        return self._service.project / f".began-{self._name}-{number}"

    def wait_running(self, *numbers: int) -> None:
        wait_until(lambda: all(self.marker(number).exists() for number in numbers))

    def wait_queued(self, count: int) -> None:
        wait_until(lambda: self._service.metric("lambda_queue_length") == count)

    def release(self) -> None:
        self._end.touch()


def test_invocations_run_in_parallel_up_to_concurrency(start_service: StartService) -> None:
    service = start_service(WAITS_FOR_FILE, "--concurrency=4", "--timeout=60")
    with ThreadPoolExecutor(50) as threads:
        invocations = RunningInvocations(service, threads)
        responses = [invocations.send(number) for number in range(50)]
        invocations.wait_queued(46)
        wait_until(lambda: sum(invocations.marker(number).exists() for number in range(50)) == 4)
        assert service.metric("lambda_concurrent_executions") == 4
        assert service.metric("lambda_environments") == 4
        invocations.release()
        pids = [response.result().json() for response in responses]

    assert len(set(pids)) == 4
    assert service.metric("lambda_invocations_total") == 50
    assert service.metric("lambda_init_duration_seconds_count") == 4
    assert service.metric("lambda_queue_length") == 0
    assert service.metric("lambda_concurrent_executions") == 0


def test_idle_environment_is_reused_with_its_globals(service: LambdaService) -> None:
    code = "import sys; sys.calls = getattr(sys, 'calls', 0) + 1; reply = sys.calls"
    first = service.run(code)
    environments = service.metric("lambda_environments")

    assert [service.run(code) for _ in range(4)] == [first + more for more in range(1, 5)]
    assert service.metric("lambda_environments") == environments


def test_request_beyond_queue_is_throttled_like_aws(start_service: StartService) -> None:
    service = start_service(WAITS_FOR_FILE, "--concurrency=1", "--queue=1", "--timeout=60")
    with ThreadPoolExecutor(2) as threads:
        invocations = RunningInvocations(service, threads)
        first = invocations.send(1)
        invocations.wait_running(1)
        second = invocations.send(2)
        invocations.wait_queued(1)

        with pytest.raises(ClientError) as raised:
            service.boto3.invoke(FunctionName="function", Payload="{}")
        url = service.request("GET", "/")

        invocations.release()
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
def strict(start_module_service: StartService) -> LambdaService:
    return start_module_service(WAITS_FOR_FILE, "--concurrency=3", "--no-queue", "--timeout=60")


def test_no_queue_throttles_at_the_concurrency_limit(
    strict: LambdaService,
) -> None:
    with ThreadPoolExecutor(3) as threads:
        invocations = RunningInvocations(strict, threads)
        responses = [invocations.send(number) for number in range(3)]
        invocations.wait_running(0, 1, 2)

        fourth = strict.invoke({})

        invocations.release()
        assert [response.result().status for response in responses] == [200, 200, 200]
    assert (fourth.status, fourth.json()) == (429, THROTTLED)
    assert fourth.headers["x-amzn-errortype"] == "TooManyRequestsException"


def test_zero_concurrency_throttles_all(start_service: StartService) -> None:
    service = start_service("def handler(event, context): ...", "--concurrency=0")

    response = service.invoke({})
    sent = json.dumps({"function": "function", "event": "1"}).encode()
    json_type = {"Content-Type": "application/json"}
    of_the_page = request(service.admin_url, "POST", "/api/invoke", sent, json_type)

    assert (response.status, response.json()) == (429, THROTTLED)
    assert of_the_page.status == 409
    assert of_the_page.json()["message"].startswith("Throttled (429): ")
    assert service.metric("lambda_throttles_total") == 2
    assert service.metric("lambda_environments") == 0


def test_request_is_throttled_after_queue_timeout(start_service: StartService) -> None:
    service = start_service(
        WAITS_FOR_FILE, "--concurrency=1", "--queue-timeout=0.2", "--timeout=60"
    )
    with ThreadPoolExecutor(1) as threads:
        invocations = RunningInvocations(service, threads)
        first = invocations.send(1)
        invocations.wait_running(1)

        second = service.invoke({})

        invocations.release()
        assert first.result().status == 200
    assert (second.status, second.json()) == (429, THROTTLED)
    assert service.metric("lambda_queue_length") == 0


def test_throttled_event_is_retried(strict: LambdaService) -> None:
    throttled = strict.metric("lambda_throttles_total")
    with ThreadPoolExecutor(3) as threads:
        invocations = RunningInvocations(strict, threads)
        responses = [invocations.send(number) for number in range(3)]
        invocations.wait_running(0, 1, 2)
        event = {"began": str(invocations.marker(3)), "end": str(invocations.marker(3))}
        strict.boto3.invoke(
            FunctionName="function", InvocationType="Event", Payload=json.dumps(event)
        )
        wait_until(lambda: strict.metric("lambda_throttles_total") > throttled)
        invocations.release()

        assert [response.result().status for response in responses] == [200, 200, 200]
    invocations.wait_running(3)


def test_requests_run_in_order_of_arrival(start_service: StartService) -> None:
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
    service = start_service(source, "--concurrency=1", "--timeout=60")
    with ThreadPoolExecutor(10) as threads:
        invocations = RunningInvocations(service, threads)
        for number in range(10):
            threads.submit(service.invoke, {"number": number})
            wait_until(lambda: service.metric("lambda_concurrent_executions") == 1)
            invocations.wait_queued(number)
        (service.project / "go").touch()

    assert service.invoke({"number": 10}).json() == list(range(11))


def test_idle_environments_except_one_are_shut_down(start_service: StartService) -> None:
    service = start_service(
        WAITS_FOR_FILE,
        "--concurrency=3",
        constants={"functions.scaler.IDLE_TIMEOUT_SECONDS": 0.2},
    )
    with ThreadPoolExecutor(3) as threads:
        invocations = RunningInvocations(service, threads)
        responses = [invocations.send(number) for number in range(3)]
        invocations.wait_running(0, 1, 2)
        invocations.release()
        pids = {response.result().json() for response in responses}
    assert len(pids) == 3

    wait_until(lambda: service.metric("lambda_environments") == 1)
    wait_until(lambda: len(pids & {process.pid for process in service.processes()}) == 1)
