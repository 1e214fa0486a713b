"""AWS stops a function that invokes itself, after about 16 calls in one chain of requests."""

import json
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_live.model.invocation import count_lineage
from support.lambda_service import LambdaService
from support.service_starter import StartService

INVOKES_ITSELF = """
import json, os
from pathlib import Path
import boto3

def handler(event, context):
    calls = Path(event["calls"])
    with calls.open("a") as file:
        file.write("x")
    client = boto3.client("lambda")
    response = client.invoke(
        FunctionName="function", InvocationType=event["type"], Payload=json.dumps(event)
    )
    return response["StatusCode"]
"""
ARN = "arn:aws:lambda:us-east-1:123456789012:function:function"


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(INVOKES_ITSELF, "--concurrency=30", "--memory=512")


def test_function_that_invokes_itself_gets_recursive_invocation_exception(
    service: LambdaService,
) -> None:
    event = {"calls": str(service.project / "sync"), "type": "RequestResponse"}

    response = service.invoke(event)

    assert (service.project / "sync").read_text() == "x" * 16
    assert response.json() == 200
    log = "\n".join(service.lines)
    assert "RecursiveInvocationException" in log


def test_event_in_a_recursive_loop_is_dropped_and_logged(service: LambdaService) -> None:
    event = {"calls": str(service.project / "async"), "type": "Event"}

    service.boto3.invoke(FunctionName="function", InvocationType="Event", Payload=json.dumps(event))

    service.wait_for_line("event not run: recursive loop")
    assert (service.project / "async").read_text() == "x" * 16


def test_lineage_of_the_caller_counts(service: LambdaService) -> None:
    other = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=0a1b2c3d:99"

    response = service.invoke(
        {"calls": str(service.project / "other"), "type": "DryRun"}, {"X-Amzn-Trace-Id": other}
    )

    assert response.json() == 204


def test_client_sees_the_exception_by_name(service: LambdaService) -> None:
    trace, count = "Root=1-5759e988-bd862e3fe1be46a994272793", 0
    while count < 16:
        trace, count = count_lineage(trace, ARN)
    client = service.boto3
    add_trace = partial(_add_header, trace)
    client.meta.events.register("before-call.lambda.Invoke", add_trace)

    try:
        with pytest.raises(ClientError, match="recursive loop") as error:
            client.invoke(FunctionName="function", Payload="{}")
    finally:
        client.meta.events.unregister("before-call.lambda.Invoke", add_trace)

    assert error.value.response["Error"]["Code"] == "RecursiveInvocationException"


def _add_header(trace: str, params: dict[str, Any], **_: object) -> None:
    params["headers"]["X-Amzn-Trace-Id"] = trace
