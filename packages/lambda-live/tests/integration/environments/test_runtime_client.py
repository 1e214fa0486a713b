import http.client
import importlib
import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lambda_live.environments.runtime_process import runtime_client
from support.lambda_service import LambdaService
from support.project import PACKAGE, RUNS_ITS_EVENT
from support.server_thread import serve_in_thread
from support.service_starter import StartService


@pytest.fixture(scope="module")
def service(
    start_module_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> LambdaService:
    """A service without AWS's native module, as on macOS."""
    hides = tmp_path_factory.mktemp("hides")
    (hides / "runtime_client.py").write_text("raise ImportError\n", encoding="utf-8")
    return start_module_service(RUNS_ITS_EVENT, PYTHONPATH=f"{hides}{os.pathsep}{PACKAGE / 'src'}")


def test_environment_loads_python_client(service: LambdaService) -> None:
    path = service.run("import runtime_client; reply = runtime_client.__spec__.loader.path")

    assert path == str(PACKAGE / "src/lambda_live/environments/runtime_process/runtime_client.py")


def test_python_client_transfers_events_and_responses(service: LambdaService) -> None:
    event = {"code": "reply = event['text']", "text": "Grüße 🚀" * 1000}

    assert service.invoke(event).json() == event["text"]
    assert service.invoke({"code": "reply = bytes(range(256))"}).body == bytes(range(256))
    assert service.invoke({"code": "reply = None"}).body == b"null"


def test_python_client_transfers_exceptions(service: LambdaService) -> None:
    response = service.invoke({"code": "raise ValueError('Grüße 🚀')"})

    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert response.json()["errorMessage"] == "Grüße 🚀"
    assert response.json()["errorType"] == "ValueError"


def test_python_client_transfers_context(service: LambdaService) -> None:
    response = service.invoke(
        {"code": "reply = [context.aws_request_id, context.memory_limit_in_mb]"}
    )

    assert response.json() == [response.headers["x-amzn-requestid"], "128"]


def test_python_client_reports_too_large_response(service: LambdaService) -> None:
    response = service.invoke({"code": "reply = 'x' * 7_000_000"})

    assert response.json()["errorType"] == "Function.ResponseSizeTooLarge"
    assert service.run("reply = 1") == 1


class _Records(BaseHTTPRequestHandler):
    requests: list[tuple[str, dict[str, str], bytes]]
    status = 202
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append((self.path, dict(self.headers), body))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Log nothing."""


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Records]]:
    """A Runtime API that records requests."""
    handler = type("Recorder", (_Records,), {"requests": []})
    with serve_in_thread(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", f"127.0.0.1:{server.server_port}")
        importlib.reload(runtime_client)  # a process has one client
        yield handler
        connection = runtime_client._connection
        assert isinstance(connection, http.client.HTTPConnection)
        connection.close()


def test_python_client_echoes_invocation_id(recorder: type[_Records]) -> None:
    runtime_client.initialize_client("test/1")
    runtime_client.post_invocation_result("one", b"1", "application/json", "two")
    runtime_client.post_error("one", json.dumps({"errorType": "E"}), "{}", "two")

    (path, headers, body), (error_path, error_headers, error) = recorder.requests
    assert (path, body) == ("/2018-06-01/runtime/invocation/one/response", b"1")
    assert (error_path, error) == (
        "/2018-06-01/runtime/invocation/one/error",
        b'{"errorType": "E"}',
    )
    assert error_headers["Lambda-Runtime-Function-XRay-Error-Cause"] == "{}"
    for sent in (headers, error_headers):
        assert sent["Lambda-Runtime-Invocation-Id"] == "two"
        assert sent["Content-Type"] == "application/json"
        assert sent["User-Agent"] == "test/1"


def test_python_client_raises_for_unexpected_status(recorder: type[_Records]) -> None:
    recorder.status = 403

    with pytest.raises(RuntimeError, match="403"):
        runtime_client.post_invocation_result("one", b"1", "application/json")
