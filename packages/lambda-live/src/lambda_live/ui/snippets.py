"""How an invocation is repeated elsewhere: with curl, with boto3, in a pytest test."""

import json
import pprint
import re
import shlex
from typing import Any
from urllib.parse import quote

from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.strict_json import loads
from lambda_live.ui.rows import InvocationRow

_SKIPPED_HEADERS = (
    *("host", "content-length", "connection", "accept-encoding", "user-agent"),
    *("x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id"),
)
_WIDTH = 88
_BOTO3 = """\
import json

import boto3

client = boto3.client(
    "lambda",
    endpoint_url={url!r},
    region_name={region!r},
    aws_access_key_id="local",
    aws_secret_access_key="local",
)
event = {event}
response = client.invoke(FunctionName={function!r}, Payload=json.dumps(event){tenant})
print(response["StatusCode"], response.get("FunctionError", ""))
print(response["Payload"].read().decode())
"""
_PYTEST = """\
from types import SimpleNamespace
{imports}
import {module} as function


def test_{name}():
    event = {event}
    context = SimpleNamespace(
        function_name={function!r},
        aws_request_id={request_id!r},
        tenant_id={tenant!r},
        invoked_function_arn={arn!r},
        memory_limit_in_mb={memory!r},
        get_remaining_time_in_millis=lambda: {timeout_ms},
    )
{assertion}
"""


def curl_command(row: InvocationRow, event: bytes, url: str, *, at_root: bool) -> str:
    """
    Return the command that repeats an invocation.

    `at_root` says that the service's `url` is the function's URL.
    """
    method, _, path = row.label.partition(" ")
    if path.startswith("/"):
        function_url = url.replace("://127.0.0.1", f"://{row.function}.localhost", 1)
        try:
            return _request_command(event, method, url, url if at_root else function_url)
        except (ValueError, LookupError, TypeError, AttributeError):
            pass  # the event has another format than 2.0, or only resembles a request
    invoke = f"{url}/2015-03-31/functions/{row.function}/invocations"
    body = event.decode("utf-8", "replace")
    tenant = [] if row.tenant_id is None else ["-H", f"X-Amz-Tenant-Id: {row.tenant_id}"]
    options = ["-H", "Content-Type: application/json", *tenant, "--data-binary", body]
    return shlex.join(["curl", *options, invoke])


def _request_command(content: bytes, method: str, url: str, function_url: str) -> str:
    """Return the command for an HTTP request whose body is text. Raises ValueError."""
    event = loads(content)
    context = event["requestContext"]
    if context["http"]["method"] != method or event.get("isBase64Encoded"):
        raise ValueError
    path, base = event["rawPath"], function_url
    if context["accountId"] != "anonymous":  # only function URLs have an anonymous account
        # an HTTP API decodes the path and prefixes it with the stage
        path, base = quote(path.removeprefix(f"/{context['stage']}")), url
    query = f"?{event['rawQueryString']}" if event["rawQueryString"] else ""
    return shlex.join(["curl", "-X", method, *_request_options(event), f"{base}{path}{query}"])


def _request_options(event: dict[str, Any]) -> list[str]:
    options: list[str] = []
    for name, value in event["headers"].items():
        if name not in _SKIPPED_HEADERS and not name.startswith("sec-"):
            options += ["-H", f"{name}: {value}"]
    if event.get("cookies"):
        options += ["-b", "; ".join(event["cookies"])]
    if "body" in event:
        options += ["--data-raw", event["body"]]
    return options


def boto3_script(row: InvocationRow, event: bytes, url: str, region: str) -> str:
    """Return a script that invokes the function with the event. Raises ValueError."""
    literal = _literal(loads(event), 0)
    tenant = "" if row.tenant_id is None else f", TenantId={row.tenant_id!r}"
    return _BOTO3.format(
        url=url, region=region, event=literal, function=row.function, tenant=tenant
    )


def pytest_test(
    row: InvocationRow, event: bytes, response: bytes, configuration: FunctionConfiguration
) -> str:
    """Return a test that expects the response, or the error. Raises ValueError."""
    module, _, handler = configuration.handler.rpartition(".")
    call = f"function.{handler}(event, context)"
    imports = ""
    if row.report.error_type is None:
        expected = _literal(loads(response), 4)
        assertion = f"    assert {call} == {expected}"
    else:
        imports = "\nimport pytest\n"
        first = row.message.partition("\n")[0]
        match = f", match={re.escape(first)!r}" if first else ""
        assertion = f"    with pytest.raises(Exception{match}):\n        {call}"
    return _PYTEST.format(
        imports=imports,
        module=module.replace("/", "."),
        name=re.sub(r"\W+", "_", row.label.lower()).strip("_") or "invocation",
        event=_literal(loads(event), 4),
        function=row.function,
        request_id=row.request_id,
        tenant=row.tenant_id,
        arn=configuration.arn,
        memory=str(configuration.memory),
        timeout_ms=round(configuration.timeout * 1000),
        assertion=assertion,
    )


def _literal(value: Any, indent: int) -> str:
    """Return a value as Python code that continues at a column."""
    text = pprint.pformat(value, width=_WIDTH - indent, sort_dicts=False)
    if "\n" not in text:
        return text
    return text.replace("\n", "\n" + " " * (indent + 8))


def json_text(value: Any) -> str:
    """Return a value as a file of `events/` contains it."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
