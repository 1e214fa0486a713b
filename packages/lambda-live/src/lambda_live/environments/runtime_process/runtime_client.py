"""
AWS's `runtime_client` in Python, for systems other than Linux.

awslambdaric calls the Runtime API through `runtime_client`, an extension that AWS builds for Linux
only. This module has the same functions. Without it, lambda-live does not run on macOS.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.client
import os
from collections.abc import Mapping

_STATUS_ACCEPTED = 202
_STATUS_OK = 200
_agent = "aws-lambda-python"
_connection: http.client.HTTPConnection | None = None


def initialize_client(user_agent: str) -> None:
    """Set the User-Agent header; awslambdaric calls this when it is imported."""
    global _agent  # noqa: PLW0603  # the native module has one client per process too
    _agent = user_agent


def _call(
    method: str, path: str, body: bytes | None, headers: Mapping[str, str | bytes], expected: int
) -> tuple[bytes, dict[str, str]]:
    global _connection  # noqa: PLW0603
    if _connection is None:
        _connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    _connection.request(
        method, f"/2018-06-01/runtime/{path}", body, {**headers, "User-Agent": _agent}
    )
    response = _connection.getresponse()
    content = response.read()
    if response.status != expected:
        message = f"Http response code: {response.status}."
        raise RuntimeError(message)
    return content, dict(response.getheaders())


def next() -> tuple[bytes, dict[str, str]]:  # noqa: A001  # the native module's name
    """Wait for an event; return its body and headers."""
    return _call("GET", "invocation/next", None, {}, _STATUS_OK)


def post_invocation_result(
    invoke_id: str, result_data: bytes, content_type: str, invocation_id: str | None = None
) -> None:
    """Send the handler's response."""
    headers = {"Content-Type": content_type} | _invocation_id_header(invocation_id)
    _call("POST", f"invocation/{invoke_id}/response", result_data, headers, _STATUS_ACCEPTED)


def post_error(
    invoke_id: str, error_response_data: str, xray_fault: str, invocation_id: str | None = None
) -> None:
    """Send the handler's error."""
    headers: dict[str, str | bytes] = {
        "Content-Type": "application/json",
        "Lambda-Runtime-Function-XRay-Error-Cause": xray_fault.encode("utf-8", "replace"),
        **_invocation_id_header(invocation_id),
    }
    body = error_response_data.encode("utf-8")
    _call("POST", f"invocation/{invoke_id}/error", body, headers, _STATUS_ACCEPTED)


def _invocation_id_header(invocation_id: str | None) -> dict[str, str]:
    return {"Lambda-Runtime-Invocation-Id": invocation_id} if invocation_id else {}
